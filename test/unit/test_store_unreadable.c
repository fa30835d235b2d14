/* test_store_unreadable.c - sectors that the disk cannot read, and files that share them */
#include "test/unit/store_fixture.h"

#include "imap/disk/index.h"
#include "imap/store/check.h"
#include "imap/store/list/local.h"

#include <errno.h>
#include <fcntl.h>
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
	PAGE = 4096,
	MANY = 100,
	ON_PAGE = 26,			/* records that page 1 has all of, or a part */
};

static struct {
	ino_t ino;			/* 0: none */
	off_t from, to;			/* bytes of it that cannot be read */
} bad;

/* Instead of the C library's. */
ssize_t
pread(int fd, void *p, size_t n, off_t off)
{
	struct stat st;

	if (bad.ino != 0 && off < bad.to && off + (off_t)n > bad.from && fstat(fd, &st) == 0 &&
	    st.st_ino == bad.ino) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, p, n, off);
}

static int
setup(void **state)
{
	bad.ino = 0;
	(void)fixture_setup(state);
	fixture_create(&f, "user.joe.work");
	return 0;
}

static int
teardown(void **state)
{
	bad.ino = 0;
	return fixture_teardown(state);
}

static void
make_bad(const char *file, off_t from, off_t to)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", f.spool, file);
	assert_int_equal(stat(path, &st), 0);
	bad.ino = st.st_ino;
	bad.from = from;
	bad.to = to;
}

/* MANY messages, each third one \Flagged. */
static void
fill(void)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	const struct store_params_flags flag = { .op = STORE_ADD, .flags = MSG_FLAGGED };
	struct append_params p = { .flags = 0 };
	struct blob *b = fixture_blob(f.s, "one");
	struct txn *t = txn_begin(m);

	for (int i = 0; i < MANY; i++)
		txn_append(t, b, &p);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	blob_free(b);
	for (uint32_t uid = 3; uid <= MANY; uid += 3)
		fixture_store(m, uid, &flag);
	mbox_close(m);
}

static struct check_result
check(const char *name, enum check_mismatch mismatch, enum err want)
{
	struct check_params p = { .verify_content = true, .mismatch = mismatch };
	struct check_result r;
	struct mbentry *e;

	assert_int_equal(mblist_lookup(f.s, f.arena, str_c(name), &e), OK);
	assert_int_equal(check_mailbox(f.s, e, &p, &r), want);
	return r;
}

static uint32_t
uidvalidity(void)
{
	struct mbentry *e;

	assert_int_equal(mblist_lookup(f.s, f.arena, STR("user.joe"), &e), OK);
	return e->uidvalidity;
}

/* All messages are there, with their UIDs; of how many are flags lost? */
static uint32_t
count_unflagged(void)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct message msg;
	uint32_t n = 0;

	assert_int_equal(mbox_count(m), MANY);
	for (uint32_t seq = 1; seq <= MANY; seq++) {
		assert_int_equal(mbox_uid(m, seq), seq);
		assert_int_equal(mbox_message(m, seq, &msg), OK);
		fixture_expect_body(m, seq, "one");
		if (seq % 3 == 0)
			n += !(msg.flags & MSG_FLAGGED);
		else
			assert_int_equal(msg.flags, 0);
	}
	mbox_close(m);
	fixture_check_sums(&f, "user.joe");
	return n;
}

/* Its records are lost, and no others; their messages are found by their files. */
static void
bad_page_costs_its_records(void **state)
{
	uint32_t before, lost;
	struct check_result r;

	(void)state;
	fill();
	before = uidvalidity();
	make_bad("user/joe/cyrus.index", PAGE, 2 * PAGE);
	r = check("user.joe", CHECK_REPORT, OK);
	assert_int_equal(r.found, r.damaged);
	assert_in_range(r.damaged, ON_PAGE - 1, ON_PAGE + 1);
	assert_int_equal(uidvalidity(), before);
	lost = count_unflagged();
	assert_in_range(lost, 1, ON_PAGE / 3 + 1);
	r = check("user.joe", CHECK_REPORT, OK);
	assert_false(r.changed);
}

/* That of the header: clients read all anew, but what is known of the rest stays. */
static void
bad_header_page(void **state)
{
	uint32_t before;
	struct check_result r;

	(void)state;
	fill();
	before = uidvalidity();
	make_bad("user/joe/cyrus.index", 0, PAGE);
	r = check("user.joe", CHECK_REPORT, OK);
	assert_true(r.changed);
	assert_int_not_equal(uidvalidity(), before);
	assert_in_range(count_unflagged(), 1, ON_PAGE / 3 + 1);
}

/* A message in two mailboxes is one file; its sectors are bad for both. */
static void
put_into_both(const char *other)
{
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0), *w;
	uint32_t uid = fixture_append(m, f.s, "shared");
	struct txn *t;

	fixture_append(m, f.s, other);
	mbox_close(m);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	w = fixture_mbox(&f, "user.joe.work", "joe", 0);
	t = txn_begin(w);
	txn_copy(t, m, &uid, 1);
	assert_int_equal(txn_commit(t), OK);
	txn_abort(t);
	fixture_append(w, f.s, other);
	mbox_close(w);
	mbox_close(m);
}

static void
expect_second(const char *name, uint32_t seq, const char *text)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", 0);

	fixture_expect_body(m, seq, text);
	mbox_close(m);
}

static void
unreadable_file_with_two_names(void **state)
{
	static const char *const name[] = { "user.joe", "user.joe.work" };
	struct check_result r;

	(void)state;
	put_into_both("other");
	make_bad("user/joe/1.", 0, PAGE);
	for (int i = 0; i < 2; i++) {
		struct mbox *m = fixture_mbox(&f, name[i], "joe", 0);
		struct str bytes;

		assert_int_equal(mbox_body(m, 1, &bytes), ERR_IO);
		fixture_expect_body(m, 2, "other");
		mbox_close(m);
		/* Not condemned, whatever is to be done to what is not right. */
		r = check(name[i], CHECK_REMOVE, OK);
		assert_int_equal(r.remaining, 1);
		assert_false(r.changed);
	}
	bad.ino = 0;
	for (int i = 0; i < 2; i++)
		expect_second(name[i], 1, "shared");
}

static void
spoil(const char *file)
{
	fixture_shell("printf X | dd of=%s/%s bs=1 seek=41 conv=notrunc status=none", f.spool, file);
}

/* What reconstruct does to one of the names, it does not do to the other. */
static void
damaged_file_with_two_names(void **state)
{
	struct check_result r;
	struct mbox *m;

	(void)state;
	put_into_both("other");
	spoil("user/joe/1.");
	r = check("user.joe.work", CHECK_REPORT, OK);
	assert_int_equal(r.remaining, 1);
	r = check("user.joe", CHECK_NEW_UID, OK);
	assert_int_equal(r.found, 1);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	assert_int_equal(mbox_uid(m, 1), 2);
	assert_int_equal(mbox_uid(m, 2), 3);
	mbox_close(m);
	m = fixture_mbox(&f, "user.joe.work", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	assert_int_equal(mbox_uid(m, 1), 1);
	fixture_expect_body(m, 2, "other");
	mbox_close(m);
	r = check("user.joe.work", CHECK_REMOVE, OK);
	m = fixture_mbox(&f, "user.joe.work", "joe", 0);
	assert_int_equal(mbox_count(m), 1);
	mbox_close(m);
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	mbox_close(m);
	assert_false(check("user.joe", CHECK_REMOVE, OK).changed);
}

/* The log has the bytes, once, and both names get them again. */
static void
replay_mends_both_names(void **state)
{
	(void)state;
	put_into_both("other");
	spoil("user/joe/1.");
	fixture_reopen(&f);
	expect_second("user.joe", 1, "shared");
	expect_second("user.joe.work", 1, "shared");
}

/*
 * The log has the copy, but not its original, which is damaged; the copy, a file
 * of its own, cannot be read for a while.  It is not given up for the other.
 */
static void
replay_takes_no_damaged_original(void **state)
{
	(void)state;
	put_into_both("other");
	assert_int_equal(store_checkpoint(f.s), OK);
	struct mbox *m = fixture_mbox(&f, "user.joe", "joe", 0);
	struct mbox *w = fixture_mbox(&f, "user.joe.work", "joe", 0);
	struct txn *t = txn_begin(w);
	uint32_t uid = 1;

	txn_copy(t, m, &uid, 1);
	assert_int_equal(txn_commit(t), OK);
	assert_int_equal(txn_result(t)->new_uids[0], 3);
	txn_abort(t);
	mbox_close(w);
	mbox_close(m);
	fixture_shell("cd %s/user/joe && cp work/3. x && mv x work/3.", f.spool);
	spoil("user/joe/1.");
	make_bad("user/joe/work/3.", 0, PAGE);
	fixture_reopen(&f);
	bad.ino = 0;
	expect_second("user.joe.work", 3, "shared");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bad_page_costs_its_records, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_header_page, setup, teardown),
		cmocka_unit_test_setup_teardown(unreadable_file_with_two_names, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_file_with_two_names, setup, teardown),
		cmocka_unit_test_setup_teardown(replay_mends_both_names, setup, teardown),
		cmocka_unit_test_setup_teardown(replay_takes_no_damaged_original, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
