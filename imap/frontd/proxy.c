#include "imap/frontd/proxy.h"
#include "imap/frontd/talk.h"
#include "imap/server/admit.h"

#include <errno.h>
#include <sys/socket.h>

/* At most N bytes more. */
static enum err
receive(struct conn *c, size_t n)
{
	ssize_t got = recv(c->fd, buf_reserve(&c->in, n), n, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_CLOSED;
	c->in.n += (size_t)got;
	c->in.p[c->in.n] = '\0';
	return got > 0 ? OK : ERR_CLOSED;
}

/* Its words begin anew: they are to somebody else. */
static void
become(struct conn *c, const struct proxy_header *h)
{
	struct arrival from = {
		.host = c->host, .local_ip_port = c->local, .remote_ip_port = c->remote,
		.is_local = c->is_local,
	};
	admit_proxied(h, &from);
	c->host = from.host;
	c->local = from.local_ip_port;
	c->remote = from.remote_ip_port;
	c->is_local = from.is_local;
	talk_reset(c);
}

enum err
proxy_hear(struct conn *c)
{
	struct proxy_header h;
	size_t wants;
	enum err e;
	while ((e = proxy_parse(buf_str(&c->in), &h, &wants)) == ERR_AGAIN) {
		e = receive(c, wants);
		if (e != OK)
			return e;
	}
	buf_free(&c->in);
	if (e == OK)
		become(c, &h);
	return e;
}
