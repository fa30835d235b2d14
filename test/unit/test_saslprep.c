/* test_saslprep.c - the examples of RFC 4013 section 3, and what its tables say */
#include "lib/saslprep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void
test_prepare(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;	/* NULL: ERR_NAME */
	} rows[] = {
		{ "user", "user" }, { "USER", "USER" }, { "a b", "a b" }, { " ", " " },
		{ "I\xc2\xadX", "IX" },			/* SOFT HYPHEN mapped to nothing */
		{ "\xc2\xaa", "a" },			/* form KC */
		{ "\xe2\x85\xa8", "IX" },		/* ROMAN NUMERAL NINE */
		{ "\x07", NULL }, { "a\tb", NULL }, { "a\x7f", NULL },
		{ "\xd8\xa7" "1", NULL },		/* bidirectional check */
		{ "\xd8\xa7" "1\xd8\xa8", "\xd8\xa7" "1\xd8\xa8" },
		{ "a\xc2\xa0z", "a z" }, { "a\xe3\x80\x80z", "a z" },
		{ "fr\xc3\xa9""d", "fr\xc3\xa9""d" },	/* one way to write it */
		{ "fre\xcc\x81""d", "fr\xc3\xa9""d" },	/* the other */
		{ "fred\xe2\x80\x8b", "fred " },	/* ZERO WIDTH SPACE is a space, */
		{ "fred\xe2\x80\x8d", "fred" },	/* ZERO WIDTH JOINER is nothing */
		{ "fred\xe2\x80\xae", NULL },		/* RIGHT-TO-LEFT OVERRIDE */
		{ "fred\xee\x80\x80", NULL },		/* private use */
		{ "fred\xef\xbf\xbd", NULL },		/* REPLACEMENT CHARACTER */
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },	/* not in Unicode 3.2 */
		{ "\xff", NULL }, { "\xc3", NULL }, { "\xc2\xad", NULL }, { "", NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = BUF_INIT;
		buf_adds(&out, "x");
		enum err e = saslprep(str_c(rows[i].text), &out);
		assert_int_equal(e, rows[i].want != NULL ? OK : ERR_NAME);
		assert_string_equal(out.p + 1, rows[i].want != NULL ? rows[i].want : "");
		buf_free(&out);
	}
	struct buf out = BUF_INIT;
	assert_int_equal(saslprep((struct str){ "a\0b", 3 }, &out), ERR_NAME);
	buf_free(&out);
}

/* The longest that it takes, of the character that grows most. */
static void
test_size(void **state)
{
	(void)state;
	struct buf text = BUF_INIT, out = BUF_INIT;
	while (text.n + 3 <= SASLPREP_MAX)
		buf_adds(&text, "\xef\xb7\xba");
	assert_int_equal(saslprep(buf_str(&text), &out), OK);
	assert_true(out.n > text.n * 8);
	buf_adds(&text, "\xef\xb7\xba");
	buf_reset(&out);
	assert_int_equal(saslprep(buf_str(&text), &out), ERR_NAME);
	buf_reset(&text);
	for (int i = 0; i < 5000; i++)
		buf_addc(&text, 'a');
	assert_int_equal(saslprep(buf_str(&text), &out), OK);
	assert_int_equal(out.n, 5000);
	buf_free(&text);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prepare), cmocka_unit_test(test_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
