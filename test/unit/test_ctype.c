/* test_ctype.c - media types, parameters, BODYSTRUCTURE (imap/mime/ctype.c, param.c, bstruct.c) */
#include "imap/mime/ctype.h"
#include "imap/mime/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *value, *shown;	/* type/subtype|name=value|... */
} types[] = {
	{ "text/plain", "text/plain" },
	{ "TEXT/Plain;charset=US-ASCII", "TEXT/Plain|charset=US-ASCII" },
	{ "text/plain; charset=us-ascii (Plain text)", "text/plain|charset=us-ascii" },
	{ "text/plain; charset=us-ascii(Plain text)", "text/plain|charset=us-ascii" },
	{ "text/plain; charset=\"us-ascii\"", "text/plain|charset=us-ascii" },
	{ "(a) text (b) / (c) plain (d) ; (e) x (f) = (g) y (h)", "text/plain|x=y" },
	{ "a/b; n=\"q\\\"\\\\ ;x=y\"; z=1", "a/b|n=q\"\\ ;x=y|z=1" },
	{ "a/b;\r\n n=\"long\r\n  name\"", "a/b|n=long  name" },
	{ "a/b; n=\"\"; m=", "a/b|n=|m=" },
	{ "a/b; n=1; N=2; n=3", "a/b|n=1|N=2|n=3" },
	{ "a/b; n*0*=utf-8''%41; n*1=\"b\"", "a/b|n*0*=utf-8''%41|n*1=b" },
	/* the mistakes of senders */
	{ "a/b; n=My file.txt; z=1", "a/b|n=My file.txt|z=1" },
	{ "a/b; n=My (big) file.txt", "a/b|n=My (big) file.txt" },
	{ "a/b; n=report(1).pdf", "a/b|n=report(1).pdf" },
	{ "a/b; charset=x format=flowed", "a/b|charset=x|format=flowed" },
	{ "a/b charset=x", "a/b|charset=x" },
	{ "a/b;;; ;n=1;", "a/b|n=1" },
	{ "a/b, n=1", "a/b|n=1" },
	{ "a/b; n", "a/b" },
	{ "a/b; n; m=1", "a/b|m=1" },
	{ "a/b; =1; m=1", "a/b|m=1" },
	{ "a/b; n = \"x\" junk; m=1", "a/b|n=x|m=1" },
	{ "a/b; n=\"never closed; m=1", "a/b|n=never closed; m=1" },
	{ "a/b; n=a=b", "a/b|n=a=b" },
	{ "a/b; n=\xe9\xe8", "a/b|n=\xe9\xe8" },
	{ "a/b/c; n=1", "a/b|n=1" },
	{ "a/b; n=1 (never closed; m=2", "a/b|n=1" },
	/* no media type */
	{ "", NULL }, { "text", NULL }, { "text/", NULL }, { "/plain", NULL },
	{ "text plain", NULL }, { "\"text/plain\"", NULL }, { "; n=1", NULL },
	{ "t\xe9xt/plain", NULL },
};

static void
test_types(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct arena *arena = arena_new(1 << 16);
		struct mime_params params = { NULL, 0 };
		struct str type, subtype;
		bool is_type = ctype_parse(arena, str_c(types[i].value), &type,
		    &subtype, &params);

		assert_int_equal(is_type, types[i].shown != NULL);
		buf_reset(&out);
		if (is_type)
			buf_printf(&out, "%.*s/%.*s", STR_ARG(type), STR_ARG(subtype));
		for (size_t k = 0; k < params.count; k++)
			buf_printf(&out, "|%.*s=%.*s", STR_ARG(params.item[k].name),
			    STR_ARG(params.item[k].value));
		if (is_type)
			assert_string_equal(out.p, types[i].shown);
		else
			assert_int_equal(params.count, 0);
		arena_free(arena);
	}
	buf_free(&out);
}

static const struct {
	const char *params, *name, *value;
} values[] = {
	{ "x=1", "x", "1" },
	{ "X=1", "x", "1" },
	{ "xx=1", "x", NULL },
	{ "x=1; x=2", "x", "1" },
	{ "x*=us-ascii'en'%41b%20c", "x", "Ab c" },
	{ "x*=us-ascii'en'%4", "x", "%4" },
	{ "x*=us-ascii'en'%zz%", "x", "%zz%" },
	{ "x*=no quotes%41", "x", "no quotesA" },
	{ "x*0=a; x*1=b", "x", "ab" },
	{ "x*1=b; x*0=a", "x", "ab" },
	{ "x*0=a; x*2=c", "x", "a" },
	{ "x*1=b", "x", NULL },
	{ "x*0*=utf-8''%41'; x*1*=%42'; x*2=%43", "x", "A'B'%43" },
	{ "x*0=a; x*=''b; x=c", "x", "c" },
	{ "x*0=a; x*=''b", "x", "b" },
	{ "x*00=a", "x", NULL },
	{ "x*0=0; x*1=1; x*2=2; x*3=3; x*4=4; x*5=5; x*6=6; x*7=7; x*8=8; x*9=9; "
	    "x*10=a; x*11=b", "x", "0123456789ab" },
};

static void
test_param_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct arena *arena = arena_new(1 << 16);
		struct mime_params params = { NULL, 0 };
		struct str type, subtype, value;
		struct buf field = BUF_INIT;
		bool found;

		buf_printf(&field, "a/b; %s", values[i].params);
		assert_true(ctype_parse(arena, buf_str(&field), &type, &subtype,
		    &params));
		found = mime_param_value(arena, &params, values[i].name, &value);
		assert_int_equal(found, values[i].value != NULL);
		if (found) {
			assert_int_equal(value.n, strlen(values[i].value));
			assert_memory_equal(value.p, values[i].value, value.n);
		}
		buf_free(&field);
		arena_free(arena);
	}
}

static void
add_shown(void *ctx, struct str name, struct str value)
{
	buf_printf(ctx, "|%.*s=%.*s", STR_ARG(name), STR_ARG(value));
}

/* Twenty are put together, the others shown as sent; none is lost. */
static void
test_many_in_pieces(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct mime_params params = { NULL, 0 };
	struct str type, subtype;
	struct buf field = BUF_INIT, out = BUF_INIT, want = BUF_INIT;

	(void)state;
	buf_adds(&field, "a/b");
	for (int i = 0; i < 100; i++) {
		buf_printf(&field, "; x%d*1=b; x%d*0=a", i, i);
		buf_printf(&want, i < 20 ? "|x%d=ab" : "|x%d*1=b|x%d*0=a", i, i);
	}
	assert_true(ctype_parse(arena, buf_str(&field), &type, &subtype, &params));
	mime_params_each(&params, add_shown, &out);
	assert_string_equal(out.p, want.p);
	buf_free(&want);
	buf_free(&out);
	buf_free(&field);
	arena_free(arena);
}

static void
test_limits(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct mime_params params = { NULL, 0 };
	struct str type, subtype;
	struct buf field = BUF_INIT;

	(void)state;
	buf_adds(&field, "a/b");
	for (int i = 0; i < 2 * MIME_MAX_PARAMS; i++)
		buf_printf(&field, "; n%d=%d", i, i);
	assert_true(ctype_parse(arena, buf_str(&field), &type, &subtype, &params));
	assert_int_equal(params.count, MIME_MAX_PARAMS);
	assert_int_equal(params.item[MIME_MAX_PARAMS - 1].value.n, 3);
	arena_free(arena);
	arena = arena_new(1000);
	params = (struct mime_params){ NULL, 0 };
	assert_true(ctype_parse(arena, buf_str(&field), &type, &subtype, &params));
	assert_in_range(params.count, 4, 16);
	arena_free(arena);
	buf_free(&field);
}

#define BODY1	"NIL NIL '7bit' 3 1"
#define EXT	" NIL NIL NIL NIL"

static const struct {
	const char *message, *body, *bodystructure;
} structures[] = {
	{ "\r\nx\r\n", "('text' 'plain' ('charset' 'us-ascii') " BODY1 ")",
	    "('text' 'plain' ('charset' 'us-ascii') " BODY1 EXT ")" },
	{ "Content-Type: nonsense\r\n\r\nx\r\n",
	    "('text' 'plain' ('charset' 'us-ascii') " BODY1 ")",
	    "('text' 'plain' ('charset' 'us-ascii') " BODY1 EXT ")" },
	{ "Content-Type: TEXT/html; charset=\"a\"; b=c\r\n\r\nx\r\n",
	    "('TEXT' 'html' ('charset' 'a' 'b' 'c') " BODY1 ")",
	    "('TEXT' 'html' ('charset' 'a' 'b' 'c') " BODY1 EXT ")" },
	{ "Content-Type: image/png\r\nContent-ID: <i@d>\r\n"
	    "Content-Description: A\r\n picture\r\nContent-MD5: Q2hlY2s=\r\n"
	    "Content-Transfer-Encoding: (x) BASE64 (y)\r\n"
	    "Content-Disposition: Attachment; filename=\"a b\"\r\n"
	    "Content-Language: en, de-CH (Swiss)\r\n"
	    "Content-Location: http://x/\r\n\r\nx\r\n",
	    "('image' 'png' NIL '<i@d>' 'A picture' 'BASE64' 3)",
	    "('image' 'png' NIL '<i@d>' 'A picture' 'BASE64' 3 'Q2hlY2s=' "
	    "('Attachment' ('filename' 'a b')) ('en' 'de-CH') 'http://x/')" },
	{ "Content-Type: a/b\r\nContent-Disposition: ; filename=x\r\n\r\n",
	    "('a' 'b' NIL NIL NIL '7bit' 0)",
	    "('a' 'b' NIL NIL NIL '7bit' 0 NIL ('attachment' ('filename' 'x')) NIL NIL)" },
	{ "Content-Type: a/b\r\nContent-Disposition: filename=x\r\n\r\n",
	    "('a' 'b' NIL NIL NIL '7bit' 0)",
	    "('a' 'b' NIL NIL NIL '7bit' 0 NIL ('attachment' ('filename' 'x')) NIL NIL)" },
	{ "Content-Type: a/b\r\nContent-Disposition: inline\r\nContent-ID:\r\n\r\n",
	    "('a' 'b' NIL NIL NIL '7bit' 0)",
	    "('a' 'b' NIL NIL NIL '7bit' 0 NIL ('inline' NIL) NIL NIL)" },
	{ "Content-Type: multipart/mixed; boundary=b\r\nContent-Language: en\r\n"
	    "\r\n--b\r\n\r\nx\r\n\r\n--b--",
	    "(('text' 'plain' ('charset' 'us-ascii') " BODY1 ") 'mixed')",
	    "(('text' 'plain' ('charset' 'us-ascii') " BODY1 EXT ") 'mixed' "
	    "('boundary' 'b') NIL ('en') NIL)" },
	{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
	    "(('text' 'plain' ('charset' 'us-ascii') NIL NIL '7bit' 0 0) 'mixed')",
	    "(('text' 'plain' ('charset' 'us-ascii') NIL NIL '7bit' 0 0" EXT ") "
	    "'mixed' ('boundary' 'b') NIL NIL NIL)" },
	{ "Content-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nx\r\n",
	    "('message' 'rfc822' NIL NIL NIL '7bit' 17 (NIL 's' NIL NIL NIL NIL NIL "
	    "NIL NIL NIL) ('text' 'plain' ('charset' 'us-ascii') " BODY1 ") 3)",
	    "('message' 'rfc822' NIL NIL NIL '7bit' 17 (NIL 's' NIL NIL NIL NIL NIL "
	    "NIL NIL NIL) ('text' 'plain' ('charset' 'us-ascii') " BODY1 EXT ") 3"
	    EXT ")" },
	{ "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n",
	    "('application' 'octet-stream' NIL NIL NIL 'base64' 0)",
	    "('application' 'octet-stream' NIL NIL NIL 'base64' 0" EXT ")" },
	{ "Content-Type: message/delivery-status\r\n\r\nx\r\n",
	    "('message' 'delivery-status' NIL NIL NIL '7bit' 3)",
	    "('message' 'delivery-status' NIL NIL NIL '7bit' 3" EXT ")" },
	{ "Content-Type: a/b; n=\xe9\r\n\r\n",
	    "('a' 'b' ('n' {1}\r\n\xe9) NIL NIL '7bit' 0)",
	    "('a' 'b' ('n' {1}\r\n\xe9) NIL NIL '7bit' 0" EXT ")" },
};

static void
assert_quoted(const struct buf *out, const char *wanted)
{
	struct buf w = BUF_INIT;

	for (; *wanted != '\0'; wanted++)
		buf_addc(&w, *wanted == '\'' ? '"' : *wanted);
	assert_string_equal(out->p, w.p);
	buf_free(&w);
}

static void
test_bodystructure(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(structures) / sizeof(*structures); i++) {
		struct arena *arena = arena_new(1 << 16);
		struct str message = str_c(structures[i].message);
		struct mime_part *root;

		assert_int_equal(mime_parse(arena, message, &root), OK);
		mime_body(message, root, &out);
		assert_quoted(&out, structures[i].body);
		buf_reset(&out);
		mime_bodystructure(message, root, &out);
		assert_quoted(&out, structures[i].bodystructure);
		buf_reset(&out);
		arena_free(arena);
	}
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_param_value),
		cmocka_unit_test(test_many_in_pieces),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_bodystructure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
