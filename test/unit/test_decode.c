/* test_decode.c - transfer encodings and texts (imap/mime/decode.c, text.c) */
#include "imap/mime/decode.h"
#include "imap/mime/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *encoding, *in, *out;
} bodies[] = {
	{ "7bit", "a=41\r\n", "a=41\r\n" },
	{ "8BIT", "\xe9", "\xe9" },
	{ "Binary", "x", "x" },
	{ "", "x", "x" },
	/* RFC 2045 section 6.7 */
	{ "quoted-printable", "a=3Db=0D=0A", "a=b\r\n" },
	{ "Quoted-Printable", "a =\r\nb=\nc= \t\r\nd", "a bcd" },
	{ "quoted-printable", "a \t \r\nb  \nc  ", "a\r\nb\nc  " },
	{ "quoted-printable", "a=20\r\n=09\r\n", "a \r\n\t\r\n" },
	{ "quoted-printable", "=e9=E9", "\xe9\xe9" },
	{ "quoted-printable", "=", "=" },
	{ "quoted-printable", "=4", "=4" },
	{ "quoted-printable", "=4x=x4==41=\r\n", "=4x=x4=A" },
	{ "quoted-printable", "a_b\xe9", "a_b\xe9" },
	{ "quoted-printable", "\r\n\r\n=\r\n", "\r\n\r\n" },
	{ "quoted-printable", "", "" },
	/* section 6.8 */
	{ "base64", "", "" },
	{ "BASE64", "QUJD", "ABC" },
	{ "base64", "QUI=", "AB" },
	{ "base64", "QQ==", "A" },
	{ "base64", "QUJDQUI=\r\n", "ABCAB" },
	{ "base64", "Q U\r\nJ\tD\n", "ABC" },
	{ "base64", "QU*JD\xff!", "ABC" },
	{ "base64", "QUI", "AB" },
	{ "base64", "QQ", "A" },
	{ "base64", "Q", "" },
	{ "base64", "QQ==QUJD", "A" },
	{ "base64", "QUJD\r\n=QUJD", "ABCABC" },
	{ "base64", "+/+/", "\xfb\xff\xbf" },
	{ "base64", "-_-_", "" },
	{ "base64", "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU2Nzg5QUJDREVGR0hJSktM"
	    "TU5P\r\nUFFSU1RVVldYWVo=", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
	    "IJKLMNOPQRSTUVWXYZ" },
	/* what came before MIME */
	{ "x-uuencode", "hello\r\nbegin 644 f\r\n#0V%T\r\n$04%!00  \r\n`\r\nend\r\n#0V%T",
	    "CatAAAA" },
	{ "uuencode", "begin 644 f\n#0V", "" },
	{ "x-uue", "no begin\n#0V%T\n", "" },
	{ "x-unknown", "x", NULL },
};

static void
test_bodies(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		struct str in = str_c(bodies[i].in);
		struct mime_part leaf = {
			.body_size = in.n, .encoding = str_c(bodies[i].encoding),
		};
		enum err e = mime_decode_body(in, &leaf, &out);

		assert_int_equal(e, bodies[i].out != NULL ? OK : ERR_UNSUPPORTED);
		if (e == OK)
			assert_string_equal(out.p, bodies[i].out);
		buf_reset(&out);
	}
	buf_free(&out);
}

/* Pieces of any size give what the whole gives. */
static void
test_pieces(void **state)
{
	struct buf whole = BUF_INIT, pieces = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		for (size_t max = 4; max < 20; max++) {
			struct str in = str_c(bodies[i].in);
			struct decode d;
			size_t n;

			if (decode_init(&d, str_c(bodies[i].encoding)) != OK
			    || d.kind == DECODE_UU || strstr(in.p, "   ") != NULL
			    || strstr(in.p, " \t") != NULL)
				continue;
			decode_piece(&d, in, &whole);
			assert_int_equal(decode_init(&d, str_c(bodies[i].encoding)), OK);
			while ((n = decode_cut(&d, in, max)) > 0) {
				assert_in_range(n, 1, max);
				decode_piece(&d, (struct str){ in.p, n }, &pieces);
				in = (struct str){ in.p + n, in.n - n };
			}
			if (d.kind != DECODE_QP || strchr(bodies[i].in, ' ') == NULL)
				assert_string_equal(pieces.p, whole.p);
			buf_reset(&whole);
			buf_reset(&pieces);
		}
	buf_free(&whole);
	buf_free(&pieces);
}

static const struct {
	const char *message, *utf8;
} texts[] = {
	{ "\r\nplain\r\n", "plain\r\n" },
	{ "\r\ncaf\xc3\xa9", "caf\xc3\xa9" },
	{ "\r\ncaf\xe9", "caf\xc3\xa9" },
	{ "Content-Type: text/plain; charset=us-ascii\r\n\r\ncaf\xe9", "caf\xc3\xa9" },
	{ "Content-Type: text/plain; charset=x-nobody-knows\r\n\r\n\xc3\xa9",
	    "\xc3\xa9" },
	{ "Content-Type: text/plain; charset=iso-8859-2\r\n\r\n\xb1", "\xc4\x85" },
	{ "Content-Type: text/plain; charset*=''iso-8859-2\r\n\r\n\xb1", "\xc4\x85" },
	{ "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nw6k=", "\xc3\xa9" },
	{ "Content-Type: text/plain; charset=utf-8\r\n\r\n\xc3(\xff",
	    "\xef\xbf\xbd(\xef\xbf\xbd" },
	{ "Content-Type: text/plain; charset=iso-8859-1\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E9=\r\n=E8",
	    "\xc3\xa9\xc3\xa8" },
	{ "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n"
	    "\x1b$B$\"\x1b(B\r\n\x1b$B$$\x1b(B\r\n",
	    "\xe3\x81\x82\r\n\xe3\x81\x84\r\n" },
	{ "Content-Type: text/plain; charset=utf-16be\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nAGEAYgo6", "ab\xe0\xa8\xba" },
	{ "Content-Transfer-Encoding: x-unknown\r\n\r\nx", NULL },
};

static void
test_texts(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct arena *arena = arena_new(1 << 16);
		struct str message = str_c(texts[i].message);
		struct mime_part *root;
		enum err e;

		assert_int_equal(mime_parse(arena, message, &root), OK);
		e = mime_decode_text(message, root, &out);
		assert_int_equal(e, texts[i].utf8 != NULL ? OK : ERR_UNSUPPORTED);
		if (e == OK)
			assert_string_equal(out.p, texts[i].utf8);
		buf_reset(&out);
		arena_free(arena);
	}
	buf_free(&out);
}

/* A megabyte in pieces: no piece is large, none tears a line or a character. */
static void
check_pieces(const char *header, const char *unit, bool has_lines)
{
	struct arena *arena = arena_new(1 << 16);
	struct buf message = BUF_INIT, all = BUF_INIT;
	struct mime_part *root;
	struct mime_text t;
	struct str piece, m;
	size_t pieces = 0;

	buf_adds(&message, header);
	while (message.n < 1 << 20)
		buf_adds(&message, unit);
	m = buf_str(&message);
	assert_int_equal(mime_parse(arena, m, &root), OK);
	assert_int_equal(mime_text_open(&t, m, root), OK);
	while (mime_text_next(&t, &piece)) {
		assert_in_range(piece.n, 1, 3 * 65536);
		if (has_lines)
			assert_int_equal(piece.p[piece.n - 1], '\n');
		buf_add_str(&all, piece);
		pieces++;
	}
	mime_text_close(&t);
	assert_in_range(pieces, 10, 100);
	buf_reset(&message);
	while (message.n < all.n)
		buf_adds(&message, unit);
	assert_int_equal(all.n, message.n);
	assert_memory_equal(all.p, message.p, all.n);
	buf_free(&all);
	buf_free(&message);
	arena_free(arena);
}

static void
test_text_pieces(void **state)
{
	(void)state;
	check_pieces("\r\n", "a line\r\n", true);
	check_pieces("Content-Type: text/plain; charset=utf-8\r\n\r\n",
	    "\xe2\x82\xac\n", true);
	check_pieces("Content-Type: text/plain; charset=utf-8\r\n\r\n",
	    "\xe2\x82\xac", false);
	check_pieces("Content-Type: text/plain; charset=utf-8\r\n\r\n",
	    "\xf0\x9f\x98\x80" "a", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_text_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
