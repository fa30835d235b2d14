/*
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
#include "lib/stream.h"
#include "lib/deflate.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
	IN_SIZE = 64 * 1024,
	OUT_SIZE = 64 * 1024,
	CLOSE_SECONDS = 5,	/* what stream_close() waits for a slow client */
	RAW_SIZE = 16 * 1024,	/* compressed input at a time */
	DISCARD_ROUNDS = 16,	/* reads of unwanted input before a close */
};

struct stream {
	int rfd, wfd;		/* -1: memory */
	bool rsock, wsock;
	bool answered;		/* flushed since the last read: poll first */
	enum err in_err, out_err;
	struct tls *tls;
	struct deflate *deflate;
	char *raw;		/* RAW_SIZE bytes of compressed input */
	struct buf raw_out;	/* compressed output */
	char *in, *out;
	size_t in_pos, in_end;
	size_t out_n;
	int64_t timeout_ms;	/* 0: none */
	int64_t deadline_ms;	/* CLOCK_MONOTONIC; 0: none */
	int stop_fd;
	int tele_fd;
	bool tele_relative;
	time_t tele_last;
	uint64_t bytes_in, bytes_out;
	char tls_why[160];	/* the handshake failed */
	struct str mem_in;
	struct buf *mem_out;
	struct stream_peer peer;	/* its functions: NULL, or what is used */
};

static int64_t
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

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
		.raw_out = BUF_INIT };
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
	s->deadline_ms = seconds > 0 ? now_ms() + (int64_t)seconds * 1000 : 0;
}

void
stream_stop_fd(struct stream *s, int fd)
{
	s->stop_fd = fd;
}

/* When a wait that begins now must end; 0: never. */
static int64_t
wait_end(const struct stream *s)
{
	if (s->timeout_ms == 0)
		return s->deadline_ms;
	int64_t end = now_ms() + s->timeout_ms;
	if (s->deadline_ms != 0 && s->deadline_ms < end)
		end = s->deadline_ms;
	return end;
}

/* poll(2) until END, whatever signals come. */
static int
poll_until(struct pollfd *pfd, nfds_t n, int64_t end)
{
	for (;;) {
		int64_t left = -1;
		if (end != 0) {
			left = end - now_ms();
			left = left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
		}
		int ready = poll(pfd, n, (int)left);
		if (ready > 0)
			return ready;
		if (ready == 0 && left != INT_MAX)
			return 0;
		if (ready < 0 && errno != EINTR) {
			log_err("IOERROR: poll: %m");
			return -1;
		}
	}
}

/* Waits for POLLIN or POLLOUT.  Only input gives way to stop_fd. */
static enum err
wait_for(const struct stream *s, short events, bool for_input)
{
	struct pollfd pfd[2] = {
		{ .fd = events & POLLOUT ? s->wfd : s->rfd, .events = events },
		{ .fd = s->stop_fd, .events = POLLIN },
	};
	bool may_stop = for_input && s->stop_fd >= 0;
	int ready = poll_until(pfd, may_stop ? 2 : 1, wait_end(s));
	if (ready < 0)
		return ERR_IO;
	if (ready == 0)
		return ERR_TIMEOUT;
	if (may_stop && pfd[1].revents != 0)
		return ERR_CLOSED;
	return OK;
}

/* What errno means when a client's socket says it. */
static enum err
from_errno(const char *what)
{
	switch (errno) {
	case EAGAIN:
#if EAGAIN != EWOULDBLOCK
	case EWOULDBLOCK:
#endif
		return ERR_AGAIN;
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
	case ESHUTDOWN:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETRESET:
		return ERR_CLOSED;
	default:
		log_err("IOERROR: %s of a connection: %m", what);
		return ERR_IO;
	}
}

static void
telemetry(struct stream *s, char direction, const void *p, size_t n)
{
	char mark[32];
	time_t now = time(NULL);
	int len = snprintf(mark, sizeof(mark), "%c%lld%c", direction,
	    (long long)(s->tele_relative ? now - s->tele_last : now), direction);
	s->tele_last = now;
	struct iovec iov[2] = {
		{ mark, (size_t)len }, { (void *)(uintptr_t)p, n },
	};
	while (writev(s->tele_fd, iov, 2) < 0 && errno == EINTR)
		;
}

static enum err
read_memory(struct stream *s, void *p, size_t max, size_t *got)
{
	if (s->peer.read != NULL) {
		*got = s->peer.read(s->peer.ctx, p, max);
		return *got == 0 ? ERR_CLOSED : OK;
	}
	*got = max < s->mem_in.n ? max : s->mem_in.n;
	if (*got == 0)
		return ERR_CLOSED;
	memcpy(p, s->mem_in.p, *got);
	s->mem_in.p += *got;
	s->mem_in.n -= *got;
	return OK;
}

/* One try to read from memory, descriptor or TLS; ERR_AGAIN sets *events. */
static enum err
try_read_plain(struct stream *s, void *p, size_t max, size_t *got, short *events)
{
	if (s->tls != NULL)
		return tls_read(s->tls, p, max, got, events);
	if (s->rfd < 0)
		return read_memory(s, p, max, got);
	*events = POLLIN;
	if (!s->rsock) {
		struct pollfd pfd = { .fd = s->rfd, .events = POLLIN };
		if (poll(&pfd, 1, 0) == 0)
			return ERR_AGAIN;
	}
	ssize_t n;
	do
		n = read(s->rfd, p, max);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return from_errno("read");
	*got = (size_t)n;
	return n == 0 ? ERR_CLOSED : OK;
}

/* The same through what expands it. */
static enum err
try_read(struct stream *s, void *p, size_t max, size_t *got, short *events)
{
	if (s->deflate == NULL)
		return try_read_plain(s, p, max, got, events);
	for (;;) {
		enum err e = deflate_read(s->deflate, p, max, got);
		if (e != ERR_AGAIN)
			return e;
		size_t n = 0;
		e = try_read_plain(s, s->raw, RAW_SIZE, &n, events);
		if (e != OK)
			return e;
		deflate_feed(s->deflate, s->raw, n);
	}
}

/* May try_read() have something without asking the kernel? */
static bool
has_pending(const struct stream *s)
{
	return (s->tls != NULL && tls_has_pending(s->tls))
	    || (s->deflate != NULL && deflate_has_pending(s->deflate));
}

/* Counts and copies what came in. */
static void
note_input(struct stream *s, const void *p, size_t n)
{
	s->bytes_in += n;
	s->answered = false;
	if (s->tele_fd >= 0)
		telemetry(s, '<', p, n);
}

/* At least one byte from below into P, waiting for it. */
static enum err
read_below(struct stream *s, void *p, size_t max, size_t *got)
{
	*got = 0;
	if (s->in_err != OK)
		return s->in_err;
	short events = POLLIN;
	enum err e = ERR_AGAIN;
	bool ready = s->rfd < 0 || !s->answered || has_pending(s);
	while (e == ERR_AGAIN) {
		if (!ready && (e = wait_for(s, events, true)) != OK)
			break;
		e = try_read(s, p, max, got, &events);
		ready = false;
	}
	if (e != OK) {
		*got = 0;
		return s->in_err = e;
	}
	note_input(s, p, *got);
	return OK;
}

/* Fills the empty input buffer. */
static enum err
fill(struct stream *s)
{
	s->in_pos = s->in_end = 0;
	return read_below(s, s->in, IN_SIZE, &s->in_end);
}

enum err
stream_peek(struct stream *s, struct str *bytes)
{
	*bytes = (struct str){ s->in, 0 };
	if (s->in_pos == s->in_end) {
		enum err e = fill(s);
		if (e != OK)
			return e;
	}
	*bytes = (struct str){ s->in + s->in_pos, s->in_end - s->in_pos };
	return OK;
}

void
stream_skip(struct stream *s, size_t n)
{
	ensure(n <= s->in_end - s->in_pos);
	s->in_pos += n;
}

enum err
stream_read(struct stream *s, void *p, size_t max, size_t *got)
{
	/* What would fill the buffer anyway goes straight to the caller. */
	if (s->in_pos == s->in_end && max >= IN_SIZE)
		return read_below(s, p, max, got);
	*got = 0;
	struct str have;
	enum err e = stream_peek(s, &have);
	if (e != OK)
		return e;
	*got = max < have.n ? max : have.n;
	memcpy(p, have.p, *got);
	stream_skip(s, *got);
	return OK;
}

enum err
stream_read_all(struct stream *s, void *p, size_t n)
{
	for (char *to = p; n > 0;) {
		size_t got;
		enum err e = stream_read(s, to, n, &got);
		if (e != OK)
			return e;
		to += got;
		n -= got;
	}
	return OK;
}

enum err
stream_getline(struct stream *s, struct buf *line, size_t max)
{
	size_t before = line->n, room = max;
	bool too_long = false;
	for (;;) {
		struct str have;
		enum err e = stream_peek(s, &have);
		if (e != OK)
			return e;
		const char *lf = memchr(have.p, '\n', have.n);
		size_t n = lf != NULL ? (size_t)(lf - have.p) + 1 : have.n;
		if (n > room) {
			too_long = true;
			buf_truncate(line, before);
		}
		if (!too_long) {
			buf_add(line, have.p, n);
			room -= n;
		}
		stream_skip(s, n);
		if (lf != NULL)
			return too_long ? ERR_LIMIT : OK;
	}
}

/* Moves what TLS or zlib holds into the buffer without waiting; false: nothing. */
static bool
fill_now(struct stream *s)
{
	short events;
	size_t got = 0;
	s->in_pos = s->in_end = 0;
	enum err e = try_read(s, s->in, IN_SIZE, &got, &events);
	if (e == ERR_AGAIN)
		return false;
	if (e != OK) {
		s->in_err = e;
		return false;
	}
	note_input(s, s->in, got);
	s->in_end = got;
	return true;
}

size_t
stream_pending(struct stream *s)
{
	if (s->in_pos == s->in_end && s->in_err == OK && has_pending(s))
		(void)fill_now(s);
	return s->in_end - s->in_pos + s->mem_in.n;
}

enum err
stream_wait(struct stream *s, int other_fd, int timeout_ms)
{
	int64_t end = timeout_ms < 0 ? 0 : now_ms() + timeout_ms;
	for (;;) {
		if (stream_pending(s) > 0 || s->in_err != OK)
			return OK;
		if (s->rfd < 0)
			return s->peer.wait == NULL || s->peer.wait(s->peer.ctx)
			    ? OK : ERR_AGAIN;
		struct pollfd pfd[3] = {
			{ .fd = s->rfd, .events = POLLIN },
			{ .fd = other_fd, .events = POLLIN },
			{ .fd = s->stop_fd, .events = POLLIN },
		};
		int ready = poll_until(pfd, 3, end);
		if (ready <= 0)
			return ready < 0 ? ERR_IO : ERR_TIMEOUT;
		if (pfd[2].revents != 0) {
			s->in_err = ERR_CLOSED;
			return OK;
		}
		/* TLS records may carry no data: then the wait goes on. */
		if (pfd[0].revents != 0 && (fill_now(s) || s->in_err != OK))
			return OK;
		if (pfd[1].revents != 0)
			return ERR_AGAIN;
	}
}

/* One try to write; what a blocking pipe is given, it takes at once. */
static enum err
try_write(struct stream *s, struct iovec *iov, int niov, size_t *sent, short *events)
{
	*sent = 0;
	if (s->tls != NULL)
		return tls_write(s->tls, iov[0].iov_base, iov[0].iov_len, sent, events);
	if (s->wfd < 0) {
		if (s->peer.write != NULL)
			s->peer.write(s->peer.ctx, iov[0].iov_base, iov[0].iov_len);
		else
			buf_add(s->mem_out, iov[0].iov_base, iov[0].iov_len);
		*sent = iov[0].iov_len;
		return OK;
	}
	*events = POLLOUT;
	struct iovec piece = iov[0];
	if (!s->wsock) {
		struct pollfd pfd = { .fd = s->wfd, .events = POLLOUT };
		if (poll(&pfd, 1, 0) == 0)
			return ERR_AGAIN;
		piece.iov_len = piece.iov_len < PIPE_BUF ? piece.iov_len : PIPE_BUF;
		iov = &piece;
		niov = 1;
	}
	ssize_t n;
	do
		n = writev(s->wfd, iov, niov);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return from_errno("write");
	*sent = (size_t)n;
	return OK;
}

/* Counts and copies what goes out. */
static void
note_output(struct stream *s, const void *p, size_t n)
{
	s->bytes_out += n;
	if (s->tele_fd >= 0)
		telemetry(s, '>', p, n);
}

/*
 * Sends all of it, waiting where needed; on failure out_err is set.  NOTE: it is
 * what the session said, not its compressed form.
 */
static void
send_plain(struct stream *s, struct iovec *iov, int niov, bool note)
{
	while (niov > 0 && s->out_err == OK) {
		if (iov[0].iov_len == 0) {
			iov++;
			niov--;
			continue;
		}
		size_t sent = 0;
		short events = POLLOUT;
		enum err e = try_write(s, iov, niov, &sent, &events);
		if (e == ERR_AGAIN)
			e = wait_for(s, events, false);
		if (e != OK)
			s->out_err = e;
		for (int i = 0; sent > 0 && i < niov; i++) {
			size_t n = sent < iov[i].iov_len ? sent : iov[i].iov_len;
			if (note)
				note_output(s, iov[i].iov_base, n);
			iov[i].iov_base = (char *)iov[i].iov_base + n;
			iov[i].iov_len -= n;
			sent -= n;
		}
	}
}

static void
send_all(struct stream *s, struct iovec *iov, int niov)
{
	if (s->deflate == NULL) {
		send_plain(s, iov, niov, true);
		return;
	}
	buf_reset(&s->raw_out);
	for (int i = 0; i < niov; i++) {
		deflate_write(s->deflate, iov[i].iov_base, iov[i].iov_len, &s->raw_out);
		note_output(s, iov[i].iov_base, iov[i].iov_len);
	}
	struct iovec raw = { s->raw_out.p, s->raw_out.n };
	send_plain(s, &raw, 1, false);
}

static void
flush_out(struct stream *s)
{
	struct iovec iov = { s->out, s->out_n };
	send_all(s, &iov, 1);
	s->out_n = 0;
}

enum err
stream_flush(struct stream *s)
{
	if (s->out_n > 0) {
		flush_out(s);
		s->answered = true;
	}
	return s->out_err;
}

void
stream_write(struct stream *s, const void *p, size_t n)
{
	if (s->out_err != OK)
		return;
	size_t room = OUT_SIZE - s->out_n;
	if (n <= room) {
		memcpy(s->out + s->out_n, p, n);
		s->out_n += n;
		return;
	}
	if ((s->tls != NULL || s->deflate != NULL) && s->out_n > 0) {
		/* They copy anyway: full records cost fewer calls. */
		memcpy(s->out + s->out_n, p, room);
		s->out_n += room;
		flush_out(s);
		stream_write(s, (const char *)p + room, n - room);
		return;
	}
	struct iovec iov[2] = {
		{ s->out, s->out_n }, { (void *)(uintptr_t)p, n },
	};
	send_all(s, iov, 2);
	s->out_n = 0;
}

void
stream_puts(struct stream *s, const char *cstring)
{
	stream_write(s, cstring, strlen(cstring));
}

void
stream_put(struct stream *s, struct str bytes)
{
	stream_write(s, bytes.p, bytes.n);
}

void
stream_printf(struct stream *s, const char *fmt, ...)
{
	char small[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(small)) {
		stream_write(s, small, (size_t)n);
		return;
	}
	struct buf b = BUF_INIT;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	stream_write(s, b.p, b.n);
	buf_free(&b);
}

enum err
stream_error(const struct stream *s)
{
	return s->out_err != OK ? s->out_err : s->in_err;
}

enum err
stream_start_tls(struct stream *s, struct tls_context *ctx)
{
	if (s->tls != NULL || s->deflate != NULL || !s->rsock || !s->wsock)
		return ERR_UNSUPPORTED;
	enum err e = stream_flush(s);
	if (e != OK)
		return e;
	s->in_pos = s->in_end = 0;
	struct tls *tls = tls_new(ctx, s->rfd, s->wfd);
	short events = POLLIN;
	while ((e = tls_handshake(tls, &events)) == ERR_AGAIN)
		if ((e = wait_for(s, events, true)) != OK)
			break;
	if (e != OK) {
		snprintf(s->tls_why, sizeof(s->tls_why), "%s",
		    e == ERR_SYNTAX ? tls_why(tls) : err_text(e));
		tls_free(tls);
		return s->in_err = s->out_err = e;
	}
	s->tls = tls;
	return OK;
}

const char *
stream_tls_why(const struct stream *s)
{
	return s->tls_why;
}

bool
stream_is_tls(const struct stream *s)
{
	return s->tls != NULL;
}

const char *
stream_tls_version(const struct stream *s)
{
	return s->tls != NULL ? tls_version(s->tls) : NULL;
}

const char *
stream_tls_cipher(const struct stream *s)
{
	return s->tls != NULL ? tls_cipher(s->tls) : NULL;
}

int
stream_tls_bits(const struct stream *s)
{
	return s->tls != NULL ? tls_bits(s->tls) : 0;
}

void
stream_start_deflate(struct stream *s)
{
	ensure(s->deflate == NULL);
	if (s->out_n > 0)
		flush_out(s);
	s->raw = mem_get(s->in_end - s->in_pos > RAW_SIZE ? IN_SIZE : RAW_SIZE);
	s->deflate = deflate_new();
	memcpy(s->raw, s->in + s->in_pos, s->in_end - s->in_pos);
	deflate_feed(s->deflate, s->raw, s->in_end - s->in_pos);
	s->in_pos = s->in_end = 0;
}

void
stream_stop_deflate(struct stream *s)
{
	if (s->deflate == NULL)
		return;
	if (s->out_n > 0)
		flush_out(s);
	deflate_free(s->deflate);
	s->deflate = NULL;
	free(s->raw);
	s->raw = NULL;
}

bool
stream_is_deflated(const struct stream *s)
{
	return s->deflate != NULL;
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

void
stream_close(struct stream *s)
{
	if (s == NULL)
		return;
	if (s->timeout_ms == 0 || s->timeout_ms > CLOSE_SECONDS * 1000)
		s->timeout_ms = CLOSE_SECONDS * 1000;
	stream_deadline(s, CLOSE_SECONDS);
	if (s->out_n > 0)
		flush_out(s);
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
	deflate_free(s->deflate);
	free(s->raw);
	buf_free(&s->raw_out);
	free(s->in);
	free(s->out);
	free(s);
}
