/* test_mbname.c - names: what may be one, as keys, as directories, as files */
#include "imap/store/list/mbname.h"

#include "imap/store/list/mblist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
possible_names(void **state)
{
	char component[220], whole[520];
	static const struct {
		const char *name;
		enum err e;
	} rows[] = {
		{ "a", OK }, { "user.joe", OK }, { "user.joe.sent mail", OK },
		{ "user.jos\xc3\xa9", OK },			/* composed */
		{ "user.jose\xcc\x81", ERR_NAME },		/* decomposed */
		{ "user.joe^doe@example^com", OK }, { "user.a&b!c\"d\\", OK },
		{ "", ERR_NAME }, { ".", ERR_NAME }, { ".a", ERR_NAME }, { "a.", ERR_NAME },
		{ "a..b", ERR_NAME }, { "a/b", ERR_NAME }, { "a*", ERR_NAME },
		{ "a%", ERR_NAME }, { "a\tb", ERR_NAME }, { "a\nb", ERR_NAME },
		{ "a\x01" "b", ERR_NAME }, { "a\x7f", ERR_NAME },
		{ "a\xc2\x85", ERR_NAME },			/* U+0085 */
		{ "a\xc2\xa0", OK }, { "a\xff", ERR_NAME }, { "a\xc3", ERR_NAME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(mblist_check_name(str_c(rows[i].name)), rows[i].e);
	assert_int_equal(mblist_check_name((struct str){ "a\0b", 3 }), ERR_NAME);

	memset(component, 'x', sizeof(component));
	component[200] = '\0';
	assert_int_equal(mblist_check_name(str_c(component)), OK);
	component[200] = 'x';
	component[201] = '\0';
	assert_int_equal(mblist_check_name(str_c(component)), ERR_NAME);
	for (size_t i = 0; i < sizeof(whole); i++)
		whole[i] = i % 100 == 99 ? '.' : 'x';
	whole[490] = '\0';
	assert_int_equal(mblist_check_name(str_c(whole)), OK);
	whole[490] = 'x';
	whole[491] = '\0';
	assert_int_equal(mblist_check_name(str_c(whole)), ERR_NAME);
}

static void
directories(void **state)
{
	static const struct {
		const char *name, *dir;
		bool hashed;
	} rows[] = {
		{ "user.joe.drafts", "user/joe/drafts", false },
		{ "user.joe.drafts", "j/user/joe/drafts", true },
		{ "user.9lives", "q/user/9lives", true },
		{ "Board", "b/Board", true },
		{ "user.john^doe", "user/john^doe", false },
		{ "user.joe.17", "user/joe/17", false },
		{ "wal", "%77al", false }, { "stage.x", "%73tage/x", false },
		{ "wal", "w/wal", true }, { "user.wal", "user/wal", false },
		{ "lost+found", "%6Cost+found", false },
		{ "a.-rf *", "a/%2Drf %2A", false }, { "a. b", "a/%20b", false },
		{ "a.x;y$z", "a/x%3By%24z", false }, { "a.%~2", "a/%25%7E2", false },
		{ "a.\xc3\xa9", "a/\xc3\xa9", false },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_reset(&b);
		mbname_add_dir(&b, str_c(rows[i].name), rows[i].hashed);
		assert_string_equal(b.p, rows[i].dir);
	}
	buf_free(&b);
}

static void
keys_sort_hierarchically(void **state)
{
	static const char *const in_order[] = {
		"a", "a.b", "a.b.c", "a.b.d", "a.bc", "a b", "a+", "a-b", "a0", "aa",
	};
	struct buf x = BUF_INIT, y = BUF_INIT, back = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(in_order) / sizeof(in_order[0]); i++) {
		buf_reset(&y);
		buf_reset(&back);
		mbname_add_key(&y, str_c(in_order[i]));
		assert_true(strcmp(x.p, y.p) < 0);
		mbname_from_key(&back, buf_str(&y));
		assert_string_equal(back.p, in_order[i]);
		buf_reset(&x);
		buf_add_str(&x, buf_str(&y));
	}
	buf_free(&x);
	buf_free(&y);
	buf_free(&back);
}

static void
files_come_back(void **state)
{
	static const char *const names[] = {
		"user.joe", "user.a;b", "user.%7E", "user.100%", "user.\xc3\xa9 x", "%", "%4",
	};
	struct buf file = BUF_INIT, back = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		buf_reset(&file);
		buf_reset(&back);
		mbname_add_file(&file, str_c(names[i]));
		assert_null(strchr(file.p, '/'));
		mbname_from_file(&back, buf_str(&file));
		assert_string_equal(back.p, names[i]);
	}
	buf_free(&file);
	buf_free(&back);
}

static void
pieces(void **state)
{
	struct str s = STR("a.b.c");

	(void)state;
	assert_true(mbname_up(&s) && str_eq(s, STR("a.b")));
	assert_true(mbname_up(&s) && str_eq(s, STR("a")));
	assert_false(mbname_up(&s));
	assert_true(mbname_is_in(STR("a.b"), STR("a.b")));
	assert_true(mbname_is_in(STR("a.b.c"), STR("a.b")));
	assert_false(mbname_is_in(STR("a.bc"), STR("a.b")));
	assert_false(mbname_is_in(STR("a"), STR("a.b")));
	assert_true(mbname_is_inbox(STR("user.joe")));
	assert_false(mbname_is_inbox(STR("user.joe.x")));
	assert_false(mbname_is_inbox(STR("user")));
	assert_true(str_eq(mblist_owner(STR("user.joe.x")), STR("joe")));
	assert_int_equal(mblist_owner(STR("users.joe")).n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(possible_names),
		cmocka_unit_test(directories),
		cmocka_unit_test(keys_sort_hierarchically),
		cmocka_unit_test(files_come_back),
		cmocka_unit_test(pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
