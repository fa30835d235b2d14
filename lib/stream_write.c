/* stream_write.c - output of a connection */
#include "lib/stream_in.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

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
		return stream_from_errno("write");
	*sent = (size_t)n;
	return OK;
}

/* Counts and copies what goes out. */
static void
note_output(struct stream *s, const void *p, size_t n)
{
	s->bytes_out += n;
	if (s->tele_fd >= 0)
		stream_note(s, '>', p, n);
}

/*
 * Sends all of it, waiting where needed; on failure out_err is set.  NOTE: it is
 * what the session said, not its compressed or encrypted form.
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
			e = stream_wait_for(s, events, false);
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

/* The same through the layer, as much at a time as that takes. */
static void
send_sealed(struct stream *s, struct iovec *iov, int niov, bool note)
{
	if (s->layer.ctx == NULL) {
		send_plain(s, iov, niov, note);
		return;
	}
	for (int i = 0; i < niov; i++) {
		const char *p = iov[i].iov_base;
		size_t left = iov[i].iov_len;
		while (left > 0 && s->out_err == OK) {
			size_t n = left < s->layer.room ? left : s->layer.room;
			buf_reset(&s->sealed);
			s->out_err = s->layer.encode(s->layer.ctx, p, n, &s->sealed);
			struct iovec sealed = { s->sealed.p, s->sealed.n };
			send_plain(s, &sealed, 1, false);
			if (note && s->out_err == OK)
				note_output(s, p, n);
			p += n;
			left -= n;
		}
	}
}

static void
send_all(struct stream *s, struct iovec *iov, int niov)
{
	if (s->deflate == NULL) {
		send_sealed(s, iov, niov, true);
		return;
	}
	buf_reset(&s->raw_out);
	for (int i = 0; i < niov; i++) {
		deflate_write(s->deflate, iov[i].iov_base, iov[i].iov_len, &s->raw_out);
		note_output(s, iov[i].iov_base, iov[i].iov_len);
	}
	struct iovec raw = { s->raw_out.p, s->raw_out.n };
	send_sealed(s, &raw, 1, false);
}

void
stream_flush_out(struct stream *s)
{
	struct iovec iov = { s->out, s->out_n };
	send_all(s, &iov, 1);
	s->out_n = 0;
}

enum err
stream_flush(struct stream *s)
{
	if (s->out_n > 0) {
		stream_flush_out(s);
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
	if ((s->tls != NULL || s->layer.ctx != NULL || s->deflate != NULL) && s->out_n > 0) {
		/* They copy anyway: full records cost fewer calls. */
		memcpy(s->out + s->out_n, p, room);
		s->out_n += room;
		stream_flush_out(s);
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
