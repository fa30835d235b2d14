/* test_binary.c - content without and with a transfer encoding (imap/mime/binary.c) */
#include "imap/mime/binary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum err
to_buf(void *ctx, const void *p, size_t n)
{
	buf_add(ctx, p, n);
	return OK;
}

/* In the rows "@" stands for NUL. */
static const struct {
	const char *in, *out;		/* NULL: refused */
} rows[] = {
	/* no NUL: as it is, whatever it is */
	{ "Content-Transfer-Encoding: binary\r\n\r\na\nb\r", "Content-Transfer-Encoding: binary\r\n\r\na\nb\r" },
	{ "", "" },
	/* one part */
	{ "Subject: x\r\n\r\nA@B", "Subject: x\r\nMIME-Version: 1.0\r\n"
	  "Content-Transfer-Encoding: base64\r\n\r\nQQBC\r\n" },
	{ "MIME-Version: 1.0\r\ncontent-transfer-encoding:\r\n binary\r\nSubject: x\r\n\r\nA@B",
	  "MIME-Version: 1.0\r\nSubject: x\r\n"
	  "Content-Transfer-Encoding: base64\r\n\r\nQQBC\r\n" },
	/* in a multipart: the others stay */
	{ "MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n"
	  "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\ntext\r\n--b\r\n"
	  "Content-Type: image/png\r\nContent-Transfer-Encoding: BINARY\r\n\r\n@@@\r\n--b--\r\npost",
	  "MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n"
	  "Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\ntext\r\n--b\r\n"
	  "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\npost" },
	{ "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	  "Content-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\n@\r\n--b--\r\n",
	  "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	  "Content-Type: message/rfc822\r\n\r\nSubject: y\r\n"
	  "Content-Transfer-Encoding: base64\r\n\r\nAA==\r\n--b--\r\n" },
	/* a part without a header's end */
	{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/x\r\n@\r\n--b--",
	  "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/x\r\n"
	  "Content-Transfer-Encoding: base64\r\n\r\nAA==\r\n--b--" },
	/* no encoding helps */
	{ "Subject: @\r\n\r\nx", NULL },
	{ "Subject: @\r\n\r\n@", NULL },
	{ "Content-Transfer-Encoding: base64\r\n\r\nAAAA@", NULL },
	{ "Content-Transfer-Encoding: quoted-printable\r\n\r\n=00@", NULL },
	{ "Content-Transfer-Encoding: x-unknown\r\n\r\n@", NULL },
	{ "Content-Type: message/partial\r\n\r\n@", NULL },
	{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n@", NULL },
	{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n@\r\n--b\r\n\r\nx\r\n--b--", NULL },
	{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n@", NULL },
};

static void
test_encode(void **state)
{
	struct buf in = BUF_INIT, out = BUF_INIT;
	const struct binary_sink sink = { to_buf, &out };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum err e;

		buf_reset(&in);
		buf_reset(&out);
		for (const char *p = rows[i].in; *p != '\0'; p++)
			buf_addc(&in, (char)(*p == '@' ? '\0' : *p));
		e = binary_encode(buf_str(&in), &sink);
		assert_int_equal(e, rows[i].out != NULL ? OK : ERR_UNSUPPORTED);
		if (e == OK) {
			assert_int_equal(out.n, strlen(rows[i].out));
			assert_string_equal(out.p, rows[i].out);
		}
	}
	buf_free(&in);
	buf_free(&out);
}

/* What is encoded is what is decoded, whatever it is and however long. */
static void
test_round_trip(void **state)
{
	static const size_t sizes[] = { 1, 56, 57, 58, 114, 49152, 200000 };
	struct buf in = BUF_INIT, out = BUF_INIT;
	const struct binary_sink sink = { to_buf, &out };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct arena *arena = arena_new(1 << 20);
		struct mime_part *root;
		struct binary b;
		struct str piece, rest;
		uint64_t size;
		bool nul;
		size_t head;

		buf_reset(&in);
		buf_reset(&out);
		buf_adds(&in, "Content-Transfer-Encoding: binary\r\n\r\n");
		head = in.n;
		for (size_t k = 0; k < sizes[i]; k++)
			buf_addc(&in, (char)(k * k % 251));
		rest = str_slice(buf_str(&in), head, in.n);
		assert_int_equal(binary_encode(buf_str(&in), &sink), OK);
		assert_int_equal(mime_parse(arena, buf_str(&out), &root), OK);
		for (const char *p = out.p; *p != '\0'; p = strchr(p, '\n') + 1)
			assert_true(strchr(p, '\n') - p <= 77);
		assert_int_equal(binary_measure((struct str){ out.p + root->body_start,
		    root->body_size }, root->encoding, &size, &nul), OK);
		assert_int_equal(size, sizes[i]);
		assert_true(nul);
		assert_int_equal(binary_open(&b, (struct str){ out.p + root->body_start,
		    root->body_size }, root->encoding), OK);
		while (binary_next(&b, &piece)) {
			assert_true(piece.n <= rest.n);
			assert_memory_equal(piece.p, rest.p, piece.n);
			rest = str_slice(rest, piece.n, rest.n);
		}
		assert_int_equal(rest.n, 0);
		binary_close(&b);
		arena_free(arena);
	}
	buf_free(&in);
	buf_free(&out);
}

static void
test_measure(void **state)
{
	uint64_t size;
	bool nul;

	(void)state;
	assert_int_equal(binary_measure(STR("a=3D=00"), STR("quoted-printable"), &size, &nul), OK);
	assert_int_equal(size, 3);
	assert_true(nul);
	assert_int_equal(binary_measure(STR("abc"), (struct str){ NULL, 0 }, &size, &nul), OK);
	assert_int_equal(size, 3);
	assert_false(nul);
	assert_int_equal(binary_measure(STR(""), STR("base64"), &size, &nul), OK);
	assert_int_equal(size, 0);
	assert_int_equal(binary_measure(STR("x"), STR("x-foo"), &size, &nul), ERR_UNSUPPORTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_measure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
