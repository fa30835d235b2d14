/* test_store_torn.c - files that a kill or a power cut left half written */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/disk/wal.h"
#include "imap/store/list/local.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	PAGE = 4096,
	REPLAY_OPEN = 64,		/* mailboxes that a replay has open at once */
};

static char flushed[8192];		/* names of what was flushed, in order */

static void
note(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;
	size_t have = strlen(flushed);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return;
	path[n] = '\0';
	snprintf(flushed + have, sizeof(flushed) - have, "%s\n", path);
}

/* Instead of the C library's. */
int
fsync(int fd)
{
	note(fd);
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	note(fd);
	return (int)syscall(SYS_fdatasync, fd);
}

static int
setup(void **state)
{
	flushed[0] = '\0';
	return fixture_setup(state);
}

static int
open_dir(void)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/user/joe", f.spool);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	return fd;
}

static struct index *
open_index(void)
{
	struct index *ix;

	assert_int_equal(index_open(open_dir(), "user.joe", &ix), OK);
	return ix;
}

static void
put_until_page(struct index *ix)
{
	struct index_record r = { .size = 1, .modseq = 2 };

	assert_int_equal(index_reserve(ix, 40), OK);
	index_write_begin(ix);
	while (INDEX_HEADER_SIZE + (ix->h->records + 1) * INDEX_RECORD_SIZE <= PAGE) {
		r.uid++;
		index_put(ix, &r);
	}
	index_write_end(ix);
}

/* The next record crosses into a page whose first touch ends the process. */
static void
kill_at_page_fault_leaves_no_empty_record(void **state)
{
	struct index *ix = open_index();
	struct index_record r = { .size = 1, .modseq = 3 };
	uint32_t before;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(index_lock(ix), OK);
	put_until_page(ix);
	before = ix->h->records;
	if ((pid = fork()) == 0) {
		signal(SIGSEGV, SIG_DFL);
		if (mprotect((char *)ix->h + PAGE, PAGE, PROT_NONE) != 0)
			_exit(1);
		r.uid = before + 1;
		index_write_begin(ix);
		index_put(ix, &r);
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(ix->h->records, before);
	index_unlock(ix);
	index_close(ix);
}

/* The flag lies in one sector and the checksum in another: no log has either. */
static void
reclaimed_flag_may_be_torn_off(void **state)
{
	struct index *ix = open_index();
	struct index_record r = { .uid = 1, .size = 1, .modseq = 2, .flags = REC_EXPUNGED };
	struct index_record *at;

	(void)state;
	assert_int_equal(index_lock(ix), OK);
	assert_int_equal(index_reserve(ix, 1), OK);
	index_write_begin(ix);
	index_put(ix, &r);
	at = (struct index_record *)((char *)ix->h + INDEX_HEADER_SIZE);
	at->flags |= REC_RECLAIMED;
	index_write_end(ix);
	assert_int_equal(index_get(ix, 0, &r), OK);
	assert_true(r.flags & REC_RECLAIMED);
	at->flags ^= MSG_SEEN;
	assert_false(index_record_valid(at));
	index_unlock(ix);
	index_close(ix);
}

/* The header's page reached the disk, the size that the index had grown to did not. */
static void
index_may_be_shorter_than_it_counts(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct index *ix;
	char path[160];

	(void)state;
	for (int i = 1; i <= 30; i++)
		assert_int_equal(fixture_append(m, f.s, "text"), i);
	mbox_close(m);
	store_close(f.s);
	snprintf(path, sizeof(path), "%s/user/joe/cyrus.index", f.spool);
	assert_int_equal(truncate(path, PAGE), 0);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	ix = open_index();
	assert_int_equal(ix->h->records, 30);
	assert_int_equal(ix->h->exists, 30);
	index_close(ix);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(fixture_append(m, f.s, "more"), 31);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

/* A page with dirty_lsn reached the disk, the log did not reach that place. */
static void
dirty_place_need_not_begin_a_frame(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct index *ix;

	(void)state;
	fixture_append(m, f.s, "one");
	fixture_append(m, f.s, "two");
	ix = open_index();
	assert_int_equal(index_lock(ix), OK);
	ix->h->dirty_lsn = wal_tail(f.s->part[0].wal) - 7;
	index_unlock(ix);
	assert_int_equal(fixture_append(m, f.s, "three"), 3);
	assert_int_equal(ix->h->dirty_lsn, 0);
	ix->h->dirty_lsn = wal_tail(f.s->part[0].wal) + 1000;
	assert_int_equal(fixture_append(m, f.s, "four"), 4);
	index_close(ix);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

static void
add_keyword(struct mbox *m, uint32_t uid, uint32_t flags)
{
	struct str kw = STR("$Label1");
	struct store_params_flags add = { .op = STORE_ADD, .flags = flags,
	    .keywords = { &kw, 1 } };

	fixture_store(m, uid, &add);
}

/* They hold more than the log can put back. */
static void
replaced_files_are_flushed_first(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "ann", 0);
	uint32_t uid = fixture_append(m, f.s, "one");

	(void)state;
	flushed[0] = '\0';
	add_keyword(m, uid, MSG_SEEN);
	assert_non_null(strstr(flushed, "user/joe/cyrus.header."));
	assert_non_null(strstr(flushed, "user/joe/cyrus.seen.NEW"));
	assert_true(strstr(flushed, "cyrus.seen.NEW") < strstr(flushed, ".log\n"));
	mbox_close(m);
}

/* One mailbox's damage keeps nobody else from their mail. */
static void
damaged_header_does_not_stop_the_start(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	uint32_t uid = fixture_append(m, f.s, "one");
	int dirfd, fd;

	(void)state;
	add_keyword(m, uid, MSG_FLAGGED);
	fixture_append(m, f.s, "two");
	mbox_close(m);
	store_close(f.s);
	dirfd = open_dir();
	fd = openat(dirfd, "cyrus.header", O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	close(fd);
	close(dirfd);
	assert_int_equal(store_open(&f.params, &f.s), OK);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	fixture_expect_body(m, 2, "two");
	mbox_close(m);
}

/* Somebody made the log's next file and was killed before its name was flushed. */
static void
name_of_a_log_file_is_flushed_before_use(void **state)
{
	static char big[3000000];
	char dir[128], line[160];
	struct iovec iov = { big, sizeof(big) };
	uint64_t start, end = 0;
	struct wal *w;
	bool cold;
	int dirfd, fd;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/log", f.dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(wal_open(dirfd, dir, &w, &cold), OK);
	wal_ready(w);
	assert_int_equal(wal_append(w, &iov, 1, &start, &end), OK);
	fd = openat(dirfd, "0000000001000000.log", O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, WAL_SEGMENT), 0);
	close(fd);
	flushed[0] = '\0';
	while (end < 2 * WAL_SEGMENT)
		assert_int_equal(wal_append(w, &iov, 1, &start, &end), OK);
	snprintf(line, sizeof(line), "%s\n", dir);
	assert_non_null(strstr(flushed, line));
	wal_close(w);
	close(dirfd);
}

static struct blob *
large_blob(void)
{
	static char line[1000];
	struct blob *b;

	memset(line, 'x', sizeof(line));
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	assert_int_equal(blob_new(f.s, NULL, &b), OK);
	assert_int_equal(blob_write(b, "A: b\r\n\r\n", 8), OK);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(blob_write(b, line, sizeof(line)), OK);
	assert_int_equal(blob_finish(b), OK);
	return b;
}

/* What has no stage file any more must be on the disk under all its names. */
static void
links_that_replay_cannot_make_are_flushed(void **state)
{
	static const char *const name[2] = { "user.joe.x", "user.joe.y" };
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0), *to[2];
	struct append_params p = { 0 };
	struct blob *b = large_blob();
	struct txn *t[2];

	(void)state;
	assert_int_equal(fixture_append_blob(m, b), 1);
	for (int i = 0; i < 2; i++) {
		fixture_create(&f, name[i]);
		to[i] = fixture_mbox(&f, name[i], "joe", 0);
		t[i] = txn_begin(to[i]);
		txn_append(t[i], b, &p);
	}
	flushed[0] = '\0';
	assert_int_equal(txn_commit_all(t, 2, false), OK);
	assert_non_null(strstr(flushed, "user/joe/x\n"));
	assert_non_null(strstr(flushed, "user/joe/y\n"));
	for (int i = 0; i < 2; i++) {
		txn_abort(t[i]);
		mbox_close(to[i]);
	}
	blob_free(b);
	mbox_close(m);
}

/* A delivery in two commits, and a checkpoint comes between. */
static void
large_message_outlives_its_stage_file(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct blob *b = large_blob();
	struct str bytes;

	(void)state;
	assert_int_equal(fixture_append_blob(m, b), 1);
	assert_int_equal(store_checkpoint(f.s), OK);
	assert_int_equal(fixture_append_blob(m, b), 2);
	blob_free(b);
	mbox_close(m);
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	assert_int_equal(mbox_body(m, 2, &bytes), OK);
	assert_int_equal(bytes.n, 1000008);
	mbox_close(m);
}

static uint64_t
end_of_cache(struct index *ix, uint32_t at)
{
	const struct index_record *r = index_peek(ix, at);

	assert_true(r->cache_len > 0);
	return r->cache_offset + r->cache_len;
}

/* The header's page did not reach the disk, those of the records did. */
static void
nothing_is_written_over_cache_entries(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct index *ix;

	(void)state;
	fixture_append(m, f.s, "one");
	fixture_append(m, f.s, "two");
	mbox_close(m);
	ix = open_index();
	ix->h->cache_size = INDEX_CACHE_START;
	index_close(ix);
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "three");
	mbox_close(m);
	ix = open_index();
	assert_true(index_peek(ix, 2)->cache_offset >= end_of_cache(ix, 1));
	assert_int_equal(ix->h->cache_size, end_of_cache(ix, 2));
	index_close(ix);
}

/* A header that counts more than there is, in a file that was just replaced. */
static void
a_replaced_file_is_not_believed(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct index *ix;
	uint64_t bytes;

	(void)state;
	fixture_append(m, f.s, "one");
	ix = open_index();
	ix->h->records = 10000000;
	ix->h->state = INDEX_REPLACED;
	index_close(ix);
	assert_int_equal(mbox_deleted_bytes(m, &bytes), OK);
	assert_int_equal(bytes, 0);
	mbox_close(m);
}

static int
stage_files(void)
{
	DIR *d = fdopendir(openat(f.s->part[0].stagefd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *de;
	int n = 0;

	while ((de = readdir(d)) != NULL)
		n += strlen(de->d_name) == 32;
	closedir(d);
	return n;
}

/* A checkpoint takes away what a killed writer staged, and nothing of others. */
static void
stage_of_the_killed_is_cleared(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct blob *mine = large_blob();
	struct str bytes;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		(void)large_blob();
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(stage_files(), 2);
	assert_int_equal(store_checkpoint(f.s), OK);
	assert_int_equal(stage_files(), 1);
	assert_int_equal(fixture_append_blob(m, mine), 1);
	/* Nobody's any more, but the log after the checkpoint counts on it. */
	blob_free(mine);
	assert_int_equal(stage_files(), 1);
	assert_int_equal(store_checkpoint(f.s), OK);
	assert_int_equal(stage_files(), 0);
	mbox_close(m);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_body(m, 1, &bytes), OK);
	assert_int_equal(bytes.n, 1000008);
	mbox_close(m);
}

static void
shell(const char *command, const char *a, const char *b)
{
	char line[512];

	snprintf(line, sizeof(line), "%s %s %s", command, a, b);
	assert_int_equal(system(line), 0);
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

/* The list was lost; until another process has built it anew: */
static void
list_that_is_being_built_denies_no_mailbox(void **state)
{
	struct mbentry *e;
	struct store *other;
	char db[128];

	(void)state;
	snprintf(db, sizeof(db), "%s/db", f.config);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	shell("rm -rf", db, "");
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.ann"), &e), ERR_BUSY);
	assert_int_equal(store_open(&f.params, &other), OK);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	store_close(other);
}

/* Its writer is killed inside while we have the mailbox open: we finish his work. */
static void
reader_repairs_a_torn_record(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox_update u;
	struct index *ix;
	struct message msg;

	(void)state;
	fixture_append(m, f.s, "one");
	fixture_append(m, f.s, "two");
	assert_int_equal(mbox_refresh(m, f.arena, 0, &u), OK);
	ix = open_index();
	assert_int_equal(index_lock(ix), OK);
	ix->h->dirty_lsn = ix->h->applied_lsn;
	index_write_begin(ix);
	memset((char *)(uintptr_t)index_peek(ix, 1) + 8, 0xff, 20);
	index_unlock(ix);
	assert_int_equal(mbox_message(m, 2, &msg), OK);
	assert_int_equal(msg.uid, 2);
	assert_int_equal(ix->h->dirty_lsn, 0);
	index_close(ix);
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
}

/*
 * Neither readers nor writers believe a count that the file contradicts, as if
 * a writer had died inside.
 */
static void
count_beyond_the_file_is_damage(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK), *other;
	struct append_params p = { .flags = 0 };
	struct blob *b = fixture_blob(f.s, "one");
	struct mbentry *e;
	uint32_t count = 1000000;
	uint64_t seq = 1000001;
	struct txn *t = txn_begin(m);
	int dir = open_dir(), fd = openat(dir, "cyrus.index", O_RDWR);

	(void)state;
	assert_int_equal(pwrite(fd, &seq, sizeof(seq),
	    offsetof(struct index_header, seq)), sizeof(seq));
	assert_int_equal(pwrite(fd, &count, sizeof(count),
	    offsetof(struct index_header, records)), sizeof(count));
	txn_append(t, b, &p);
	assert_int_equal(txn_commit(t), ERR_CORRUPT);
	txn_abort(t);
	close(fd);
	close(dir);
	blob_free(b);
	mbox_close(m);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	assert_int_equal(mbox_open(f.s, e, "joe", 0, &other), ERR_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kill_at_page_fault_leaves_no_empty_record,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(reader_repairs_a_torn_record, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(reclaimed_flag_may_be_torn_off, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(index_may_be_shorter_than_it_counts, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(dirty_place_need_not_begin_a_frame, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(replaced_files_are_flushed_first, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(damaged_header_does_not_stop_the_start, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(large_message_outlives_its_stage_file, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(stage_of_the_killed_is_cleared, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(nothing_is_written_over_cache_entries, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(a_replaced_file_is_not_believed, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(links_that_replay_cannot_make_are_flushed, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(copy_outlives_the_deleted_original, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(long_replay_removes_no_file_of_a_later_frame,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(long_replay_keeps_the_original_of_a_later_copy,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(list_that_is_being_built_denies_no_mailbox, setup,
		    fixture_teardown),
		cmocka_unit_test_setup_teardown(count_beyond_the_file_is_damage, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(name_of_a_log_file_is_flushed_before_use, setup,
		    fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
