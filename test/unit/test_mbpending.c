/* test_mbpending.c - what changes of names leave to be done, when it cannot be done at once */
#include "test/unit/list_fixture.h"

#include "imap/disk/wal.h"
#include "imap/store/list/mbdb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { HANG_S = 60 };			/* SIGALRM ends the test that has not ended */

static void (*at_syncfs)(void);		/* what somebody else does just after it */

/* Instead of the C library's. */
int
syncfs(int fd)
{
	void (*then)(void) = at_syncfs;
	int n = (int)syscall(SYS_syncfs, fd);

	at_syncfs = NULL;
	if (then != NULL)
		then();
	return n;
}

static int
setup(void **state)
{
	at_syncfs = NULL;
	alarm(HANG_S);
	return fixture_setup(state);
}

static int
teardown(void **state)
{
	alarm(0);
	return fixture_teardown(state);
}

static void
append_to(const char *name, const char *text)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", MBOX_PEEK);

	fixture_append(m, f.s, text);
	mbox_close(m);
}

static void
expect_in(const char *name, const char *text)
{
	struct mbox *m = fixture_mbox(&f, name, "joe", 0);

	assert_int_equal(mbox_count(m), 1);
	fixture_expect_body(m, 1, text);
	mbox_close(m);
}

/*
 * The disk has failed a flush, so what is deleted stays for now, and every other
 * note with it.  Among them that of a CREATE that was killed.  The next one got
 * the same place, and mail.
 */
static void
old_note_empties_nobody_elses_place(void **state)
{
	struct id128 killed = id128_new();
	struct kv_txn *txn;

	(void)state;
	fixture_create(&f, "user.joe.x");
	wal_distrust(f.s->part[0].wal);
	assert_int_equal(mblist_delete(f.s, STR("user.joe.x"), true), OK);
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbpending_add(txn, PENDING_COPY, &killed, "default", "user/joe/y"), OK);
	assert_int_equal(mbdb_end(f.s, txn, OK), OK);
	fixture_create(&f, "user.joe.y");
	list_expect_dir("user.joe.y", "user/joe/y");
	append_to("user.joe.y", "the only one");
	fixture_reopen(&f);
	list_expect("user.joe user.joe.y ");
	expect_in("user.joe.y", "the only one");
	assert_false(list_exists(f.spool, "user/joe/x"));
}

static void
condemn(void)
{
	mbdb_condemn(f.s, "test");
}

/* Who holds the lock on names cannot do it, and lets go, or nobody could mend the list. */
static void
list_is_damaged_in_the_middle(void **state)
{
	struct mblist_create far = { .name = STR("user.joe.far"), .partition = "second" };

	(void)state;
	fixture_create(&f, "user.joe.x");
	assert_int_equal(mblist_create(f.s, &far), OK);
	append_to("user.joe.far", "far");
	at_syncfs = condemn;
	assert_int_equal(mblist_delete(f.s, STR("user.joe.x"), true), OK);
	assert_null(at_syncfs);
	store_maintain(f.s);
	list_expect("user.joe user.joe.far ");
	expect_in("user.joe.far", "far");
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(old_note_empties_nobody_elses_place),
		TEST(list_is_damaged_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
