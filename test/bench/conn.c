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
#include <openssl/ssl.h>
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
	if (c->ssl != NULL)		/* or its session could not be resumed */
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	c->ssl = NULL;
	close(c->fd);
	c->fd = -1;
	buf_reset(&c->in);
	buf_reset(&c->out);
}

/* As send(2) and recv(2), through TLS if there is any. */
static ssize_t
put(struct conn *c)
{
	size_t n;

	if (c->ssl == NULL)
		return send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
	if (SSL_write_ex(c->ssl, c->out.p, c->out.n, &n) == 1)
		return (ssize_t)n;
	errno = EAGAIN;
	return -1;
}

static ssize_t
get(struct conn *c, char *to)
{
	size_t n;

	if (c->ssl == NULL)
		return recv(c->fd, to, READ_SIZE, 0);
	if (SSL_read_ex(c->ssl, to, READ_SIZE, &n) == 1)
		return (ssize_t)n;
	if (SSL_get_error(c->ssl, 0) != SSL_ERROR_WANT_READ)
		return 0;
	errno = EAGAIN;
	return -1;
}

static void
flush(struct conn *c)
{
	if (c->ssl != NULL && !c->shaken)
		return;
	ssize_t n = put(c);

	if (n > 0)
		buf_consume(&c->out, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		run_fail(c->run, "send: %s", strerror(errno));
}

/* What comes with the greeting, at the latest, is what others can resume. */
static void
note_session(struct conn *c)
{
	if (c->ssl != NULL && c->run->session == NULL
	    && SSL_SESSION_is_resumable(SSL_get_session(c->ssl)) == 1)
		c->run->session = SSL_get1_session(c->ssl);
}

static void
read_some(struct conn *c)
{
	int on = 1;
	ssize_t n = get(c, buf_reserve(&c->in, READ_SIZE));

	if (n > 0) {
		setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
		note_session(c);
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

/* What TLS has decrypted already, poll(2) does not know of. */
static void
read_all(struct conn *c)
{
	do
		read_some(c);
	while (c->fd >= 0 && c->ssl != NULL && c->shaken && SSL_has_pending(c->ssl) == 1
	    && c->run->failure[0] == '\0');
}

static void
shake(struct conn *c)
{
	int rc = SSL_do_handshake(c->ssl);

	if (rc == 1) {
		c->shaken = true;
		c->run->resumed += (uint64_t)SSL_session_reused(c->ssl);
		if (c->out.n > 0)
			flush(c);
	} else if (SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ) {
		run_fail(c->run, "TLS: no handshake");
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
	if ((ready & ~POLLOUT) != 0 && c->ssl != NULL && !c->shaken)
		shake(c);
	else if ((ready & ~POLLOUT) != 0)
		read_all(c);
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

static void
start_tls(struct conn *c)
{
	struct run *run = c->run;

	if (run->tls == NULL)
		run->tls = SSL_CTX_new(TLS_client_method());
	if (run->tls == NULL || (c->ssl = SSL_new(run->tls)) == NULL
	    || SSL_set_fd(c->ssl, c->fd) != 1) {
		run_fail(run, "TLS: OpenSSL does not start");
		return;
	}
	SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE
	    | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_set_connect_state(c->ssl);
	c->shaken = false;
	if (run->params->tls == TLS_RESUMED && run->session != NULL)
		(void)SSL_set_session(c->ssl, run->session);
	shake(c);
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
	if (c->run->params->tls != TLS_NO)
		start_tls(c);
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
