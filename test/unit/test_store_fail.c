/* test_store_fail.c - commits of which a part fails: the rest, and nothing but the rest, is done */
#include "test/unit/store_fixture.h"

#include "imap/disk/rec.h"
#include "imap/disk/wal.h"
#include "imap/store/list/local.h"
#include "imap/store/list/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	LONG_AGO = 1000000000,
	ON_PAGE = 22,			/* records for which a new index has room */
	LARGE_LINES = 1000,
};

static char failing[160];		/* writes to what lies below fail; "" for none */

static char unreadable[160];		/* and so do reads of this */

static bool
is_below(int fd, const char *what)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	if (what[0] == '\0')
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strncmp(path, what, strlen(what)) == 0;
}

static bool
is_failing(int fd)
{
	return is_below(fd, failing);
}

/* Instead of the C library's. */
ssize_t
pwrite(int fd, const void *p, size_t n, off_t off)
{
	if (is_failing(fd)) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, p, n, off);
}

ssize_t
pread(int fd, void *p, size_t n, off_t off)
{
	if (is_below(fd, unreadable)) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, p, n, off);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	if (is_failing(fd)) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_write, fd, p, n);
}

int
posix_fallocate(int fd, off_t at, off_t n)
{
	if (is_failing(fd))
		return ENOSPC;
	return syscall(SYS_fallocate, fd, 0, at, n) == 0 ? 0 : errno;
}

int
fdatasync(int fd)
{
	if (is_failing(fd)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/* user.joe lies on the first partition, user.zoe on the second. */
static int
setup(void **state)
{
	struct mblist_create zoe = { .name = STR("user.zoe"), .partition = "second" };

	failing[0] = unreadable[0] = '\0';
	(void)fixture_setup(state);
	assert_int_equal(mblist_create(f.s, &zoe), OK);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	failing[0] = unreadable[0] = '\0';
	fixture_close(&f);
	return 0;
}

static bool
has_file(const char *spool, const char *mailbox, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", spool, mailbox, name);
	return access(path, F_OK) == 0;
}

static uint32_t
count(const char *name)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", 0);
	uint32_t n = mbox_count(m);

	mbox_close(m);
	return n;
}

/* One message for both, while FAIL fails; what each transaction says of it. */
static void
deliver_to_both(const char *fail, enum err *joe, enum err *zoe, enum err *all)
{
	struct append_params p = { .flags = 0 };
	struct blob *b = fixture_blob(f.s, "hello");
	struct mbox *mj = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	struct mbox *mz = fixture_mbox(&f, "user.zoe", "zoe", MBOX_PEEK);
	struct txn *t[2] = { txn_begin(mj), txn_begin(mz) };

	txn_append(t[0], b, &p);
	txn_append(t[1], b, &p);
	snprintf(failing, sizeof(failing), "%s", fail);
	*all = txn_commit_all(t, 2, false);
	failing[0] = '\0';
	*joe = txn_error(t[0]);
	*zoe = txn_error(t[1]);
	txn_abort(t[0]);
	txn_abort(t[1]);
	blob_free(b);
	mbox_close(mj);
	mbox_close(mz);
}

static void
expect_second_log_missing(const char *bad_mailbox, const char *good_mailbox)
{
	assert_int_equal(count(good_mailbox), 1);
	assert_int_equal(count(bad_mailbox), 0);
	fixture_check_sums(&f, "user.joe");
	fixture_check_sums(&f, "user.zoe");
	/* Nor is it otherwise after a restart, and what failed can be done again. */
	fixture_reopen(&f);
	assert_int_equal(count(good_mailbox), 1);
	assert_int_equal(count(bad_mailbox), 0);
	struct mbox *m = fixture_mbox(&f, bad_mailbox, "joe", MBOX_PEEK);
	fixture_append(m, f.s, "again");
	mbox_close(m);
	assert_int_equal(count(bad_mailbox), 1);
}

static void
delivery_with_one_log_that_fails(void **state)
{
	char log[128];
	enum err joe, zoe, all;

	(void)state;
	snprintf(log, sizeof(log), "%s/wal/", f.spool2);
	deliver_to_both(log, &joe, &zoe, &all);
	assert_int_equal(joe, OK);
	assert_int_equal(zoe, ERR_NOSPACE);
	assert_int_equal(all, ERR_NOSPACE);
	assert_true(has_file(f.spool, "user/joe", "1."));
	assert_false(has_file(f.spool2, "user/zoe", "1."));
	expect_second_log_missing("user.zoe", "user.joe");
}

static void
delivery_with_the_other_log_that_fails(void **state)
{
	char log[128];
	enum err joe, zoe, all;

	(void)state;
	snprintf(log, sizeof(log), "%s/wal/", f.spool);
	deliver_to_both(log, &joe, &zoe, &all);
	assert_int_equal(joe, ERR_NOSPACE);
	assert_int_equal(zoe, OK);
	assert_int_equal(all, ERR_NOSPACE);
	assert_false(has_file(f.spool, "user/joe", "1."));
	expect_second_log_missing("user.joe", "user.zoe");
}

static void
delivery_with_one_partition_full(void **state)
{
	enum err joe, zoe, all;

	(void)state;
	deliver_to_both(f.spool2, &joe, &zoe, &all);
	assert_int_equal(joe, OK);
	assert_int_equal(zoe, ERR_NOSPACE);
	expect_second_log_missing("user.zoe", "user.joe");
}

/* Two mailboxes of the full partition: none may be linked to a file that has gone. */
static void
delivery_with_one_mailbox_full(void **state)
{
	char where[128];
	struct append_params p = { .flags = 0 };
	struct blob *b = fixture_blob(f.s, "hello");
	struct mbox *m[2];
	struct txn *t[2];

	(void)state;
	fixture_create(&f, "user.jane");
	m[0] = fixture_mbox(&f, "user.jane", "joe", MBOX_PEEK);
	m[1] = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	for (int i = 0; i < 2; i++) {
		t[i] = txn_begin(m[i]);
		txn_append(t[i], b, &p);
	}
	snprintf(where, sizeof(where), "%s/user/jane/cyrus.cache", f.spool);
	snprintf(failing, sizeof(failing), "%s", where);
	assert_int_equal(txn_commit_all(t, 2, false), ERR_NOSPACE);
	failing[0] = '\0';
	assert_int_equal(txn_error(t[0]), ERR_NOSPACE);
	assert_int_equal(txn_error(t[1]), OK);
	for (int i = 0; i < 2; i++) {
		txn_abort(t[i]);
		mbox_close(m[i]);
	}
	blob_free(b);
	fixture_reopen(&f);
	assert_int_equal(count("user.jane"), 0);
	m[1] = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_expect_body(m[1], 1, "hello");
	mbox_close(m[1]);
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
	for (int i = 0; i < LARGE_LINES; i++)
		assert_int_equal(blob_write(b, line, sizeof(line)), OK);
	assert_int_equal(blob_finish(b), OK);
	return b;
}

/* A large message, and no room for the first mailbox's record: the log does not carry it. */
static void
large_delivery_with_one_index_full(void **state)
{
	struct append_params p = { .flags = 0 };
	struct blob *b = large_blob();
	struct mbox *m[2];
	struct txn *t[2];
	uint64_t tail;

	(void)state;
	fixture_create(&f, "user.jane");
	m[0] = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	m[1] = fixture_mbox(&f, "user.jane", "joe", MBOX_PEEK);
	for (int i = 0; i < ON_PAGE; i++)
		fixture_append(m[0], f.s, "small");
	for (int i = 0; i < 2; i++) {
		t[i] = txn_begin(m[i]);
		txn_append(t[i], b, &p);
	}
	tail = wal_tail(f.s->part[0].wal);
	snprintf(failing, sizeof(failing), "%s/user/joe/cyrus.index", f.spool);
	assert_int_equal(txn_commit_all(t, 2, false), ERR_NOSPACE);
	failing[0] = '\0';
	assert_int_equal(txn_error(t[0]), ERR_NOSPACE);
	assert_int_equal(txn_error(t[1]), OK);
	assert_in_range(wal_tail(f.s->part[0].wal) - tail, 1, LARGE_LINES * 100);
	for (int i = 0; i < 2; i++) {
		txn_abort(t[i]);
		mbox_close(m[i]);
	}
	blob_free(b);
	fixture_reopen(&f);
	assert_int_equal(count("user.joe"), ON_PAGE);
	assert_int_equal(count("user.jane"), 1);
}

/* From the first partition to the second; FAIL fails. */
static enum err
move_away(const char *fail)
{
	struct mbox *from = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *to = fixture_mbox(&f, "user.zoe", "zoe", MBOX_PEEK);
	struct txn *t[2] = { txn_begin(to), txn_begin(from) };
	uint32_t uid = 1;
	enum err e;

	txn_copy(t[0], from, &uid, 1);
	txn_expunge(t[1], &uid, 1, true);
	snprintf(failing, sizeof(failing), "%s", fail);
	e = txn_commit_all(t, 2, true);
	failing[0] = '\0';
	for (int i = 0; i < 2; i++) {
		assert_int_equal(txn_error(t[i]), e);
		txn_abort(t[i]);
	}
	mbox_close(from);
	mbox_close(to);
	return e;
}

static void
move_whose_copy_fails(void **state)
{
	char log[128];
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);

	(void)state;
	fixture_append(m, f.s, "one");
	mbox_close(m);
	snprintf(log, sizeof(log), "%s/wal/", f.spool2);
	assert_int_equal(move_away(log), ERR_NOSPACE);
	assert_false(has_file(f.spool2, "user/zoe", "1."));
	expect_second_log_missing("user.zoe", "user.joe");
}

/* Never lost: better twice than not at all. */
static void
move_whose_expunge_fails(void **state)
{
	char log[128];
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);

	(void)state;
	fixture_append(m, f.s, "one");
	mbox_close(m);
	snprintf(log, sizeof(log), "%s/wal/", f.spool);
	assert_int_equal(move_away(log), ERR_NOSPACE);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(count("user.joe"), 1);
		assert_int_equal(count("user.zoe"), 1);
		fixture_reopen(&f);
	}
	fixture_check_sums(&f, "user.joe");
	fixture_check_sums(&f, "user.zoe");
}

/* A frame with a right checksum that holds, between two good records, two that nobody can read. */
static void
unreadable_record_hides_no_other(void **state)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	struct buf b = BUF_INIT;
	struct rec_head head = { .last_uid = 700, .recent_uid = 1, .highestmodseq = 900 };
	struct mbentry *joe, *zoe;
	struct iovec iov;
	uint64_t start, end;

	(void)state;
	mbox_close(m);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &joe), OK);
	fixture_create(&f, "user.zack");
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.zack"), &zoe), OK);
	rec_begin(&b, 0);
	rec_add_mailbox(&b, &joe->id);
	buf_add(&b, "?\0\0\0\3abc", 8);		/* of an unknown type */
	rec_add_head(&b, &head);		/* whose? */
	rec_add_mailbox(&b, &zoe->id);
	head.last_uid = 800;
	rec_add_head(&b, &head);
	buf_add(&b, "H\0\0\1\0abc", 8);		/* longer than the frame */
	iov = (struct iovec){ b.p, b.n };
	assert_int_equal(wal_append(f.s->part[0].wal, &iov, 1, &start, &end), OK);
	assert_int_equal(wal_flush(f.s->part[0].wal, end), OK);
	buf_free(&b);
	fixture_reopen(&f);
	m = fixture_mbox(&f, "user.joe", "joe", MBOX_PEEK);
	assert_int_equal(fixture_append(m, f.s, "next"), 1);
	mbox_close(m);
	m = fixture_mbox(&f, "user.zack", "joe", MBOX_PEEK);
	assert_int_equal(fixture_append(m, f.s, "next"), 801);
	mbox_close(m);
}

static void
append_to(const char *mailbox, const char *text)
{
	struct mbox *m = fixture_mbox(&f, mailbox, "joe", 0);

	fixture_append(m, f.s, text);
	mbox_close(m);
}

/* ANN's message in joe's mailbox, which she has seen; and one in another. */
static void
post_as_ann(enum err joe)
{
	struct append_params p = { .flags = MSG_SEEN };
	struct blob *b = fixture_blob(f.s, "hello");
	struct mbox *mj = fixture_mbox(&f, "user.joe", "ann", MBOX_PEEK);
	struct mbox *ma = fixture_mbox(&f, "user.ann", "ann", MBOX_PEEK);
	struct txn *t[2] = { txn_begin(mj), txn_begin(ma) };

	txn_append(t[0], b, &p);
	txn_append(t[1], b, &p);
	(void)!txn_commit_all(t, 2, false);
	assert_int_equal(txn_error(t[0]), joe);
	assert_int_equal(txn_error(t[1]), OK);
	txn_abort(t[0]);
	txn_abort(t[1]);
	blob_free(b);
	mbox_close(mj);
	mbox_close(ma);
}

/* What a message that was not taken came with is not there for the next. */
static void
seen_of_what_was_refused(void **state)
{
	const struct quota_limits few = { .kb = -1, .messages = 0, .mailboxes = -1,
	    .annotation_kb = -1 };
	struct message msg;
	struct mbox *m;

	(void)state;
	fixture_create(&f, "user.ann");
	assert_int_equal(quota_set(f.s, STR("user.joe"), &few), OK);
	post_as_ann(ERR_QUOTA);
	assert_false(has_file(f.spool, "user/joe", "cyrus.seen"));
	assert_false(has_file(f.spool, "user/joe", "cyrus.seen.NEW"));
	assert_int_equal(quota_remove(f.s, STR("user.joe")), OK);
	append_to("user.joe", "one");
	post_as_ann(OK);
	m = fixture_mbox(&f, "user.joe", "ann", 0);
	assert_int_equal(mbox_message(m, 1, &msg), OK);
	assert_false(msg.flags & MSG_SEEN);
	assert_int_equal(mbox_message(m, 2, &msg), OK);
	assert_true(msg.flags & MSG_SEEN);
	mbox_close(m);
}

static time_t
written(const char *spool, const char *mailbox, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/%s", spool, mailbox, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mtime;
}

/* A sector that the disk cannot read: the store is opened all the same. */
static void
replay_of_what_cannot_be_read(void **state)
{
	struct mbentry *e;
	struct mbox *m;

	(void)state;
	append_to("user.joe", "one");
	append_to("user.zoe", "one");
	fixture_shell("touch -d @%d %s/user/joe/1.", LONG_AGO, f.spool);
	snprintf(unreadable, sizeof(unreadable), "%s/user/joe/1.", f.spool);
	fixture_reopen(&f);
	assert_int_not_equal(written(f.spool, "user/joe", "1."), LONG_AGO);
	unreadable[0] = '\0';
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_expect_body(m, 1, "one");
	mbox_close(m);

	append_to("user.joe", "two");
	snprintf(unreadable, sizeof(unreadable), "%s/user/joe/cyrus.index", f.spool);
	fixture_reopen(&f);
	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	assert_int_equal(mbox_open(f.s, e, "joe", 0, &m), ERR_CORRUPT);
	assert_int_equal(count("user.zoe"), 1);
	unreadable[0] = '\0';
	assert_int_equal(count("user.joe"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(delivery_with_one_log_that_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(delivery_with_the_other_log_that_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(delivery_with_one_partition_full, setup, teardown),
		cmocka_unit_test_setup_teardown(delivery_with_one_mailbox_full, setup, teardown),
		cmocka_unit_test_setup_teardown(large_delivery_with_one_index_full, setup, teardown),
		cmocka_unit_test_setup_teardown(move_whose_copy_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(move_whose_expunge_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(unreadable_record_hides_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(seen_of_what_was_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(replay_of_what_cannot_be_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
