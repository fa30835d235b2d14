/* test_groups.c - the server's own groups */
#include "lib/file.h"
#include "lib/groups_own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static int at;

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_groups.XXXXXX");
	return mkdtemp(dir) != NULL && (at = open(dir, O_RDONLY | O_DIRECTORY)) >= 0 ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	unlinkat(at, "groups", 0);
	unlinkat(at, "groups.lock", 0);
	close(at);
	return rmdir(dir);
}

static void
assert_file(const char *want)
{
	struct buf b = BUF_INIT;
	assert_int_equal(file_slurp(at, "groups", 1 << 20, &b), OK);
	assert_string_equal(b.p, want);
	buf_free(&b);
}

static void
assert_groups(const char *user, const char *want)
{
	struct groups g = { .n = 0 };
	struct buf b = BUF_INIT;
	assert_int_equal(groups_own_find(at, str_c(user), &g), OK);
	for (const char *const *name = groups_names(&g); *name != NULL; name++)
		buf_printf(&b, "%s ", *name);
	assert_string_equal(b.p, want);
	buf_free(&b);
	groups_free(&g);
}

static void
test_changes(void **state)
{
	(void)state;
	const struct str two[] = { STR("fred"), STR("anna@a.org") };
	assert_groups("fred", "");
	assert_int_equal(groups_own_add(at, STR("staff"), two, 2), OK);
	assert_int_equal(groups_own_add(at, STR("admin"), two, 1), OK);
	assert_int_equal(groups_own_add(at, STR("zoo"), NULL, 0), OK);
	assert_int_equal(groups_own_add(at, STR("staff"), two, 1), OK);
	assert_file("admin\tfred\nstaff\tfred\tanna@a.org\nzoo\n");
	assert_groups("fred", "admin staff ");
	assert_groups("anna@a.org", "staff ");
	assert_groups("anna", "");
	assert_groups("staff", "");
	assert_int_equal(groups_own_remove(at, STR("zoo"), two, 1), ERR_NOTFOUND);
	assert_int_equal(groups_own_remove(at, STR("none"), two, 1), ERR_NOTFOUND);
	assert_int_equal(groups_own_remove(at, STR("staff"), two, 1), OK);
	assert_int_equal(groups_own_delete(at, STR("zoo")), OK);
	assert_int_equal(groups_own_delete(at, STR("zoo")), ERR_NOTFOUND);
	assert_file("admin\tfred\nstaff\tanna@a.org\n");
	assert_int_equal(groups_own_rename_user(at, STR("fred"), STR("freddy")), OK);
	assert_int_equal(groups_own_rename_user(at, STR("fred"), STR("")), ERR_NOTFOUND);
	assert_int_equal(groups_own_rename_user(at, STR("anna@a.org"), STR("")), OK);
	assert_file("admin\tfreddy\nstaff\n");
}

static void
test_bad_names(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "a b", "a\tb", "a\nb", "-a", "#a", "\xff" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct str s = str_c(bad[i]);
		assert_int_equal(groups_own_add(at, s, NULL, 0), ERR_NAME);
		assert_int_equal(groups_own_add(at, STR("a"), &s, 1), ERR_NAME);
		assert_int_equal(groups_own_delete(at, s), ERR_NAME);
	}
}

/* What somebody wrote by hand: lines that are none are passed over. */
static void
test_by_hand(void **state)
{
	(void)state;
	static const char text[] = "# mine\n\n\tfred\nb\tfred\t\tfred\n-c\tfred\na\tx\tfred";
	assert_int_equal(file_replace(at, "groups", text, strlen(text), 0600, false), OK);
	assert_groups("fred", "b a ");
	assert_groups("", "");
	assert_int_equal(groups_own_add(at, STR("aa"), &STR("y"), 1), OK);
	assert_file("aa\ty\nb\tfred\na\tx\tfred\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes), cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_by_hand),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
