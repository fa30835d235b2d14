/* stream_read.c - input of a connection */
#include "lib/stream_in.h"

#include "lib/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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
		return stream_from_errno("read");
	*got = (size_t)n;
	return n == 0 ? ERR_CLOSED : OK;
}

/* The same through the layer. */
static enum err
try_read_sealed(struct stream *s, void *p, size_t max, size_t *got, short *events)
{
	if (s->layer.ctx == NULL)
		return try_read_plain(s, p, max, got, events);
	while (s->opened_pos == s->opened.n) {
		char raw[SEALED_SIZE];
		size_t n = 0;
		buf_wipe(&s->opened);
		s->opened_pos = 0;
		enum err e = try_read_plain(s, raw, sizeof(raw), &n, events);
		if (e == OK)
			e = s->layer.decode(s->layer.ctx, raw, n, &s->opened);
		if (e != OK)
			return e;
	}
	size_t n = s->opened.n - s->opened_pos;
	*got = max < n ? max : n;
	memcpy(p, s->opened.p + s->opened_pos, *got);
	s->opened_pos += *got;
	return OK;
}

/* The same through what expands it. */
static enum err
try_read(struct stream *s, void *p, size_t max, size_t *got, short *events)
{
	if (s->deflate == NULL)
		return try_read_sealed(s, p, max, got, events);
	for (;;) {
		enum err e = deflate_read(s->deflate, p, max, got);
		if (e != ERR_AGAIN)
			return e;
		size_t n = 0;
		e = try_read_sealed(s, s->raw, RAW_SIZE, &n, events);
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
	    || s->opened_pos < s->opened.n
	    || (s->deflate != NULL && deflate_has_pending(s->deflate));
}

/* Counts and copies what came in. */
static void
note_input(struct stream *s, const void *p, size_t n)
{
	/* A record of the type handshake, its version 3.1 or 3.3. */
	if (s->bytes_in == 0 && n >= 3)
		s->saw_hello = memcmp(p, "\x16\x03", 2) == 0;
	s->bytes_in += n;
	s->answered = false;
	if (s->tele_fd >= 0)
		stream_note(s, '<', p, n);
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
		if (!ready && (e = stream_wait_for(s, events, true)) != OK)
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
stream_unread(struct stream *s, struct str bytes)
{
	ensure(s->in_end == 0 && bytes.n <= IN_SIZE);
	if (bytes.n == 0)
		return;
	memcpy(s->in, bytes.p, bytes.n);
	s->in_end = bytes.n;
	note_input(s, bytes.p, bytes.n);
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

void
stream_forget(struct stream *s)
{
	explicit_bzero(s->in, s->in_pos);
	if (s->opened_pos > 0)
		explicit_bzero(s->opened.p, s->opened_pos);
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
	int64_t end = timeout_ms < 0 ? 0 : stream_now_ms() + timeout_ms;
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
		int ready = stream_poll_until(pfd, 3, end);
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
