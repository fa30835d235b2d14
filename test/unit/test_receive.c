/* test_receive.c - imap/lmtpd/receive.h: whatever the pieces, one result */
#include "imap/lmtpd/receive.h"

#include "lib/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct buf stored = BUF_INIT;

/* In place of the store's: the linker takes this one first. */
enum err
blob_write(struct blob *b, const void *p, size_t n)
{
	(void)b;
	buf_add(&stored, p, n);
	return OK;
}

static struct receiver
receive(const char *in, size_t n, size_t piece, bool dots, bool munge, size_t *taken)
{
	static int some_blob;
	struct receiver r;

	buf_reset(&stored);
	receiver_init(&r, (struct blob *)(void *)&some_blob, dots, 0, munge);
	*taken = 0;
	while (*taken < n && !r.done) {
		size_t part = n - *taken < piece ? n - *taken : piece;

		*taken += receiver_take(&r, in + *taken, part);
	}
	if (!dots)
		receiver_end(&r);
	return r;
}

static void
dot_stuffed_text_in_any_pieces(void **state)
{
	static const struct {
		const char *in, *out, *rest;
		bool done;
	} row[] = {
		{ "a: b\r\n\r\nc\r\n.\r\nQUIT\r\n", "a: b\r\n\r\nc\r\n", "QUIT\r\n", true },
		{ ".\r\n", "", "", true },
		{ "..\r\n.\r\n", ".\r\n", "", true },
		{ "..a\r\n...b\r\n.\r\n", ".a\r\n..b\r\n", "", true },
		{ "a\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n", "", true },
		{ "a\n.\r\nMAIL\r\n.\r\n", "a\r\n\r\nMAIL\r\n", "", true },
		{ "a\r\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n", "", true },
		{ "a\rb\r\n.\r\n", "a\rb\r\n", "", true },
		{ "a\r\r\n.\r\n", "a\r\r\n", "", true },
		{ "\r\n.\r\n", "\r\n", "", true },
		{ ".a\r\n.\r\n", "a\r\n", "", true },
		{ ".\rx\r\n.\r\n", "\rx\r\n", "", true },
		{ "never ends\r\n", "never ends\r\n", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		for (size_t piece = 1; piece < 30; piece++) {
			size_t taken, n = strlen(row[i].in);
			struct receiver r = receive(row[i].in, n, piece, true, false, &taken);

			assert_int_equal(r.done, row[i].done);
			assert_string_equal(stored.p, row[i].out);
			assert_string_equal(row[i].in + taken, row[i].rest);
			assert_int_equal(r.size, stored.n);
		}
	}
}

static void
chunks_have_no_dots(void **state)
{
	size_t taken;
	struct receiver r = receive(".\r\n..\nlast", 10, 3, false, false, &taken);

	(void)state;
	assert_int_equal(r.err, OK);
	assert_string_equal(stored.p, ".\r\n..\r\nlast\r\n");
}

static void
nul_and_8bit_are_seen(void **state)
{
	size_t taken;
	struct receiver r;

	(void)state;
	r = receive("a: b\0c\r\n.\r\n", 11, 4, true, false, &taken);
	assert_true(r.has_nul);
	assert_true(r.done);
	r = receive("a: \xc3\xa4\r\n\r\n\xff\r\n.\r\n", 15, 2, true, false, &taken);
	assert_true(r.has_8bit_header);
	assert_string_equal(stored.p, "a: \xc3\xa4\r\n\r\n\xff\r\n");
	r = receive("a: \xc3\xa4\r\n\r\n\xff\r\n.\r\n", 15, 2, true, true, &taken);
	assert_string_equal(stored.p, "a: XX\r\n\r\n\xff\r\n");
	r = receive("a: b\r\n\r\n\xff\r\n.\r\n", 14, 2, true, true, &taken);
	assert_false(r.has_8bit_header);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dot_stuffed_text_in_any_pieces),
		cmocka_unit_test(chunks_have_no_dots),
		cmocka_unit_test(nul_and_8bit_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
