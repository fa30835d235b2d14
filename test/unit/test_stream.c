/* Streams: memory, sockets, deadlines, limits. */
#include "lib/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void
make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static void
test_lines(void **state)
{
	(void)state;
	struct buf out = BUF_INIT, line = BUF_INIT;
	struct stream *s = stream_mem(STR("one\r\n\ntoo long\nshort\nrest"), &out);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "one\r\n");
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 1), OK);
	assert_string_equal(line.p, "\n");
	/* The limit is exact, and a line past it leaves nothing behind. */
	assert_int_equal(stream_getline(s, &line, 8), ERR_LIMIT);
	assert_string_equal(line.p, "\n");
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 6), OK);
	assert_string_equal(line.p, "short\n");
	assert_int_equal(stream_pending(s), 4);
	assert_int_equal(stream_getline(s, &line, 100), ERR_CLOSED);
	/* The end of input does not end output. */
	stream_printf(s, "%s %d", "bye", 42);
	assert_int_equal(stream_flush(s), OK);
	assert_string_equal(out.p, "bye 42");
	assert_int_equal(stream_error(s), ERR_CLOSED);
	stream_close(s);
	buf_free(&out);
	buf_free(&line);
}

static void
test_read_and_skip(void **state)
{
	(void)state;
	struct buf out = BUF_INIT;
	struct stream *s = stream_mem(STR("abcdef"), &out);
	struct str have;
	char b[4];
	size_t got;
	assert_int_equal(stream_peek(s, &have), OK);
	assert_int_equal(have.n, 6);
	stream_skip(s, 1);
	assert_int_equal(stream_read(s, b, 2, &got), OK);
	assert_int_equal(got, 2);
	assert_memory_equal(b, "bc", 2);
	assert_int_equal(stream_read_all(s, b, 3), OK);
	assert_memory_equal(b, "def", 3);
	assert_int_equal(stream_read_all(s, b, 1), ERR_CLOSED);
	assert_int_equal(stream_bytes_in(s), 6);
	stream_close(s);
	buf_free(&out);
}

struct feeder {
	int fd;
	struct str bytes;
	size_t piece;
};

static void *
feed(void *arg)
{
	struct feeder *f = arg;
	for (size_t i = 0; i < f->bytes.n; i += f->piece) {
		size_t n = f->bytes.n - i < f->piece ? f->bytes.n - i : f->piece;
		if (write(f->fd, f->bytes.p + i, n) != (ssize_t)n)
			break;
		sched_yield();
	}
	shutdown(f->fd, SHUT_WR);
	return NULL;
}

static void
test_byte_by_byte(void **state)
{
	(void)state;
	int fds[2];
	pthread_t thread;
	struct buf line = BUF_INIT;
	make_pair(fds);
	struct feeder f = { fds[1], STR("a1 LOGIN x y\r\na2 NOOP\r\n"), 1 };
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	pthread_create(&thread, NULL, feed, &f);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "a1 LOGIN x y\r\n");
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "a2 NOOP\r\n");
	assert_int_equal(stream_getline(s, &line, 100), ERR_CLOSED);
	pthread_join(thread, NULL);
	stream_close(s);
	close(fds[1]);
	buf_free(&line);
}

static char *
pattern(size_t n)
{
	char *p = malloc(n);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 2654435761U >> 13);
	return p;
}

struct drain {
	int fd;
	char *p;
	size_t n, size;
};

static void *
drain(void *arg)
{
	struct drain *d = arg;
	ssize_t n;
	while ((n = read(d->fd, d->p + d->n, d->size - d->n)) > 0)
		d->n += (size_t)n;
	return NULL;
}

/* Small and huge writes arrive in order, whatever the buffer's state. */
static void
test_big_write(void **state)
{
	(void)state;
	enum { BIG = 3 << 20 };
	static const size_t sizes[] = { 1, 65535, 65536, 65537, 10, 1 << 20, 3, 70000 };
	int fds[2];
	pthread_t thread;
	make_pair(fds);
	char *data = pattern(BIG);
	struct drain d = { fds[1], malloc(BIG), 0, BIG };
	pthread_create(&thread, NULL, drain, &d);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	size_t at = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		stream_write(s, data + at, sizes[i]);
		at += sizes[i];
	}
	assert_int_equal(stream_flush(s), OK);
	assert_int_equal(stream_bytes_out(s), at);
	stream_close(s);
	pthread_join(thread, NULL);
	assert_int_equal(d.n, at);
	assert_memory_equal(d.p, data, at);
	close(fds[1]);
	free(d.p);
	free(data);
}

static void
test_big_read(void **state)
{
	(void)state;
	enum { BIG = 1 << 20 };
	int fds[2];
	pthread_t thread;
	make_pair(fds);
	char *data = pattern(BIG), *in = malloc(BIG);
	struct feeder f = { fds[1], { data, BIG }, 100000 };
	pthread_create(&thread, NULL, feed, &f);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	assert_int_equal(stream_read_all(s, in, 1), OK);
	assert_int_equal(stream_read_all(s, in + 1, BIG - 1), OK);
	assert_memory_equal(in, data, BIG);
	pthread_join(thread, NULL);
	stream_close(s);
	close(fds[1]);
	free(in);
	free(data);
}

static double
seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
test_timeouts(void **state)
{
	(void)state;
	int fds[2];
	struct buf line = BUF_INIT;
	char byte[8];
	make_pair(fds);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 100);
	stream_deadline(s, 1);
	assert_int_equal(write(fds[1], "half", 4), 4);
	double start = seconds();
	assert_int_equal(stream_getline(s, &line, 100), ERR_TIMEOUT);
	assert_true(seconds() - start > 0.9);
	assert_int_equal(stream_getline(s, &line, 100), ERR_TIMEOUT);
	/* A server can still say goodbye. */
	stream_puts(s, "BYE\r\n");
	assert_int_equal(stream_flush(s), OK);
	assert_int_equal(read(fds[1], byte, sizeof(byte)), 5);
	stream_close(s);
	close(fds[1]);
	buf_free(&line);
}

/* A client that does not read is given up too. */
static void
test_write_timeout(void **state)
{
	(void)state;
	enum { BIG = 8 << 20 };
	int fds[2];
	make_pair(fds);
	char *data = pattern(BIG);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 1);
	stream_write(s, data, BIG);
	assert_int_equal(stream_flush(s), ERR_TIMEOUT);
	assert_int_equal(stream_error(s), ERR_TIMEOUT);
	stream_write(s, data, BIG);
	assert_int_equal(stream_flush(s), ERR_TIMEOUT);
	stream_close(s);
	close(fds[1]);
	free(data);
}

static void
test_dead_client(void **state)
{
	(void)state;
	int fds[2];
	make_pair(fds);
	struct stream *s = stream_new(fds[0], fds[0]);
	close(fds[1]);
	stream_puts(s, "hello");
	assert_int_equal(stream_flush(s), ERR_CLOSED);	/* and no SIGPIPE */
	stream_close(s);
}

static void
test_wait(void **state)
{
	(void)state;
	int fds[2], other[2];
	make_pair(fds);
	assert_int_equal(pipe(other), 0);
	struct stream *s = stream_new(fds[0], fds[0]);
	assert_int_equal(stream_wait(s, other[0], 1), ERR_TIMEOUT);
	assert_int_equal(write(other[1], "x", 1), 1);
	assert_int_equal(stream_wait(s, other[0], 10000), ERR_AGAIN);
	/* The client goes first. */
	assert_int_equal(write(fds[1], "DONE\r\n", 6), 6);
	assert_int_equal(stream_wait(s, other[0], 10000), OK);
	assert_int_equal(stream_pending(s), 6);
	assert_int_equal(stream_wait(s, -1, -1), OK);
	stream_skip(s, 6);
	close(fds[1]);
	assert_int_equal(stream_wait(s, -1, -1), OK);
	struct str none;
	assert_int_equal(stream_peek(s, &none), ERR_CLOSED);
	stream_close(s);
	close(other[0]);
	close(other[1]);
}

static void
test_stop_fd(void **state)
{
	(void)state;
	int fds[2], stop[2];
	char byte[8];
	struct str have;
	make_pair(fds);
	assert_int_equal(pipe(stop), 0);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_stop_fd(s, stop[0]);
	assert_int_equal(write(stop[1], "x", 1), 1);
	assert_int_equal(write(fds[1], "z", 1), 1);
	/* What is there is read; only waiting ends. */
	assert_int_equal(stream_peek(s, &have), OK);
	stream_skip(s, 1);
	assert_int_equal(stream_peek(s, &have), ERR_CLOSED);
	stream_puts(s, "BYE\r\n");
	assert_int_equal(stream_flush(s), OK);
	assert_int_equal(read(fds[1], byte, sizeof(byte)), 5);
	stream_close(s);
	close(fds[1]);
	close(stop[0]);
	close(stop[1]);
}

static void
test_pipes(void **state)
{
	(void)state;
	enum { MUCH = 200000 };
	int in[2], out[2];
	pthread_t thread;
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	struct stream *s = stream_new(in[0], out[1]);
	stream_timeout(s, 10);
	assert_int_equal(write(in[1], "hi\n", 3), 3);
	struct buf line = BUF_INIT;
	assert_int_equal(stream_getline(s, &line, 10), OK);
	/* What the shell gave us stays as it was. */
	assert_false(fcntl(in[0], F_GETFL) & O_NONBLOCK);
	char *data = pattern(MUCH);
	struct drain d = { out[0], malloc(MUCH), 0, MUCH };
	pthread_create(&thread, NULL, drain, &d);
	stream_write(s, data, MUCH);
	assert_int_equal(stream_flush(s), OK);
	stream_close(s);
	pthread_join(thread, NULL);
	assert_int_equal(d.n, MUCH);
	assert_memory_equal(d.p, data, MUCH);
	close(in[1]);
	close(out[0]);
	free(d.p);
	free(data);
	buf_free(&line);
}

static void
test_telemetry(void **state)
{
	(void)state;
	int copy[2];
	char text[64], want[64] = "";
	struct buf out = BUF_INIT, line = BUF_INIT;
	assert_int_equal(pipe(copy), 0);
	struct stream *s = stream_mem(STR("a NOOP\r\n"), &out);
	time_t before = time(NULL);
	stream_telemetry(s, copy[1], false);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	stream_puts(s, "a OK\r\n");
	assert_int_equal(stream_flush(s), OK);
	ssize_t n = read(copy[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	/* The clock may have moved on by a second or two between. */
	for (time_t t = before; t < before + 10 && strncmp(text, want, 12) != 0; t++)
		snprintf(want, sizeof(want), "<%lld<", (long long)t);
	assert_memory_equal(text, want, 12);
	assert_non_null(strstr(text, "<a NOOP\r\n>"));
	assert_non_null(strstr(text, ">a OK\r\n"));
	stream_telemetry(s, copy[1], true);
	stream_puts(s, "b");
	assert_int_equal(stream_flush(s), OK);
	n = read(copy[0], text, sizeof(text));
	assert_true(n == 4 && text[3] == 'b' && text[1] >= '0' && text[1] <= '9');
	stream_close(s);
	close(copy[0]);
	close(copy[1]);
	buf_free(&out);
	buf_free(&line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_read_and_skip),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_big_write),
		cmocka_unit_test(test_big_read),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_write_timeout),
		cmocka_unit_test(test_dead_client),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_stop_fd),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_telemetry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
