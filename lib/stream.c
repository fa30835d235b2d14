/*
 * stream.c - a connection: made, set, closed
 *
 * How a call waits.  Every transfer is tried first and polled for only when
 * the kernel says EAGAIN, so bulk input costs one system call a buffer.  The
 * exception is the first read after a flush: the client has just got its
 * answer, so it is almost never there yet and the try would be wasted.
 *
 * Descriptors.  Sockets are switched to O_NONBLOCK, since an accepted socket
 * is ours alone.  A pipe or terminal (a worker started by hand) may be shared
 * with a shell, which must not find it changed: it stays blocking, is polled
 * before each call, and written in pieces that a pipe takes at once.
 *
 * Invariants: in_pos <= in_end <= IN_SIZE; out_n <= OUT_SIZE; once in_err or
 * out_err is set it stays; a tls implies that both descriptors are sockets.
 */
#include "lib/stream_in.h"
#include "lib/log.h"
#include "lib/mem.h"

#include "lib/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	CLOSE_SECONDS = 5,	/* what stream_close() waits for a slow client */
	DISCARD_ROUNDS = 16,	/* reads of unwanted input before a close */
};

static bool
is_socket(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && !(flags & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static struct stream *
new_stream(void)
{
	struct stream *s = mem_get(sizeof(*s));
	*s = (struct stream){ .rfd = -1, .wfd = -1, .stop_fd = -1, .tele_fd = -1,
		.raw_out = BUF_INIT, .opened = BUF_INIT, .sealed = BUF_INIT };
	s->in = mem_get(IN_SIZE);
	s->out = mem_get(OUT_SIZE);
	return s;
}

struct stream *
stream_new(int rfd, int wfd)
{
	static bool pipe_ignored;
	if (!pipe_ignored) {
		signal(SIGPIPE, SIG_IGN);
		pipe_ignored = true;
	}
	struct stream *s = new_stream();
	s->rfd = rfd;
	s->wfd = wfd;
	s->rsock = is_socket(rfd);
	s->wsock = wfd == rfd ? s->rsock : is_socket(wfd);
	if (s->rsock)
		set_nonblocking(rfd);
	if (s->wsock && wfd != rfd)
		set_nonblocking(wfd);
	return s;
}

struct stream *
stream_mem(struct str in, struct buf *out)
{
	struct stream *s = new_stream();
	s->mem_in = in;
	s->mem_out = out;
	return s;
}

struct stream *
stream_to(const struct stream_peer *peer)
{
	struct stream *s = new_stream();
	s->peer = *peer;
	return s;
}

void
stream_timeout(struct stream *s, int seconds)
{
	s->timeout_ms = (int64_t)seconds * 1000;
}

void
stream_deadline(struct stream *s, int seconds)
{
	s->deadline_ms = seconds > 0 ? stream_now_ms() + (int64_t)seconds * 1000 : 0;
}

void
stream_stop_fd(struct stream *s, int fd)
{
	s->stop_fd = fd;
}

enum err
stream_error(const struct stream *s)
{
	return s->out_err != OK ? s->out_err : s->in_err;
}

void
stream_telemetry(struct stream *s, int fd, bool relative)
{
	s->tele_fd = fd;
	s->tele_relative = relative;
	s->tele_last = time(NULL);
}

uint64_t
stream_bytes_in(const struct stream *s)
{
	return s->bytes_in;
}

uint64_t
stream_bytes_out(const struct stream *s)
{
	return s->bytes_out;
}

/*
 * Input that nobody reads would make close(2) reset the connection, and the
 * client might never see our last words: take away what is there.
 */
static void
discard_input(struct stream *s)
{
	if (!s->rsock || s->in_err == ERR_CLOSED)
		return;
	for (int i = 0; i < DISCARD_ROUNDS; i++)
		if (recv(s->rfd, s->in, IN_SIZE, MSG_DONTWAIT) <= 0)
			return;
}

static void
free_stream(struct stream *s)
{
	deflate_free(s->deflate);
	free(s->raw);
	buf_free(&s->raw_out);
	stream_stop_layer(s);
	free(s->in);
	free(s->out);
	free(s);
}

int
stream_release(struct stream *s, struct buf *unread)
{
	int fd = s->rfd;
	ensure(fd >= 0 && fd == s->wfd && s->tls == NULL && s->deflate == NULL);
	stream_flush_out(s);
	if (s->out_err != OK || s->in_err != OK) {
		stream_close(s);
		return -1;
	}
	buf_add(unread, s->in + s->in_pos, s->in_end - s->in_pos);
	free_stream(s);
	return fd;
}

void
stream_close(struct stream *s)
{
	if (s == NULL)
		return;
	if (s->timeout_ms == 0 || s->timeout_ms > CLOSE_SECONDS * 1000)
		s->timeout_ms = CLOSE_SECONDS * 1000;
	stream_deadline(s, CLOSE_SECONDS);
	if (s->out_n > 0)
		stream_flush_out(s);
	if (s->tls != NULL) {
		if (s->out_err == OK && s->in_err != ERR_SYNTAX)
			tls_end(s->tls);
		tls_free(s->tls);
	}
	if (s->rfd >= 0) {
		if (s->out_err == OK)
			discard_input(s);
		close(s->rfd);
		if (s->wfd != s->rfd)
			close(s->wfd);
	}
	free_stream(s);
}
