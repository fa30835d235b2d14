/* test_subs.c - subscriptions: a sorted file a user */
#include "test/unit/store_fixture.h"

#include "imap/store/list/subs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool
list(void *ctx, struct str name)
{
	buf_printf(ctx, "%.*s ", STR_ARG(name));
	return true;
}

static void
expect(const char *prefix, const char *names)
{
	struct buf b = BUF_INIT;

	assert_int_equal(subs_walk(f.s, STR("joe"), str_c(prefix), list, &b), OK);
	assert_string_equal(b.p, names);
	buf_free(&b);
}

static void
set(const char *name, bool subscribed)
{
	assert_int_equal(subs_set(f.s, STR("joe"), str_c(name), subscribed), OK);
}

static void
sorted_and_unique(void **state)
{
	char command[250];
	bool has;

	(void)state;
	expect("", "");
	set("user.joe.b-c", true);
	set("user.joe", true);
	set("user.joe.b.c", true);
	set("user.joe.b", true);
	set("board", true);
	set("user.joe", true);
	set("never.there", false);
	expect("", "board user.joe user.joe.b user.joe.b.c user.joe.b-c ");
	expect("user.joe.b", "user.joe.b user.joe.b.c user.joe.b-c ");
	set("user.joe.b", false);
	expect("", "board user.joe user.joe.b.c user.joe.b-c ");
	assert_int_equal(subs_has(f.s, STR("joe"), STR("board"), &has), OK);
	assert_true(has);
	assert_int_equal(subs_has(f.s, STR("joe"), STR("boar"), &has), OK);
	assert_false(has);
	assert_int_equal(subs_has(f.s, STR("jim"), STR("board"), &has), OK);
	assert_false(has);
	assert_int_equal(subs_set(f.s, STR("joe"), STR("a\nb"), true), ERR_NAME);
	/* As Cyrus has it. */
	snprintf(command, sizeof(command),
	    "printf 'board\\t\\nuser.joe\\t\\nuser.joe.b.c\\t\\nuser.joe.b-c\\t\\n' | "
	    "cmp - %s/user/j/joe.sub", f.config);
	assert_int_equal(system(command), 0);
}

/* Nothing that somebody wrote there is lost, or taken for another name. */
static void
edited_by_hand(void **state)
{
	char command[250];
	bool has = true;

	(void)state;
	set("board", true);
	snprintf(command, sizeof(command), "printf 'user.joe.x\\0y\\t\\nuser.last' "
	    ">%s/user/j/joe.sub", f.config);
	assert_int_equal(system(command), 0);
	set("user.joe.x", false);
	assert_int_equal(subs_has(f.s, STR("joe"), STR("user.joe.x"), &has), OK);
	assert_false(has);
	set("user.joe.x", true);
	set("user.z", true);
	snprintf(command, sizeof(command), "printf 'user.joe.x\\t\\nuser.joe.x\\0y\\t\\n"
	    "user.last\\nuser.z\\t\\n' | cmp - %s/user/j/joe.sub", f.config);
	assert_int_equal(system(command), 0);
}

static void
strange_users_have_files_too(void **state)
{
	(void)state;
	assert_int_equal(subs_set(f.s, STR("../../etc/x"), STR("a"), true), OK);
	assert_int_equal(subs_set(f.s, STR("\xc3\xa9"), STR("a"), true), OK);
	assert_int_equal(subs_set(f.s, STR(""), STR("a"), true), ERR_NAME);
}

static void
several_at_once(void **state)
{
	enum { WRITERS = 4, EACH = 10 };
	struct buf b = BUF_INIT;
	pid_t pid[WRITERS];
	char name[40];
	int status, n = 0;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] != 0)
			continue;
		for (int k = 0; k < EACH; k++) {
			snprintf(name, sizeof(name), "m.%d.%d", i, k);
			if (subs_set(f.s, STR("joe"), str_c(name), true) != OK)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(subs_walk(f.s, STR("joe"), STR("m."), list, &b), OK);
	for (size_t i = 0; i < b.n; i++)
		n += b.p[i] == ' ';
	assert_int_equal(n, WRITERS * EACH);
	buf_free(&b);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, fixture_setup_empty, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sorted_and_unique),
		TEST(edited_by_hand),
		TEST(strange_users_have_files_too),
		TEST(several_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
