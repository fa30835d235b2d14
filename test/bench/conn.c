/*
 * conn.c - one connection to the server under test
 *
 * All that comes is acknowledged at once: on loopback a delayed ACK would make
 * a server that writes a response in pieces, without TCP_NODELAY, wait 40 ms
 * for our kernel, and that is all that would be measured.
 */
#include "test/bench/conn.h"
#include "lib/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	READ_SIZE = 256 * 1024,
	CONNECT_MS = 20000,
};

static void
hang_up(struct conn *c)
{
	poll_unwatch(c->run->poll, c->fd);
	close(c->fd);
	c->fd = -1;
	buf_reset(&c->in);
	buf_reset(&c->out);
}

static void
flush(struct conn *c)
{
	ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);

	if (n > 0)
		buf_consume(&c->out, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		run_fail(c->run, "send: %s", strerror(errno));
}

static void
read_some(struct conn *c)
{
	int on = 1;
	ssize_t n = recv(c->fd, buf_reserve(&c->in, READ_SIZE), READ_SIZE, 0);

	if (n > 0) {
		setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
		c->in.n += (size_t)n;
		c->in.p[c->in.n] = '\0';
		c->run->bytes += (uint64_t)n;
		c->run->progress = run_now();
		c->received(c);
	} else if (n == 0 || errno == ECONNRESET) {
		hang_up(c);
		c->closed(c);
	} else if (errno != EAGAIN && errno != EINTR) {
		run_fail(c->run, "recv: %s", strerror(errno));
	}
}

static void
on_ready(void *ctx, int fd, short ready)
{
	struct conn *c = ctx;

	if (c->run->failure[0] != '\0')
		return;
	if ((ready & POLLOUT) != 0) {
		flush(c);
		if (c->out.n == 0)
			poll_watch(c->run->poll, fd, POLLIN, on_ready, c);
	}
	if ((ready & ~POLLOUT) != 0)
		read_some(c);
}

void
conn_init(struct conn *c, struct run *run, void (*received)(struct conn *),
    void (*closed)(struct conn *), void *ctx)
{
	*c = (struct conn){ .run = run, .ctx = ctx, .fd = -1,
	    .received = received, .closed = closed };
	buf_init(&c->in);
	buf_init(&c->out);
}

void
conn_open(struct conn *c, const char *address)
{
	int on = 1;

	if (address == NULL) {
		run_fail(c->run, "this workload needs an address that was not given");
		return;
	}
	if (net_connect(address, CONNECT_MS, &c->fd) != OK) {
		c->fd = -1;
		run_fail(c->run, "cannot connect to %s", address);
		return;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	poll_watch(c->run->poll, c->fd, POLLIN, on_ready, c);
}

void
conn_send(struct conn *c, const void *p, size_t n)
{
	if (c->fd < 0)
		return;
	buf_add(&c->out, p, n);
	if (c->out.n > n)
		return;			/* the loop sends it */
	flush(c);
	if (c->out.n > 0)
		poll_watch(c->run->poll, c->fd, POLLIN | POLLOUT, on_ready, c);
}

void
conn_close(struct conn *c)
{
	if (c->fd >= 0)
		hang_up(c);
	buf_free(&c->in);
	buf_free(&c->out);
}
