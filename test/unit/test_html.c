/* The words of HTML texts, whole and cut at every place. */
#include "imap/mime/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *html, *text;
} rows[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "a  b\r\n\tc", "a b c" },
	{ "M<b>&uuml;</b>ller", "M\xc3\xbcller" },
	{ "<p>one<p>two</p>", "one\ntwo\n" },
	{ "a<br>b<BR/>c", "a\nb\nc" },
	{ "one <td>two", "one\ntwo" },
	{ "<a href=\"x>y\">link</a>", "link" },
	{ "<a title='\"'>q</a>", "q" },
	{ "x<!-- no > no -- --->y", "xy" },
	{ "<!DOCTYPE html>x<?xml ?>", "x" },
	{ "<style>p { a > b }</style>x", "x" },
	{ "<SCRIPT>if (a < b) '</p>'</script >x", "x" },
	{ "<scripted>x", "x" },
	{ "a < b <3 </ >", "a < b <3 </ >" },
	{ "&amp;&lt;&#233;&#xE9;&#XE9;", "&<\xc3\xa9\xc3\xa9\xc3\xa9" },
	{ "&uuml &nosuch; &; &", "\xc3\xbc &nosuch; &; &" },
	{ "&#0;&#x110000;&#-1;", "&#0;&#x110000;&#-1;" },
	{ "a&nbsp; b", "a b" },
	{ "&euro;&Alpha;&zwnj;", "\xe2\x82\xac\xce\x91\xe2\x80\x8c" },
	{ "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;",
	    "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;" },
	{ "end <", "end <" },
	{ "never <b closed", "never " },
	{ "x<!", "x" },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct html h = HTML_INIT;
		struct buf out = BUF_INIT;

		html_piece(&h, str_c(rows[i].html), &out);
		html_end(&h, &out);
		assert_string_equal(out.p, rows[i].text);
		buf_free(&out);
	}
}

static void
test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str all = str_c(rows[i].html);

		for (size_t cut = 0; cut <= all.n; cut++) {
			struct html h = HTML_INIT;
			struct buf out = BUF_INIT;

			html_piece(&h, str_slice(all, 0, cut), &out);
			html_piece(&h, str_slice(all, cut, all.n), &out);
			html_end(&h, &out);
			assert_string_equal(out.p, rows[i].text);
			buf_free(&out);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cut_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
