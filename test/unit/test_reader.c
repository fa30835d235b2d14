/* Commands assembled from lines and literals, and what is refused. */
#include "imap/imapd/proto/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

struct fixture {
	struct buf out;
	struct stream *stream;
	struct reply reply;
	struct reader *reader;
	struct input in;
};

static struct fixture
on(struct str bytes)
{
	struct fixture f = { .out = BUF_INIT };
	return (f.in.text = bytes, f);
}

static void
open_it(struct fixture *f)
{
	f->stream = stream_mem(f->in.text, &f->out);
	reply_init(&f->reply, f->stream);
	f->reader = reader_new(f->stream, &f->reply);
}

static void
close_it(struct fixture *f)
{
	reader_free(f->reader);
	reply_fini(&f->reply);
	stream_close(f->stream);
	buf_free(&f->out);
}

static void
next_is(struct fixture *f, enum err want, const char *text)
{
	assert_int_equal(reader_next(f->reader, &f->in), want);
	if (text != NULL)
		assert_true(str_eq(f->in.text, str_c(text)));
	assert_true(want == OK || want == ERR_CLOSED || f->in.problem != NULL);
}

static void
sent(struct fixture *f, const char *want)
{
	assert_int_equal(stream_flush(f->stream), OK);
	assert_string_equal(f->out.p, want);
	buf_reset(&f->out);
}

static void
test_lines(void **state)
{
	(void)state;
	struct fixture f = on(STR("a NOOP\r\nb NOOP\n\r\nc LOGIN {4}\r\nfred \"x\"\r\nd"));
	open_it(&f);
	next_is(&f, OK, "a NOOP");
	next_is(&f, OK, "b NOOP");
	next_is(&f, OK, "");
	sent(&f, "");
	next_is(&f, OK, "c LOGIN {4}\r\nfred \"x\"");
	sent(&f, "+ go ahead\r\n");
	next_is(&f, ERR_CLOSED, NULL);
	close_it(&f);
}

/* RFC 7888: "{N+}" is not asked for; RFC 3501: "{N}" is. */
static void
test_literals(void **state)
{
	(void)state;
	struct fixture f = on(STR("a X {3+}\r\na\r\n {2}\r\nbc {0+}\r\n\r\nb NOOP\r\n"));
	open_it(&f);
	next_is(&f, OK, "a X {3+}\r\na\r\n {2}\r\nbc {0+}\r\n");
	sent(&f, "+ go ahead\r\n");
	next_is(&f, OK, "b NOOP");
	close_it(&f);
}

/* What looks like a literal and is none. */
static void
test_no_literals(void **state)
{
	(void)state;
	struct fixture f = on(STR("a {}\r\nb {+}\r\nc {1x}\r\nd 1}\r\ne {-1}\r\nf {1}x\r\n}\r\n"));
	open_it(&f);
	static const char *const want[] = {
		"a {}", "b {+}", "c {1x}", "d 1}", "e {-1}", "f {1}x", "}",
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		next_is(&f, OK, want[i]);
	sent(&f, "");
	close_it(&f);
}

static void
add_many(struct buf *b, char c, size_t n)
{
	memset(buf_reserve(b, n), c, n);
	b->n += n;
}

/* A line that is too long is dropped to its end, its literal too. */
static void
test_long_line(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	buf_adds(&b, "a X ");
	add_many(&b, 'x', READER_EARLY);
	buf_adds(&b, "\r\nb X ");
	add_many(&b, 'x', 3 * READER_EARLY);
	buf_adds(&b, "{10+}\r\nz LOGOUT\r\n\r\nc NOOP\r\nd ");
	add_many(&b, 'x', READER_EARLY);
	buf_adds(&b, "{10}\r\ne NOOP\r\n");
	struct fixture f = on(buf_str(&b));
	open_it(&f);
	next_is(&f, ERR_LIMIT, NULL);
	assert_memory_equal(f.in.text.p, "a X ", 4);
	next_is(&f, ERR_LIMIT, NULL);
	next_is(&f, OK, "c NOOP");
	next_is(&f, ERR_LIMIT, NULL);
	next_is(&f, OK, "e NOOP");
	sent(&f, "");
	close_it(&f);
	buf_free(&b);
}

/* A literal too big is skipped if it comes, and not asked for if it need not. */
static void
test_big_literal(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	buf_printf(&b, "a LOGIN {%d+}\r\n", READER_EARLY + 1);
	for (int i = 0; i < READER_EARLY + 1; i += 10)
		buf_adds(&b, "x NOOP\r\n  ");
	buf_truncate(&b, strlen("a LOGIN {65537+}\r\n") + READER_EARLY + 1);
	buf_adds(&b, " {3+}\r\nabc\r\nb NOOP\r\nc LOGIN {99999999999999999999999}\r\nd NOOP\r\n");
	struct fixture f = on(buf_str(&b));
	open_it(&f);
	next_is(&f, ERR_LIMIT, NULL);
	assert_string_equal(f.in.problem, "Literal too big");
	assert_string_equal(f.in.code, "TOOBIG");
	next_is(&f, OK, "b NOOP");
	next_is(&f, ERR_LIMIT, NULL);
	next_is(&f, OK, "d NOOP");
	sent(&f, "");
	close_it(&f);
	buf_free(&b);
}

/* Many small literals together are bounded as well. */
static void
test_many_literals(void **state)
{
	(void)state;
	struct buf b = BUF_INIT;
	buf_adds(&b, "a X");
	for (int i = 0; i < 100; i++) {
		buf_adds(&b, " {1000+}\r\n");
		add_many(&b, 'y', 1000);
	}
	buf_adds(&b, "\r\nb NOOP\r\n");
	struct fixture f = on(buf_str(&b));
	open_it(&f);
	next_is(&f, ERR_LIMIT, NULL);
	assert_true(f.in.text.n <= READER_EARLY + 16);
	next_is(&f, OK, "b NOOP");
	close_it(&f);
	buf_free(&b);
}

/* Before login an APPEND is a command like others: no message is read. */
static void
test_early_append(void **state)
{
	(void)state;
	struct fixture f = on(STR("a APPEND INBOX {3+}\r\nabc\r\n"));
	open_it(&f);
	next_is(&f, OK, "a APPEND INBOX {3+}\r\nabc");
	assert_int_equal(f.in.messages, 0);
	close_it(&f);
}

static void
test_reader_line(void **state)
{
	(void)state;
	struct str line;
	struct buf b = BUF_INIT;
	buf_adds(&b, "AGZyZWQ=\r\n");
	add_many(&b, 'x', READER_EARLY + 1);
	buf_adds(&b, "{3+}\r\nDONE\r\n");
	struct fixture f = on(buf_str(&b));
	open_it(&f);
	assert_int_equal(reader_line(f.reader, &line), OK);
	assert_true(str_eq(line, STR("AGZyZWQ=")));
	assert_int_equal(reader_line(f.reader, &line), ERR_LIMIT);
	assert_int_equal(reader_line(f.reader, &line), OK);
	assert_true(str_eq(line, STR("DONE")));
	close_it(&f);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_literals),
		cmocka_unit_test(test_no_literals), cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_big_literal), cmocka_unit_test(test_many_literals),
		cmocka_unit_test(test_early_append), cmocka_unit_test(test_reader_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
