/* Compression by itself, and underneath a stream. */
#include "lib/deflate.h"
#include "lib/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* All of RAW, given in pieces, expanded in pieces of MAX; how it ended. */
static enum err
expand(struct str raw, size_t piece, size_t max, struct buf *out)
{
	struct deflate *d = deflate_new();
	char room[4096];
	enum err e = OK;
	for (size_t i = 0; i < raw.n && (e == OK || e == ERR_AGAIN); i += piece) {
		size_t n = raw.n - i < piece ? raw.n - i : piece, got;
		deflate_feed(d, raw.p + i, n);
		while ((e = deflate_read(d, room, max, &got)) == OK) {
			assert_in_range(got, 1, max);
			buf_add(out, room, got);
		}
		assert_false(e == ERR_AGAIN && deflate_has_pending(d));
	}
	deflate_free(d);
	return e;
}

static void
compress(struct str text, struct buf *raw)
{
	struct deflate *d = deflate_new();
	deflate_write(d, text.p, text.n, raw);
	deflate_free(d);
}

/* Text of N bytes; with NOISE it does not compress. */
static void
make_text(struct buf *b, size_t n, bool noise)
{
	uint32_t seed = 1;
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		buf_addc(b, noise ? (char)(seed >> 24) : (char)('a' + i % 7));
	}
}

static void
test_round_trip(void **state)
{
	static const struct {
		size_t n;
		bool noise;
		size_t piece, max;
	} rows[] = {
		{ 1, false, 1, 1 }, { 1, false, 100, 100 }, { 1000, false, 1, 4096 },
		{ 1000, true, 1, 1 }, { 100000, false, 17, 100 }, { 100000, true, 4096, 4096 },
		{ 300000, true, 100000, 4096 }, { 16384, true, 5, 4096 },
		{ 16385, true, 5, 4096 }, { 32768, false, 3, 7 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf text = BUF_INIT, raw = BUF_INIT, back = BUF_INIT;
		make_text(&text, rows[i].n, rows[i].noise);
		compress(buf_str(&text), &raw);
		assert_int_equal(expand(buf_str(&raw), rows[i].piece, rows[i].max, &back),
		    ERR_AGAIN);
		assert_true(str_eq(buf_str(&back), buf_str(&text)));
		buf_free(&text);
		buf_free(&raw);
		buf_free(&back);
	}
}

/* The empty block that ends a flush, once, wherever the output's room ends. */
static void
test_one_flush_mark(void **state)
{
	static const char twice[] = "\0\0\xff\xff\0\0\0\xff\xff";
	(void)state;
	for (size_t n = 16000; n < 33000; n += n < 16400 ? 1 : n < 32700 ? 97 : 1) {
		struct buf text = BUF_INIT, raw = BUF_INIT;
		make_text(&text, n, true);
		compress(buf_str(&text), &raw);
		assert_memory_equal(raw.p + raw.n - 4, twice, 4);
		if (memcmp(raw.p + raw.n - 9, twice, 9) == 0)
			fail_msg("%zu bytes are flushed twice", n);
		buf_free(&text);
		buf_free(&raw);
	}
}

static void
test_nothing(void **state)
{
	(void)state;
	struct buf raw = BUF_INIT;
	compress(STR(""), &raw);
	assert_int_equal(raw.n, 0);
	buf_free(&raw);
}

static void
test_damaged(void **state)
{
	(void)state;
	struct buf out = BUF_INIT;
	assert_int_equal(expand(STR("\xff\xff\xff\xff"), 4, 100, &out), ERR_SYNTAX);
	assert_int_equal(expand(STR("a1 NOOP\r\n"), 9, 100, &out), ERR_SYNTAX);
	/* The end of the data: an empty last block. */
	assert_int_equal(expand(STR("\x03\x00"), 2, 100, &out), ERR_CLOSED);
	buf_free(&out);
}

/* What little stands for much is handed out as it is asked for. */
static void
test_bomb(void **state)
{
	(void)state;
	struct buf text = BUF_INIT, raw = BUF_INIT, back = BUF_INIT;
	make_text(&text, 4000000, false);
	compress(buf_str(&text), &raw);
	assert_true(raw.n < 20000);
	assert_int_equal(expand(buf_str(&raw), raw.n, 4096, &back), ERR_AGAIN);
	assert_int_equal(back.n, text.n);
	buf_free(&text);
	buf_free(&raw);
	buf_free(&back);
}

static void
test_stream(void **state)
{
	(void)state;
	struct buf in = BUF_INIT, out = BUF_INIT, line = BUF_INIT, said = BUF_INIT;
	buf_adds(&in, "plain\r\n");
	compress(STR("one\r\ntwo\r\n"), &in);
	struct stream *s = stream_mem(buf_str(&in), &out);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	stream_puts(s, "clear\r\n");
	assert_false(stream_is_deflated(s));
	stream_start_deflate(s);
	assert_true(stream_is_deflated(s));
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "one\r\n");
	buf_reset(&line);
	assert_true(stream_pending(s) > 0);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "two\r\n");
	stream_puts(s, "hidden\r\n");
	assert_int_equal(stream_flush(s), OK);
	stream_puts(s, "too\r\n");
	stream_stop_deflate(s);
	size_t end = out.n;
	stream_puts(s, "clear\r\n");
	assert_int_equal(stream_flush(s), OK);
	assert_memory_equal(out.p, "clear\r\n", 7);
	assert_int_equal(expand((struct str){ out.p + 7, end - 7 }, 100, 100, &said), ERR_AGAIN);
	assert_string_equal(said.p, "hidden\r\ntoo\r\n");
	assert_string_equal(out.p + end, "clear\r\n");
	stream_close(s);
	buf_free(&in);
	buf_free(&out);
	buf_free(&line);
	buf_free(&said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_one_flush_mark),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
