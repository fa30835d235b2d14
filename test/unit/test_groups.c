/* test_groups.c - the server's own groups */
#include "lib/file.h"
#include "lib/groups_ldap.h"
#include "lib/groups_own.h"
#include "lib/ldap.h"

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

/* Whatever a user is called, it stands for itself. */
static void
test_expand(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *user, *filter, *dn;
	} rows[] = {
		{ "(uid=%u)", "fred", "(uid=fred)", "(uid=fred)" },
		{ "%U %d %R", "fred@a.org", "fred a.org @a.org", "fred a.org @a.org" },
		{ "%U|%d|%R|%1", "fred", "fred|||", "fred|||" },
		{ "%1,%2,%3,%4", "x@mail.a.org", "org,a,mail,", "org,a,mail," },
		{ "100%% %x%", "fred", "100% %", "100% %" },
		{ "%u", "a)(uid=*", "a\\29\\28uid=\\2a", "a)(uid\\3d*" },
		{ "%u", "a,dc=b", "a,dc=b", "a\\2cdc\\3db" },
		{ "%D", "fred", "cn=a\\2a,dc=b", "cn=a*,dc=b" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf filter = BUF_INIT, dn = BUF_INIT;
		groups_ldap_expand(rows[i].pattern, rows[i].user, "cn=a*,dc=b", true, &filter);
		groups_ldap_expand(rows[i].pattern, rows[i].user, "cn=a*,dc=b", false, &dn);
		assert_string_equal(filter.p, rows[i].filter);
		assert_string_equal(dn.p, rows[i].dn);
		buf_free(&filter);
		buf_free(&dn);
	}
}

static void
test_dns(void **state)
{
	(void)state;
	struct buf rdn = BUF_INIT;
	assert_true(directory_rdn(STR("cn=a\\,b+ou=c,dc=d"), &rdn));
	assert_string_equal(rdn.p, "a,b");
	assert_false(directory_rdn(STR("no dn"), &rdn));
	buf_free(&rdn);
	assert_true(directory_is_below(STR("cn=x, OU=Groups,dc=b"), "ou=groups, dc=B"));
	assert_true(directory_is_below(STR("ou=groups,dc=b"), "ou=groups,dc=b"));
	assert_false(directory_is_below(STR("cn=x,xou=groups,dc=b"), "ou=groups,dc=b"));
	assert_false(directory_is_below(STR("cn=ou\\=groups\\,dc\\=b,dc=c"), "ou=groups,dc=b"));
	assert_false(directory_is_below(STR("dc=b"), "ou=groups,dc=b"));
	assert_false(directory_is_below(STR("plain"), "ou=groups,dc=b"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes), cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_expand),
		cmocka_unit_test(test_dns),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
