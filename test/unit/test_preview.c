/* test_preview.c - the beginning of a message's text (imap/mime/preview.c) */
#include "imap/mime/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HTML	"Content-Type: text/html; charset=utf-8\r\n\r\n"
#define MIXED	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"

static const struct {
	const char *message, *preview;
} rows[] = {
	{ "Subject: x\r\n\r\n", "" },
	{ "\r\nHello", "Hello" },
	{ "\r\n  Hello,\r\n\r\n\tworld  \r\n", "Hello, world" },
	{ "Content-Type: text/plain; charset=iso-8859-1\r\n"
	  "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=\r\n=DFe", "Gr\xc3\xbc\xc3\x9f" "e" },
	{ "Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n", "Hello" },
	{ "Content-Transfer-Encoding: x-secret\r\n\r\nSGVsbG8=\r\n", "" },
	{ "\r\nzero\xe2\x80\x8bwidth\xc2\xa0" "and", "zerowidth and" },
	/* HTML */
	{ HTML "<p>Hello <b>wor</b>ld</p>", "Hello world" },
	{ HTML "<html><head><title>T</title><style>p > a { x: \"y\" }</style></head>"
	  "<body><p>One<p>Two", "One Two" },
	{ HTML "<script>if (a < b) { \"</p>\" }</script>Text", "Text" },
	{ HTML "a<!-- > <b> -- -->b<!---->c", "abc" },
	{ HTML "<a href=\"x>y\">link</a>", "link" },
	{ HTML "1 &lt; 2 &amp;&#38; &#x41;&uuml;&nbsp;&unknown; &", "1 < 2 && A\xc3\xbc &unknown; &" },
	{ HTML "&#0;&#xffffffff;x&#xD800;", "&#0;&#xffffffff;x\xef\xbf\xbd" },
	{ HTML "&verylongentityname;x", "&verylongentityname;x" },
	{ HTML "a<br>b<td>c<span>d", "a b cd" },
	{ HTML "<b", "" },
	/* which part */
	{ "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" HTML "<p>html\r\n--b\r\n"
	  "\r\nplain\r\n--b--\r\n", "plain" },
	{ "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n \r\n--b\r\n"
	  HTML "<p>html\r\n--b--\r\n", "html" },
	{ MIXED "Content-Disposition: attachment\r\n\r\nattached\r\n--b\r\n\r\ninline\r\n--b--",
	  "inline" },
	{ MIXED "Content-Type: image/png\r\n\r\npng\r\n--b--", "" },
	{ MIXED "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nforwarded\r\n--b\r\n"
	  "\r\nmine\r\n--b--", "mine" },
	{ MIXED "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nforwarded\r\n--b--",
	  "forwarded" },
};

static void
preview_of(struct str message, struct buf *out)
{
	struct arena *arena = arena_new(1 << 20);
	struct mime_part *root;

	assert_int_equal(mime_parse(arena, message, &root), OK);
	buf_reset(out);
	mime_preview(message, root, out);
	arena_free(arena);
}

static void
test_rows(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		preview_of(str_c(rows[i].message), &out);
		assert_string_equal(out.p, rows[i].preview);
	}
	buf_free(&out);
}

/* 200 characters, not bytes, and never a space at the end. */
static void
test_length(void **state)
{
	struct buf message = BUF_INIT, out = BUF_INIT;

	(void)state;
	buf_adds(&message, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		buf_adds(&message, "\xf0\x9f\x98\x80");
	preview_of(buf_str(&message), &out);
	assert_int_equal(out.n, 4 * MIME_MAX_PREVIEW);
	buf_reset(&message);
	buf_adds(&message, "\r\n");
	for (int i = 0; i < 199; i++)
		buf_addc(&message, 'x');
	buf_adds(&message, " yyyy");
	preview_of(buf_str(&message), &out);
	assert_int_equal(out.n, 199);
	buf_free(&message);
	buf_free(&out);
}

/* Alternatives in alternatives cost what they are long, not two to their depth. */
static void
test_depth(void **state)
{
	struct buf message = BUF_INIT, out = BUF_INIT;

	(void)state;
	for (int i = 0; i < MIME_MAX_DEPTH; i++)
		buf_printf(&message, "Content-Type: multipart/alternative; boundary=b%d\r\n\r\n"
		    "--b%d\r\n", i, i);
	preview_of(buf_str(&message), &out);
	buf_free(&message);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
