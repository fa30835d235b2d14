/* Patterns of LIST, against a matcher too simple to be wrong. */
#include "imap/imapd/proto/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void
test_rows(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *name;
		bool want;
	} rows[] = {
		{ "*", "a/b", true }, { "%", "a/b", false }, { "%", "a", true },
		{ "", "", true }, { "", "a", false }, { "%/%", "a/b", true },
		{ "%/%", "a/b/c", false }, { "a*c", "a/b/c", true }, { "a%c", "abc", true },
		{ "a%c", "a/c", false }, { "*%", "a/b", true }, { "%*", "a/b", true },
		{ "*/x%", "a/b/xyz", true }, { "*/x%", "a/x/y/xz", true },
		{ "*/x%", "a/x/y", false }, { "%a%b", "xaxxb", true }, { "a", "A", false },
		{ "inbox", "INBOX", true }, { "InB*", "INBOX/a", true },
		{ "%box", "INBOX", true }, { "inbox", "INBOXES", false },
		{ "inbox/A", "INBOX/a", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(pattern_match(str_c(rows[i].pattern),
		    str_c(rows[i].name), '/'), rows[i].want);
}

static bool
simple(const char *p, const char *n)
{
	if (*p == '\0')
		return *n == '\0';
	if (*p != '*' && *p != '%')
		return *p == *n && simple(p + 1, n + 1);
	for (;; n++) {
		if (simple(p + 1, n))
			return true;
		if (*n == '\0' || (*p == '%' && *n == '/'))
			return false;
	}
}

/* All patterns of 5 bytes against all names of 6. */
static void
test_all(void **state)
{
	(void)state;
	static const char pc[] = "a/*%", nc[] = "ab/";
	char p[6] = "", n[7] = "";
	for (int i = 0; i < 1024; i++) {
		for (int k = 0, v = i; k < 5; k++, v /= 4)
			p[k] = pc[v % 4];
		for (int j = 0; j < 729; j++) {
			for (int k = 0, v = j; k < 6; k++, v /= 3)
				n[k] = nc[v % 3];
			assert_int_equal(pattern_match(str_c(p), str_c(n), '/'),
			    simple(p, n));
		}
	}
}

/* What a simple matcher would never finish. */
static void
test_hostile(void **state)
{
	(void)state;
	static char p[2001], n[1001];
	for (int i = 0; i < 2000; i++)
		p[i] = i % 2 ? 'a' : '*';
	memset(n, 'a', 1000);
	n[999] = 'b';
	assert_false(pattern_match(str_c(p), str_c(n), '/'));
	for (int i = 0; i < 2000; i += 2)
		p[i] = '%';
	assert_false(pattern_match(str_c(p), str_c(n), '/'));
}

static void
test_literal(void **state)
{
	(void)state;
	assert_int_equal(pattern_literal(STR("a/b%c")).n, 3);
	assert_int_equal(pattern_literal(STR("*")).n, 0);
	assert_int_equal(pattern_literal(STR("abc")).n, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_all),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_literal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
