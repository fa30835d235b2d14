/* Languages are found by their ranges, and texts by their English. */
#include "imap/imapd/proto/reply.h"
#include "imap/imapd/proto/texts.h"
#include "lib/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void
test_ranges(void **state)
{
	static const struct {
		const char *range;
		bool found;
		enum language l;
	} rows[] = {
		{ "i-default", true, LANGUAGE_DEFAULT }, { "default", true, LANGUAGE_DEFAULT },
		{ "DEFAULT", true, LANGUAGE_DEFAULT }, { "en", true, LANGUAGE_ENGLISH },
		{ "EN-us", true, LANGUAGE_ENGLISH }, { "de", true, LANGUAGE_GERMAN },
		{ "de-AT-1996", true, LANGUAGE_GERMAN },
		{ "de-x-foo", true, LANGUAGE_GERMAN }, { "fr", false, LANGUAGE_DEFAULT },
		{ "deu", false, LANGUAGE_DEFAULT }, { "", false, LANGUAGE_DEFAULT },
		{ "-", false, LANGUAGE_DEFAULT }, { "*", true, LANGUAGE_DEFAULT },
		{ "x-de", false, LANGUAGE_DEFAULT }, { "i", false, LANGUAGE_DEFAULT },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum language l = LANGUAGE_DEFAULT;
		assert_int_equal(language_find(str_c(rows[i].range), &l), rows[i].found);
		assert_int_equal(l, rows[i].l);
	}
}

static void
test_tags_find_themselves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LANGUAGES; i++) {
		enum language l = LANGUAGES;
		assert_true(language_find(str_c(language_tag(i)), &l));
		assert_int_equal(l, i);
	}
}

/* Each error has its text in each language, and it is text. */
static void
test_errors(void **state)
{
	(void)state;
	for (int e = OK; e <= ERR_UNSUPPORTED; e++) {
		const char *english = reply_error_of(e)->text;
		assert_ptr_equal(text_in(LANGUAGE_DEFAULT, english), english);
		assert_ptr_equal(text_in(LANGUAGE_ENGLISH, english), english);
		const char *german = text_in(LANGUAGE_GERMAN, english);
		assert_string_not_equal(german, english);
		assert_true(utf8_valid(str_c(german)));
		assert_null(strpbrk(german, "\r\n[]"));
	}
	assert_string_equal(text_in(LANGUAGE_GERMAN, "never said"), "never said");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_tags_find_themselves),
		cmocka_unit_test(test_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
