/* test_store_replay.c - what the log holds is put back: after a cut in order, and after a kill */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/disk/rec.h"
#include "imap/disk/wal.h"
#include "imap/store/list/local.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { REPLAY_OPEN = 64 };		/* mailboxes that a replay has open at once */

static void
shell(const char *command, const char *a, const char *b)
{
	char line[512];

	snprintf(line, sizeof(line), "%s %s %s", command, a, b);
	assert_int_equal(system(line), 0);
}

static struct index *
open_index(void)
{
	char path[160];
	struct index *ix;
	int fd;

	snprintf(path, sizeof(path), "%s/user/joe", f.spool);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(index_open(fd, "user.joe", &ix), OK);
	return ix;
}

/* Copied, its mailbox deleted; then the power went before a checkpoint. */
static void
copy_outlives_the_deleted_original(void **state)
{
	struct mbox *m, *to;
	uint32_t uid;
	char saved[128], file[192];
	struct txn *t;

	(void)state;
	fixture_create(&f, "user.joe.x");
	assert_int_equal(store_checkpoint(f.s), OK);
	m = fixture_mbox(&f, "user.joe.x", "joe", 0);
	to = fixture_mbox(&f, "user.joe", "joe", 0);
	uid = fixture_append(m, f.s, "the only one");
	mbox_close(m);
	m = fixture_mbox(&f, "user.joe.x", "joe", 0);
	t = txn_begin(to);
	txn_copy(t, m, &uid, 1);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	mbox_close(m);
	mbox_close(to);
	snprintf(saved, sizeof(saved), "%s/saved", f.dir);
	shell("cp -a", f.spool, saved);
	assert_int_equal(mblist_delete(f.s, STR("user.joe.x"), true), OK);
	store_close(f.s);
	shell("rm -rf", f.spool, "");
	shell("mv", saved, f.spool);
	snprintf(file, sizeof(file), "%s/user/joe/1.", f.spool);
	shell("truncate -s 0", file, "");
	assert_int_equal(store_open(&f.params, &f.s), OK);
	to = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(to), 1);
	fixture_expect_body(to, 1, "the only one");
	mbox_close(to);
}

static void
move_one(const char *from, const char *to)
{
	struct mbox *m = fixture_mbox(&f, from, "joe", 0), *target = fixture_mbox(&f, to, "joe", 0);
	struct txn *t[2] = { txn_begin(target), txn_begin(m) };
	uint32_t uid = mbox_uid(m, 1);

	txn_copy(t[0], m, &uid, 1);
	txn_expunge(t[1], &uid, 1, true);
	assert_int_equal(txn_commit_all(t, 2, true), OK);
	txn_abort(t[0]);
	txn_abort(t[1]);
	mbox_close(target);
	mbox_close(m);
}

static bool dies;			/* at the first link to a message */

/* Instead of the C library's. */
int
linkat(int fromdir, const char *from, int todir, const char *to, int flags)
{
	if (dies)
		_exit(0);
	return (int)syscall(SYS_linkat, fromdir, from, todir, to, flags);
}

static void
append_to(const char *name, const char *text)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", 0);

	fixture_append(m, f.s, text);
	mbox_close(m);
}

/*
 * user.joe.old has a message from before the checkpoint.  After it come one to
 * FIRST and one to each of more mailboxes than a replay has open at once.
 */
static void
write_long_log(const char *first)
{
	char name[40];

	fixture_create(&f, "user.joe.old");
	append_to("user.joe.old", "moved");
	for (int i = 0; i < REPLAY_OPEN + 1; i++) {
		snprintf(name, sizeof(name), "user.joe.m%d", i);
		fixture_create(&f, name);
	}
	assert_int_equal(store_checkpoint(f.s), OK);
	append_to(first, "one");
	for (int i = 0; i < REPLAY_OPEN + 1; i++) {
		snprintf(name, sizeof(name), "user.joe.m%d", i);
		append_to(name, "one");
	}
}

/*
 * Of the first mailbox the disk has the header as it was in the middle of its
 * last commit, whose files no log could make again.
 */
static void
long_replay_removes_no_file_of_a_later_frame(void **state)
{
	struct index *ix;
	struct mbox *m;
	char saved[128];

	(void)state;
	write_long_log("user.joe");
	/* The index as it is now, with the mark of what comes next. */
	snprintf(saved, sizeof(saved), "%s/user/joe/cyrus.index", f.spool);
	fixture_shell("cp %s %s/before", saved, f.dir);
	move_one("user.joe.old", "user.joe");
	store_close(f.s);
	/* As of what was expunged, with expunge_mode immediate. */
	fixture_shell("rm -f %s/user/joe/old/1.", f.spool);
	fixture_shell("mv %s/before %s", f.dir, saved);
	ix = open_index();
	ix->h->writing_uid = 2;
	ix->h->writing_lsn = 1;
	index_close(ix);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	fixture_expect_body(m, 2, "moved");
	mbox_close(m);
	ix = open_index();
	assert_int_equal(ix->h->writing_uid, 0);
	index_close(ix);
}

/*
 * Moved and gone from the first mailbox, whose record is on the disk and says so;
 * but neither the removal of its file nor the copy's name are.
 */
static void
long_replay_keeps_the_original_of_a_later_copy(void **state)
{
	char file[160];
	struct index *ix;
	struct index_record r;
	struct mbox *m;
	int fd;

	(void)state;
	write_long_log("user.joe.old");
	move_one("user.joe.old", "user.joe");
	store_close(f.s);
	snprintf(file, sizeof(file), "%s/user/joe/old", f.spool);
	fd = open(file, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(index_open(fd, "user.joe.old", &ix), OK);
	r = *index_peek(ix, 0);
	assert_true(r.flags & REC_EXPUNGED);
	r.flags |= REC_RECLAIMED;
	assert_int_equal(index_lock(ix), OK);
	index_write_begin(ix);
	index_put(ix, &r);
	index_write_end(ix);
	index_close(ix);
	fixture_shell("rm %s/user/joe/1. && test -f %s/1.", f.spool, file);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 1);
	fixture_expect_body(m, 1, "moved");
	mbox_close(m);
}

/* A commit to message 1 of IX, as far as the log: \Flagged. */
static void
log_flagged(const struct index *ix)
{
	struct rec_flags flags = { .uid = 1, .flags = MSG_FLAGGED,
	    .modseq = ix->h->highestmodseq + 1, .changed = time(NULL) };
	struct rec_head head = { .last_uid = ix->h->last_uid, .highestmodseq = flags.modseq };
	struct buf frame = BUF_INIT;
	uint64_t start, end;
	struct iovec iov;

	rec_begin(&frame, time(NULL));
	rec_add_mailbox(&frame, &ix->h->id);
	rec_add_flags(&frame, &flags);
	rec_add_head(&frame, &head);
	iov = (struct iovec){ frame.p, frame.n };
	assert_int_equal(wal_append(f.s->part[0].wal, &iov, 1, &start, &end), OK);
	assert_int_equal(wal_flush(f.s->part[0].wal, end), OK);
	buf_free(&frame);
}

/*
 * He had noted where the log stood, and was kept waiting for it by another one, after
 * whom there was a mark of a checkpoint; then he wrote, and was killed.
 */
static void
frame_behind_a_checkpoint_of_an_older_note(void **state)
{
	struct wal *wal = f.s->part[0].wal;
	struct message msg;
	struct index *ix;
	struct mbox *m;
	uint64_t note;

	(void)state;
	fixture_create(&f, "user.joe.x");
	append_to("user.joe", "one");
	assert_int_equal(store_checkpoint(f.s), OK);
	ix = open_index();
	note = wal_tail(wal);
	append_to("user.joe.x", "another's");
	assert_int_equal(store_checkpoint(f.s), OK);
	assert_true(note < wal_checkpoint_lsn(wal));
	ix->h->dirty_lsn = note;
	log_flagged(ix);
	index_close(ix);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_message(m, 1, &msg), OK);
	assert_int_equal(msg.flags & MSG_FLAGGED, MSG_FLAGGED);
	mbox_close(m);
}

/*
 * Somebody has put a message back, with the UID that is given next; and the writer
 * that is to find it is killed after it has said which files it makes.
 */
static void
file_of_another_outlives_a_killed_writer(void **state)
{
	int status;

	(void)state;
	fixture_create(&f, "user.joe.old");
	append_to("user.joe.old", "moved");
	append_to("user.joe", "one");
	fixture_shell("cp %s/user/joe/1. %s/user/joe/2.", f.spool, f.spool);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dies = true;
		if (store_open(&f.params, &f.s) == OK)
			move_one("user.joe.old", "user.joe");
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	append_to("user.joe", "three");
	fixture_shell("cmp %s/user/joe/1. %s/user/joe/2.", f.spool, f.spool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(copy_outlives_the_deleted_original,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(long_replay_removes_no_file_of_a_later_frame,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(long_replay_keeps_the_original_of_a_later_copy,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(frame_behind_a_checkpoint_of_an_older_note,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(file_of_another_outlives_a_killed_writer,
		    fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
