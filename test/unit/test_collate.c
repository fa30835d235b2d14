/* Keys of texts and names of comparators. */
#include "lib/collate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int
compare(enum collation c, const char *a, const char *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	int order;

	collate_key(c, str_c(a), &x);
	collate_key(c, str_c(b), &y);
	order = str_cmp(buf_str(&x), buf_str(&y));
	buf_free(&x);
	buf_free(&y);
	return order;
}

static void
test_equality(void **state)
{
	(void)state;
	assert_int_equal(compare(COLLATE_UNICODE_CASEMAP, "M\xc3\x9cller", "mu\xcc\x88LLER"), 0);
	assert_int_not_equal(compare(COLLATE_ASCII_CASEMAP, "M\xc3\x9cller", "m\xc3\xbcller"), 0);
	assert_int_equal(compare(COLLATE_ASCII_CASEMAP, "a[Z", "A[z"), 0);
	assert_int_not_equal(compare(COLLATE_OCTET, "a", "A"), 0);
	assert_int_equal(compare(COLLATE_OCTET, "\xff", "\xff"), 0);
}

static void
test_order(void **state)
{
	(void)state;
	assert_true(compare(COLLATE_OCTET, "B", "a") < 0);
	assert_true(compare(COLLATE_ASCII_CASEMAP, "B", "a") > 0);
	assert_true(compare(COLLATE_ASCII_CASEMAP, "_", "a") > 0);	/* behind "A" */
	assert_true(compare(COLLATE_UNICODE_CASEMAP, "\xc3\xa4z", "b") < 0);
	assert_true(compare(COLLATE_UNICODE_CASEMAP, "a", "ab") < 0);
}

static void
test_names(void **state)
{
	(void)state;
	static const struct {
		const char *pattern;
		bool unicode, ascii, octet;
	} rows[] = {
		{ "default", true, false, false },
		{ "i;octet", false, false, true },
		{ "I;Ascii-CaseMap", false, true, false },
		{ "*", true, true, true },
		{ "i;*-casemap", true, true, false },
		{ "*;*e*", true, true, true },
		{ "*;*o*t*", false, false, true },
		{ "i;octe", false, false, false },
		{ "i;octets", false, false, false },
		{ "i;octet*", false, false, true },
		{ "", false, false, false },
		{ "cz;*", false, false, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str p = str_c(rows[i].pattern);

		assert_int_equal(collate_matches(COLLATE_UNICODE_CASEMAP, p), rows[i].unicode);
		assert_int_equal(collate_matches(COLLATE_ASCII_CASEMAP, p), rows[i].ascii);
		assert_int_equal(collate_matches(COLLATE_OCTET, p), rows[i].octet);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
