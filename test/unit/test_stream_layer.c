/* Streams: a security layer, whose packets come in pieces. */
#include "lib/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A packet is a length of up to 9 and that many bytes, each XORed. */
struct toy {
	size_t left;
	bool freed;
};

static enum err
toy_encode(void *ctx, const void *p, size_t n, struct buf *out)
{
	(void)ctx;
	assert_in_range(n, 1, 9);
	buf_addc(out, (char)n);
	for (size_t i = 0; i < n; i++)
		buf_addc(out, (char)(((const char *)p)[i] ^ 0x5a));
	return OK;
}

static enum err
toy_decode(void *ctx, const void *p, size_t n, struct buf *out)
{
	struct toy *t = ctx;
	for (const char *c = p; n > 0; c++, n--)
		if (t->left > 0) {
			buf_addc(out, (char)(*c ^ 0x5a));
			t->left--;
		} else if ((unsigned char)*c > 9) {
			return ERR_SYNTAX;
		} else {
			t->left = (unsigned char)*c;
		}
	return OK;
}

static void
toy_free(void *ctx)
{
	((struct toy *)ctx)->freed = true;
}

static void
seal(const char *text, struct buf *out)
{
	for (size_t n = strlen(text), i = 0; i < n; i += 9)
		assert_int_equal(toy_encode(NULL, text + i, n - i < 9 ? n - i : 9, out), OK);
}

struct trickle {
	struct str in;
	size_t step;
	struct buf out;
};

static size_t
trickle_read(void *ctx, char *p, size_t max)
{
	struct trickle *t = ctx;
	size_t n = t->step < max ? t->step : max;
	n = n < t->in.n ? n : t->in.n;
	memcpy(p, t->in.p, n);
	t->in = str_slice(t->in, n, t->in.n);
	return n;
}

static void
trickle_write(void *ctx, const char *p, size_t n)
{
	buf_add(&((struct trickle *)ctx)->out, p, n);
}

/*
 * The line in the clear, and what goes through the layer, in the client's pieces:
 * some of it may have come with the line.
 */
static void
talk_sealed(size_t step)
{
	static const char first[] = "a1 NOOP with more than nine bytes\r\n", second[] = "a2 NOOP\r\n";
	struct buf in = BUF_INIT, line = BUF_INIT, want = BUF_INIT;
	buf_adds(&in, "clear\r\n");
	seal(first, &in);
	seal(second, &in);
	struct toy toy = { 0 };
	struct stream_layer layer = { toy_encode, toy_decode, toy_free, &toy, 9 };
	struct trickle t = { .in = buf_str(&in), .step = step, .out = BUF_INIT };
	struct stream *s = stream_to(&(struct stream_peer){ trickle_read, trickle_write, NULL, &t });
	assert_int_equal(stream_getline(s, &line, 100), OK);
	stream_puts(s, "ok\r\n");
	stream_start_layer(s, &layer);
	assert_string_equal(t.out.p, "ok\r\n");
	const char *const lines[] = { first, second };
	for (int i = 0; i < 2; i++) {
		buf_reset(&line);
		assert_int_equal(stream_getline(s, &line, 100), OK);
		assert_string_equal(line.p, lines[i]);
		stream_forget(s);
	}
	stream_puts(s, "a1 OK and something\r\n");
	assert_int_equal(stream_flush(s), OK);
	seal("a1 OK and something\r\n", &want);
	assert_int_equal(t.out.n, 4 + want.n);
	assert_memory_equal(t.out.p + 4, want.p, want.n);
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 100), ERR_CLOSED);
	assert_false(toy.freed);
	stream_close(s);
	assert_true(toy.freed);
	buf_free(&in);
	buf_free(&line);
	buf_free(&want);
	buf_free(&t.out);
}

static void
test_layer(void **state)
{
	(void)state;
	for (size_t step = 1; step < 60; step += 3)
		talk_sealed(step);
}

static void
test_damaged_layer(void **state)
{
	(void)state;
	for (int early = 0; early < 2; early++) {
		struct toy toy = { 0 };
		struct stream_layer layer = { toy_encode, toy_decode, toy_free, &toy, 9 };
		struct buf line = BUF_INIT;
		struct trickle t = { .in = STR("x\r\n\377\377"), .step = early ? 10 : 3, .out = BUF_INIT };
		struct stream *s = stream_to(&(struct stream_peer){ trickle_read, trickle_write, NULL, &t });
		assert_int_equal(stream_getline(s, &line, 100), OK);
		stream_start_layer(s, &layer);
		assert_int_equal(stream_getline(s, &line, 100), ERR_SYNTAX);
		assert_int_equal(stream_getline(s, &line, 100), ERR_SYNTAX);
		stream_close(s);
		buf_free(&line);
		buf_free(&t.out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layer),
		cmocka_unit_test(test_damaged_layer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
