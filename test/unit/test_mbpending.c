/* test_mbpending.c - what changes of names leave to be done, when it cannot be done at once */
#include "test/unit/list_fixture.h"

#include "imap/disk/wal.h"
#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { HANG_S = 60 };			/* SIGALRM ends the test that has not ended */

static void (*at_syncfs)(void);		/* what somebody else does just after it */

static bool dirs_fail;			/* no directory can be flushed */

/* These instead of the C library's. */
int
fsync(int fd)
{
	struct stat st;

	if (dirs_fail && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static int log_syncs;			/* that of the list's log fails which counts to 1 */

/* Is it Berkeley DB's log? */
static bool
is_log(int fd)
{
	char link[64], path[256] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "/db/log.") != NULL;
}

int
fdatasync(int fd)
{
	if (log_syncs > 0 && is_log(fd) && --log_syncs == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

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
	dirs_fail = false;
	log_syncs = 0;
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

static void
note_move(const struct mbmove *m)
{
	struct buf value = BUF_INIT;
	struct kv_txn *txn;

	mbmove_encode(&value, m);
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbdb_end(f.s, txn, kv_put(txn, STR("M"), buf_str(&value))), OK);
	buf_free(&value);
}

/* A directory that the disk does not let be moved (into itself): all else waits for that. */
static void
block_rounds(void)
{
	struct mbmove m = { .partition = "default", .from = "user/ann", .to = "user/ann/x" };

	fixture_create(&f, "user.ann");
	m.id = list_lookup("user.ann")->id;
	note_move(&m);
}

static void
unblock_rounds(void)
{
	struct kv_txn *txn;

	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbdb_end(f.s, txn, kv_del(txn, STR("M"))), OK);
}

/*
 * No round can be finished for now.  Among the notes is that of a CREATE that was
 * killed.  The next one got the same place, and mail.
 */
static void
old_note_empties_nobody_elses_place(void **state)
{
	struct id128 killed = id128_new();
	struct kv_txn *txn;

	(void)state;
	fixture_create(&f, "user.joe.x");
	block_rounds();
	assert_int_equal(mblist_delete(f.s, STR("user.joe.x"), true), OK);
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbpending_add(txn, PENDING_COPY, &killed, "default", "user/joe/y"), OK);
	assert_int_equal(mbdb_end(f.s, txn, OK), OK);
	fixture_create(&f, "user.joe.y");
	list_expect_dir("user.joe.y", "user/joe/y");
	append_to("user.joe.y", "the only one");
	unblock_rounds();
	fixture_reopen(&f);
	list_expect("user.ann user.joe user.joe.y ");
	expect_in("user.joe.y", "the only one");
	assert_false(list_exists(f.spool, "user/joe/x"));
}

static bool
is_found(void *ctx, const struct mbentry *e)
{
	++*(int *)ctx;
	printf("%s is in %s and not in the list\n", e->name, e->dir);
	return true;
}

/* What a reconstruct would bring back. */
static int
unlisted(void)
{
	int n = 0;

	assert_int_equal(mblist_adopt(f.s, NULL, false, is_found, &n), OK);
	return n;
}

/* Each move has left a place of its own; none of the notes takes another's. */
static void
all_places_are_emptied(void **state)
{
	(void)state;
	fixture_create(&f, "user.joe.x");
	append_to("user.joe.x", "mine");
	wal_distrust(f.s->part[1].wal);
	assert_int_equal(mblist_rename(f.s, STR("user.joe.x"), STR("user.joe.x"), "second"), OK);
	assert_true(list_exists(f.spool, "user/joe/x/1."));
	assert_int_equal(mblist_delete(f.s, STR("user.joe.x"), true), OK);
	fixture_reopen(&f);
	list_expect("user.joe ");
	assert_false(list_exists(f.spool2, "user/joe/x"));
	assert_false(list_exists(f.spool, "user/joe/x"));
}

/* A move that fails at its end leaves a whole copy; the second try makes another. */
static void
all_copies_are_removed(void **state)
{
	(void)state;
	fixture_create(&f, "user.joe.x");
	append_to("user.joe.x", "mine");
	block_rounds();
	wal_distrust(f.s->part[0].wal);
	for (int i = 0; i < 2; i++)
		assert_int_equal(mblist_rename(f.s, STR("user.joe.x"), STR("user.joe.x"),
		    "second"), ERR_IO);
	expect_in("user.joe.x", "mine");
	assert_int_equal(mblist_delete(f.s, STR("user.joe.x"), true), OK);
	unblock_rounds();
	fixture_reopen(&f);
	list_expect("user.ann user.joe ");
	assert_int_equal(unlisted(), 0);
	assert_false(list_exists(f.spool, "user/joe/x"));
	assert_false(list_exists(f.spool2, "user/joe/x"));
	assert_false(list_exists(f.spool2, "user/joe/x%~2"));
}

/* A note that nobody could take off, and the mailbox has come back to that place. */
static void
what_the_list_says_is_not_reaped(void **state)
{
	struct mbentry *e;
	struct kv_txn *txn;

	(void)state;
	fixture_create(&f, "user.joe.x");
	append_to("user.joe.x", "mine");
	e = list_lookup("user.joe.x");
	assert_int_equal(mbdb_begin(f.s, &txn), OK);
	assert_int_equal(mbpending_add(txn, PENDING_REAP, &e->id, e->partition, e->dir), OK);
	assert_int_equal(mbdb_end(f.s, txn, OK), OK);
	fixture_reopen(&f);
	list_expect("user.joe user.joe.x ");
	expect_in("user.joe.x", "mine");
}

/*
 * Somebody was killed between the rename(2) of a directory and the entries, and
 * who comes next cannot finish it.  Deleted meanwhile, the mailbox goes for good.
 */
static void
deleted_while_its_directory_moves(void **state)
{
	struct mbmove m = { .partition = "default", .from = "user/joe/x", .to = "user/joe/z" };

	(void)state;
	fixture_create(&f, "user.joe.x");
	fixture_create(&f, "user.joe.x.sub");
	append_to("user.joe.x", "mine");
	append_to("user.joe.x.sub", "mine, too");
	m.id = list_lookup("user.joe.x")->id;
	note_move(&m);
	assert_int_equal(renameat(f.s->part[0].dirfd, m.from, f.s->part[0].dirfd, m.to), 0);
	expect_in("user.joe.x", "mine");
	dirs_fail = true;
	assert_int_equal(mblist_delete_tree(f.s, STR("user.joe.x"), true), OK);
	dirs_fail = false;
	fixture_reopen(&f);
	list_expect("user.joe ");
	assert_int_equal(unlisted(), 0);
	assert_false(list_exists(f.spool, "user/joe/x"));
	assert_false(list_exists(f.spool, "user/joe/z"));
}

/* One of the two commits of a CREATE could not be flushed: no recovery finds it later. */
static void
create_fails(void **state)
{
	struct mblist_create c = { .name = STR("user.joe.x") };

	(void)state;
	for (int i = 1; i <= 2; i++) {
		log_syncs = i;
		assert_int_equal(mblist_create(f.s, &c), ERR_IO);
		assert_int_equal(log_syncs, 0);
		list_expect("user.joe ");
		assert_int_equal(unlisted(), 0);
		assert_false(list_exists(f.spool, "user/joe/x"));
		fixture_reopen(&f);
		list_expect("user.joe ");
	}
	fixture_create(&f, "user.joe.x");
	list_expect_dir("user.joe.x", "user/joe/x");
}

/* The header has the rights for who builds the list anew. */
static void
deletions_that_wait_keep_nobody(void **state)
{
	(void)state;
	fixture_create(&f, "user.joe.x");
	fixture_create(&f, "user.joe.y");
	wal_distrust(f.s->part[0].wal);
	assert_int_equal(mblist_delete(f.s, STR("user.joe.x"), true), OK);
	assert_int_equal(mblist_set_acl(f.s, STR("user.joe.y"), STR("joe\tlr\t")), OK);
	list_expect("user.joe user.joe.y ");
	assert_int_equal(mblist_rename(f.s, STR("user.joe.y"), STR("user.joe.z"), NULL), OK);
	list_expect("user.joe user.joe.z ");
	list_expect_dir("user.joe.z", "user/joe/z");
	assert_true(list_exists(f.spool, "user/joe/x"));
	fixture_reopen(&f);
	list_expect("user.joe user.joe.z ");
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
		TEST(all_places_are_emptied),
		TEST(all_copies_are_removed),
		TEST(what_the_list_says_is_not_reaped),
		TEST(deleted_while_its_directory_moves),
		TEST(create_fails),
		TEST(deletions_that_wait_keep_nobody),
		TEST(list_is_damaged_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
