/* test_store_flush.c - what is on the disk before something else is, and what large messages leave in stage/ */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/disk/wal.h"
#include "imap/store/check.h"
#include "imap/store/list/local.h"
#include "imap/store/unexpunge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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

/* Is it the first partition? */
static bool
is_spool(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(f.spool, &b) == 0 && a.st_ino == b.st_ino;
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

static void (*at_syncfs)(void);	/* what somebody else does just after it */
static bool syncfs_fails;

int
syncfs(int fd)
{
	void (*then)(void) = at_syncfs;
	int n = (int)syscall(SYS_syncfs, fd);

	if (syncfs_fails && is_spool(fd)) {
		errno = EIO;
		return -1;
	}
	if (then != NULL && is_spool(fd)) {
		at_syncfs = NULL;
		then();
	}
	return n;
}

static int
setup(void **state)
{
	flushed[0] = '\0';
	at_syncfs = NULL;
	syncfs_fails = false;
	return fixture_setup(state);
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

/* Above them the last UID is raised: below it they would be found as messages. */
static void
torn_files_are_gone_before_their_uids_are(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);

	(void)state;
	fixture_append(m, f.s, "ONE");
	fixture_shell(": >%s/user/joe/2.", f.spool);
	fixture_shell("echo UNKNOWN >%s/user/joe/3.", f.spool);
	flushed[0] = '\0';
	assert_int_equal(fixture_append(m, f.s, "TWO"), 4);
	assert_non_null(strstr(flushed, "user/joe\n"));
	assert_true(strstr(flushed, "user/joe\n") < strstr(flushed, ".log\n"));
	mbox_close(m);
}

static void
reconstruct(const struct check_params *p, uint32_t found)
{
	struct arena *a = arena_new(4096);
	struct check_result r;
	struct mbentry *now;

	assert_int_equal(mblist_lookup(f.s, a, str_c("user.joe"), &now), OK);
	assert_int_equal(check_mailbox(f.s, now, p, &r), OK);
	assert_int_equal(r.found, found);
	arena_free(a);
}

/* The same, if it is reconstruct that raises it; and what its records say is gone is gone. */
static void
reconstruct_removes_before_it_says_so(void **state)
{
	static const struct check_params p = { 0 }, u = { .mismatch = CHECK_REMOVE };
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);

	(void)state;
	fixture_append(m, f.s, "ONE");
	mbox_close(m);
	fixture_shell(": >%s/user/joe/2.", f.spool);
	fixture_shell("echo UNKNOWN >%s/user/joe/3.", f.spool);
	flushed[0] = '\0';
	reconstruct(&p, 1);
	assert_non_null(strstr(flushed, "user/joe\n"));
	assert_true(strstr(flushed, "user/joe\n") < strstr(flushed, "cyrus.index"));
	fixture_shell("echo MORE >>%s/user/joe/1.", f.spool);
	flushed[0] = '\0';
	reconstruct(&u, 0);
	assert_non_null(strstr(flushed, "user/joe\n"));
	assert_true(strstr(flushed, "user/joe\n") < strstr(flushed, "cyrus.index"));
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
expunge_all(struct mbox *m)
{
	struct txn *t = txn_begin(m);

	txn_expunge(t, NULL, 0, true);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
}

/*
 * No log speaks of the removal of what was brought back: it is flushed before
 * anything says that it is done.  Else a cut leaves the file beside its mark,
 * and reconstruct makes a message of it.
 */
static void
what_came_back_does_not_come_twice(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct store_params_flags deleted = { .op = STORE_ADD, .flags = MSG_DELETED };
	uint32_t uid = fixture_append(m, f.s, "one"), new_uid;
	const struct unexpunge u = { .uids = &uid, .n = 1, .undelete = true };
	struct mbentry *e;
	const char *last;

	(void)state;
	fixture_store(m, uid, &deleted);
	mbox_close(m);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	expunge_all(m);
	mbox_close(m);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	flushed[0] = '\0';
	assert_int_equal(unexpunge(f.s, e, &u, &new_uid), OK);
	assert_int_equal(new_uid, 2);
	/* Behind the log and the checkpoint. */
	last = strstr(flushed, "/user/joe\n");
	assert_non_null(last);
	assert_null(strstr(last, ".log\n"));
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 1);
	fixture_expect_body(m, 1, "one");
	mbox_close(m);
}

static struct mbox *selected;

static void
copy_from_selected(void)
{
	struct mbox *to = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	struct txn *t = txn_begin(to);
	uint32_t uid = 1;

	flushed[0] = '\0';
	txn_copy(t, selected, &uid, 1);
	assert_int_equal(txn_commit(t), OK);
	assert_int_equal(txn_result(t)->new_count, 1);
	txn_abort(t);
	mbox_close(to);
	assert_non_null(strstr(flushed, "/user/joe/1.\n"));
	assert_non_null(strstr(flushed, "/user/joe\n"));
}

/*
 * A session copies from a mailbox that somebody else deletes: after the last
 * flush, and before the files go.  It says OK, and no replay could do it again.
 */
static void
copy_from_what_is_being_deleted(void **state)
{
	struct mbox *m;

	(void)state;
	fixture_create(&f, "user.joe.x");
	m = fixture_mbox(&f, "user.joe.x", "joe", 0);
	fixture_append(m, f.s, "the only one");
	mbox_close(m);
	assert_int_equal(store_checkpoint(f.s), OK);
	selected = fixture_mbox(&f, "user.joe.x", "joe", 0);
	at_syncfs = copy_from_selected;
	assert_int_equal(mblist_delete(f.s, STR("user.joe.x"), true), OK);
	assert_null(at_syncfs);
	mbox_close(selected);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_expect_body(m, 1, "the only one");
	mbox_close(m);
}

/*
 * A mailbox goes to another partition only when what was copied from it before
 * is on the disk: what was expunged since is not there any more.
 */
static void
copies_are_flushed_before_their_source_moves(void **state)
{
	struct mbentry *e;

	(void)state;
	fixture_create(&f, "user.joe.x");
	syncfs_fails = true;
	assert_int_equal(mblist_rename(f.s, STR("user.joe.x"), STR("user.joe.x"), "second"), ERR_IO);
	syncfs_fails = false;
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe.x"), &e), OK);
	assert_string_equal(e->partition, "default");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(torn_files_are_gone_before_their_uids_are,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(reconstruct_removes_before_it_says_so,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(replaced_files_are_flushed_first,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(name_of_a_log_file_is_flushed_before_use,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(links_that_replay_cannot_make_are_flushed,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(large_message_outlives_its_stage_file,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(stage_of_the_killed_is_cleared,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_came_back_does_not_come_twice,
		    setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(copy_from_what_is_being_deleted, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(copies_are_flushed_before_their_source_moves,
		    setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
