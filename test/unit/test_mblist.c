/* test_mblist.c - the list of mailboxes: names, rights, directories */
#include "test/unit/list_fixture.h"

#include "imap/disk/index.h"
#include "imap/store/check.h"
#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/list/quota.h"
#include "lib/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, fixture_setup_empty, fixture_teardown)

static void
create_takes_over_from_the_parent(void **state)
{
	struct mblist_create c = { .name = STR("user.joe.second"), .partition = "second",
	    .acl = "anyone\tlr\t", .specialuse = "\\Drafts" };
	struct mbentry *e, *child;

	(void)state;
	fixture_create(&f, "user.joe");
	e = list_lookup("user.joe");
	assert_string_equal(e->acl, "joe\tlrswipkxtean\t");
	assert_string_equal(e->partition, "default");
	assert_string_equal(e->dir, "user/joe");
	assert_null(e->quotaroot);
	assert_int_equal(mblist_create(f.s, &c), OK);
	fixture_create(&f, "user.joe.second.third");
	child = list_lookup("user.joe.second.third");
	assert_string_equal(child->acl, "anyone\tlr\t");
	assert_string_equal(child->partition, "second");
	assert_string_equal(list_lookup("user.joe.second")->specialuse, "\\Drafts");
	assert_null(child->specialuse);
	fixture_create(&f, "board");
	assert_string_equal(list_lookup("board")->acl, "anyone\tlrs\t");
	assert_int_equal(mblist_create(f.s, &c), ERR_EXISTS);
	c.name = STR("a.b");
	c.partition = "nowhere";
	assert_int_equal(mblist_create(f.s, &c), ERR_NOTFOUND);
	c.name = STR("a..b");
	assert_int_equal(mblist_create(f.s, &c), ERR_NAME);
	list_expect("board user.joe user.joe.second user.joe.second.third ");
	fixture_reopen(&f);
	list_expect("board user.joe user.joe.second user.joe.second.third ");
}

static void
uidvalidity_always_rises(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		fixture_create(&f, "board");
		assert_true(list_lookup("board")->uidvalidity > last);
		last = list_lookup("board")->uidvalidity;
		assert_int_equal(mblist_delete(f.s, STR("board"), true), OK);
		assert_false(list_has("board"));
		assert_false(list_exists(f.spool, "board"));
	}
}

/* Of a dump that nobody has written: later mailboxes would all have 0. */
static void
uidvalidity_does_not_end(void **state)
{
	struct mblist_create c = { .name = STR("last"), .uidvalidity = UINT32_MAX };
	uint32_t highest;

	(void)state;
	assert_int_equal(mblist_create(f.s, &c), ERR_LIMIT);
	c.uidvalidity = 0xf0000000;
	assert_int_equal(mblist_create(f.s, &c), OK);
	fixture_create(&f, "board");
	assert_int_equal(list_lookup("board")->uidvalidity, 0xf0000001);
	assert_int_equal(mblist_highest_uidvalidity(f.s, &highest), OK);
	assert_int_equal(highest, 0xf0000001);
}

static bool
stop_after_two(void *ctx, const struct mbentry *e)
{
	(void)e;
	return ++*(int *)ctx < 2;
}

static void
walks_and_parents(void **state)
{
	struct mbentry *e;
	bool has;
	int n = 0;

	(void)state;
	fixture_create(&f, "a.b-c");
	fixture_create(&f, "a.b.c");
	fixture_create(&f, "a");
	fixture_create(&f, "a.b");
	fixture_create(&f, "ab");
	list_expect("a a.b a.b.c a.b-c ab ");
	assert_int_equal(mblist_walk(f.s, STR("a.b"), stop_after_two, &n), OK);
	assert_int_equal(n, 2);
	assert_int_equal(mblist_has_children(f.s, STR("a.b"), &has), OK);
	assert_true(has);
	assert_int_equal(mblist_has_children(f.s, STR("ab"), &has), OK);
	assert_false(has);
	assert_int_equal(mblist_parent(f.s, f.arena, STR("a.b.x.y.z"), &e), OK);
	assert_string_equal(e->name, "a.b");
	assert_int_equal(mblist_parent(f.s, f.arena, STR("b.x"), &e), ERR_NOTFOUND);
	assert_int_equal(mblist_parent(f.s, f.arena, STR("a"), &e), ERR_NOTFOUND);
}

static void
rename_takes_the_tree_along(void **state)
{
	struct mbox *m;
	struct id128 id;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.work");
	fixture_create(&f, "user.joe.work.old");
	fixture_create(&f, "user.joe2");
	id = list_lookup("user.joe.work")->id;
	m = fixture_mbox(&f, "user.joe.work", "joe", 0);
	fixture_append(m, f.s, "before");
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.jim"), NULL), OK);
	list_expect("user.jim user.jim.work user.jim.work.old user.joe2 ");
	list_expect_dir("user.jim.work.old", "user/jim/work/old");
	assert_false(list_exists(f.spool, "user/joe"));
	assert_true(id128_eq(&id, &list_lookup("user.jim.work")->id));
	/* Whoever had it open goes on. */
	assert_int_equal(fixture_append(m, f.s, "after"), 2);
	mbox_close(m);
	m = fixture_mbox(&f, "user.jim.work", "jim", 0);
	assert_int_equal(mbox_count(m), 2);
	fixture_expect_body(m, 2, "after");
	mbox_close(m);
	fixture_reopen(&f);
	list_expect("user.jim user.jim.work user.jim.work.old user.joe2 ");
}

static void
rename_refuses(void **state)
{
	(void)state;
	fixture_create(&f, "a");
	fixture_create(&f, "a.x");
	fixture_create(&f, "b.x");
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("b"), NULL), ERR_EXISTS);
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("a.b"), NULL), ERR_NAME);
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("c/"), NULL), ERR_NAME);
	assert_int_equal(mblist_rename(f.s, STR("z"), STR("c"), NULL), ERR_NOTFOUND);
	assert_int_equal(mblist_rename(f.s, STR("a.b"), STR("c"), NULL), ERR_NOTFOUND);
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("c"), "nowhere"), ERR_NOTFOUND);
	list_expect("a a.x b.x ");
}

/* The place that the name would have is taken, or is inside what moves. */
static void
rename_finds_a_place(void **state)
{
	(void)state;
	fixture_create(&f, "a");
	fixture_create(&f, "b.x");
	assert_int_equal(mblist_rename(f.s, STR("a"), STR("b"), NULL), OK);
	list_expect("b b.x ");
	list_expect_dir("b", "b%~2");
	assert_int_equal(mblist_rename(f.s, STR("b.x"), STR("b.y"), NULL), OK);
	list_expect_dir("b.y", "b/y");
	fixture_create(&f, "c.d");
	fixture_create(&f, "c.d.e");
	assert_int_equal(mblist_rename(f.s, STR("c.d"), STR("c"), NULL), OK);
	list_expect("b b.y c c.e ");
	assert_true(list_exists(f.spool, "b/y/cyrus.index"));
}

static void
rename_of_what_is_only_above(void **state)
{
	(void)state;
	fixture_create(&f, "a.b.c");
	fixture_create(&f, "a.b.d.e");
	fixture_create(&f, "a.x");
	assert_int_equal(mblist_rename(f.s, STR("a.b"), STR("z"), "default"), ERR_NOTFOUND);
	assert_int_equal(mblist_rename(f.s, STR("a.b"), STR("z"), NULL), OK);
	list_expect("a.x z.c z.d.e ");
	fixture_reopen(&f);
	list_expect("a.x z.c z.d.e ");
	/* No mailbox takes the place of what is above; a name is free or not. */
	fixture_create(&f, "y");
	assert_int_equal(mblist_rename(f.s, STR("z"), STR("y"), NULL), ERR_EXISTS);
	assert_int_equal(mblist_rename(f.s, STR("z"), STR("a.x"), NULL), ERR_EXISTS);
	list_expect("a.x y z.c z.d.e ");
}

static void
delayed_deletion_keeps_everything(void **state)
{
	struct mbox *m;
	struct list_survey v = { .names = BUF_INIT };

	(void)state;
	f.params.delete_delayed = true;
	fixture_reopen(&f);
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.work");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "kept");
	mbox_close(m);
	/* Its child stays, and stays in its own place. */
	assert_int_equal(mblist_delete(f.s, STR("user.joe"), false), OK);
	assert_false(list_has("user.joe"));
	list_expect_dir("user.joe.work", "user/joe/work");
	fixture_create(&f, "user.joe");
	list_expect_dir("user.joe", "user/joe");
	assert_int_equal(mblist_delete_tree(f.s, STR("user.joe"), false), OK);
	assert_int_equal(mblist_walk(f.s, STR("DELETED.user.joe."), list_survey_one, &v), OK);
	assert_int_equal(v.mailboxes, 3);
	assert_false(list_exists(f.spool, "user"));
	/* What is deleted there is gone. */
	assert_int_equal(mblist_delete_tree(f.s, STR("DELETED"), false), OK);
	list_expect("");
	assert_false(list_exists(f.spool, "DELETED"));
	buf_free(&v.names);
}

static void
deletion_tells_sessions(void **state)
{
	struct mbox_update u;
	struct mbox *m;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.work");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "lost");
	assert_int_equal(mblist_delete(f.s, STR("user.joe"), true), OK);
	assert_int_equal(mbox_refresh(m, f.arena, 0, &u), OK);
	assert_true(u.deleted);
	mbox_close(m);
	list_expect("user.joe.work ");
	assert_int_equal(mblist_delete(f.s, STR("user.joe"), true), ERR_NOTFOUND);
	assert_int_equal(mblist_delete_tree(f.s, STR("user.joe"), true), OK);
	list_expect("");
	assert_false(list_exists(f.spool, "user"));
}

static void
partition_moves(void **state)
{
	struct mbox *m;

	(void)state;
	fixture_create(&f, "user.joe");
	fixture_create(&f, "user.joe.work");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	fixture_append(m, f.s, "one");
	fixture_append(m, f.s, "two");
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.joe"), "second"), OK);
	mbox_close(m);
	assert_string_equal(list_lookup("user.joe")->partition, "second");
	assert_string_equal(list_lookup("user.joe.work")->partition, "default");
	assert_false(list_exists(f.spool, "user/joe/cyrus.index"));
	list_expect("user.joe user.joe.work ");
	m = fixture_mbox(&f, "user.joe", "joe", 0);
	assert_int_equal(mbox_count(m), 2);
	fixture_expect_body(m, 1, "one");
	assert_int_equal(fixture_append(m, f.s, "three"), 3);
	mbox_close(m);
	/* And back, with another name, and through a replay of both logs. */
	assert_int_equal(mblist_rename(f.s, STR("user.joe"), STR("user.jim"), "default"), OK);
	list_expect("user.jim user.jim.work ");
	fixture_reopen(&f);
	list_expect("user.jim user.jim.work ");
	m = fixture_mbox(&f, "user.jim", "jim", 0);
	assert_int_equal(mbox_count(m), 3);
	fixture_expect_body(m, 3, "three");
	assert_int_equal(fixture_append(m, f.s, "four"), 4);
	mbox_close(m);
	fixture_check_sums(&f, "user.jim");
	assert_false(list_exists(f.spool2, "user"));
}

static void
rights_of_owner_and_others(void **state)
{
	struct identity joe = { .userid = "joe" }, jim = { .userid = "jim" };

	(void)state;
	fixture_create(&f, "user.joe.x");
	assert_int_equal(mblist_set_acl(f.s, STR("user.joe.x"), STR("jim\tlr\t")), OK);
	assert_int_equal(mblist_rights(list_lookup("user.joe.x"), &joe),
	    ACL_LOOKUP | ACL_CREATE | ACL_DELETEMBOX | ACL_ADMIN);
	assert_int_equal(mblist_rights(list_lookup("user.joe.x"), &jim), ACL_LOOKUP | ACL_READ);
	assert_int_equal(mblist_change_acl(f.s, STR("user.joe.x"), STR("jim"), '+',
	    ACL_SEEN), OK);
	assert_int_equal(mblist_rights(list_lookup("user.joe.x"), &jim),
	    ACL_LOOKUP | ACL_READ | ACL_SEEN);
	assert_int_equal(mblist_change_acl(f.s, STR("user.joe.x"), STR("jim"), '=', 0), OK);
	assert_string_equal(list_lookup("user.joe.x")->acl, "");
	assert_int_equal(mblist_set_acl(f.s, STR("user.joe.x"), STR("a\tl\t\nid\tx")),
	    ERR_SYNTAX);
	assert_int_equal(mblist_set_acl(f.s, STR("none"), STR("")), ERR_NOTFOUND);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.x"), "\\Sent"), OK);
	assert_string_equal(list_lookup("user.joe.x")->specialuse, "\\Sent");
	list_expect("user.joe.x ");
	/* One of each for one owner. */
	struct mblist_create c = { .name = STR("user.joe.y"), .specialuse = "\\Junk \\Sent" };
	assert_int_equal(mblist_create(f.s, &c), ERR_DENIED);
	list_expect("user.joe.x ");
	c.specialuse = "\\Junk \\Send";
	assert_int_equal(mblist_create(f.s, &c), OK);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.x"), "\\Junk"), ERR_DENIED);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.y"), "\\Junk"), OK);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.y"), NULL), OK);
	assert_int_equal(mblist_set_specialuse(f.s, STR("user.joe.x"), "\\Sent \\Junk"), OK);
	c.name = STR("user.jim.x");
	assert_int_equal(mblist_create(f.s, &c), OK);
}

/* The copies of this process must not outlive what another one changes. */
static void
copies_follow_other_processes(void **state)
{
	int status, i;
	pid_t pid;

	(void)state;
	fixture_create(&f, "a");
	for (i = 0; i < 3; i++) {
		assert_false(list_has("b"));
		assert_true(list_has("a"));
		assert_true(list_has("a"));
		pid = fork();
		if (pid == 0) {
			struct store *s;

			if (store_open(&f.params, &s) != OK ||
			    mblist_rename(s, STR("a"), STR("b"), NULL) != OK)
				_exit(1);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_true(list_has("b"));
		assert_false(list_has("a"));
		assert_int_equal(mblist_rename(f.s, STR("b"), STR("a"), NULL), OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(create_takes_over_from_the_parent),
		TEST(uidvalidity_always_rises),
		TEST(uidvalidity_does_not_end),
		TEST(walks_and_parents),
		TEST(rename_takes_the_tree_along),
		TEST(rename_refuses),
		TEST(rename_finds_a_place),
		TEST(rename_of_what_is_only_above),
		TEST(delayed_deletion_keeps_everything),
		TEST(deletion_tells_sessions),
		TEST(partition_moves),
		TEST(rights_of_owner_and_others),
		TEST(copies_follow_other_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
