#include "imap/frontd/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char scratch[CHUNK];

/* What errno means when a client's socket says it. */
static enum err
socket_error(void)
{
	return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_CLOSED;
}

enum err
wire_read(struct conn *c)
{
	size_t got = 0;
	if (c->tls != NULL) {
		enum err e = tls_read(c->tls, scratch, sizeof(scratch), &got, &c->tls_read);
		if (e != OK)
			return e;
		c->tls_read = 0;
	} else {
		ssize_t n = read(c->fd, scratch, sizeof(scratch));
		if (n <= 0)
			return n == 0 ? ERR_CLOSED : socket_error();
		got = (size_t)n;
	}
	buf_add(&c->in, scratch, got);
	explicit_bzero(scratch, got);
	return OK;
}

static enum err
write_some(struct conn *c, struct str bytes, size_t *sent)
{
	if (c->tls != NULL) {
		enum err e = tls_write(c->tls, bytes.p, bytes.n, sent, &c->tls_write);
		if (e == OK)
			c->tls_write = 0;
		return e;
	}
	ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
	if (n < 0)
		return socket_error();
	*sent = (size_t)n;
	return OK;
}

enum err
wire_write(struct conn *c)
{
	size_t done = 0, sent;
	enum err e = OK;
	while (e == OK && done < c->out.n) {
		e = write_some(c, str_slice(buf_str(&c->out), done, c->out.n), &sent);
		if (e == OK)
			done += sent;
	}
	if (done == c->out.n)
		buf_free(&c->out);
	else
		buf_consume(&c->out, done);
	return e == ERR_AGAIN ? OK : e == OK ? OK : ERR_CLOSED;
}

bool
wire_has_pending(const struct conn *c)
{
	return c->tls != NULL && tls_has_pending(c->tls);
}

short
wire_events(const struct conn *c, bool input)
{
	int events = 0;
	if (input)
		events |= c->tls_read != 0 ? c->tls_read : POLLIN;
	if (c->out.n > 0)
		events |= c->tls_write != 0 ? c->tls_write : POLLOUT;
	return (short)events;
}

void
wire_end(struct conn *c)
{
	if (c->tls != NULL)
		tls_end(c->tls);
	(void)shutdown(c->fd, SHUT_WR);
}
