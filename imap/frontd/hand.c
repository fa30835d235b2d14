/*
 * hand.c - see hand.h
 *
 * Relaying.  Each direction has a buffer that is filled only when it is empty:
 * who does not read makes the other side wait, and nothing grows.  The end of
 * one direction is passed on when its last byte has been; the connection is
 * over when the worker's has: a client may stop sending and still read.
 */
#include "imap/frontd/hand.h"
#include "imap/frontd/wire.h"
#include "lib/handover.h"
#include "lib/log.h"
#include "lib/pass.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct str
optional(struct str s)
{
	return (struct str){ s.n > 0 ? s.p : NULL, s.n };
}

static enum err
encode(const struct conn *c, struct buf *out)
{
	const struct door_said said = door_said(&c->door);
	const struct handover h = {
		.grant = buf_str(&c->grant), .command = said.command,
		.tag = optional(said.tag), .host = c->host.p,
		.local_ip_port = c->local.n > 0 ? c->local.p : NULL,
		.remote_ip_port = c->remote.n > 0 ? c->remote.p : NULL,
		.is_local = c->is_local,
		.tls_version = c->tls != NULL ? tls_version(c->tls) : NULL,
		.tls_cipher = c->tls != NULL ? tls_cipher(c->tls) : NULL,
		.tls_bits = c->tls != NULL ? (uint64_t)tls_bits(c->tls) : 0,
		.language = said.language != LANGUAGE_DEFAULT
		    ? language_tag(said.language) : NULL,
		.pending = c->layer > 0 ? (struct str){ NULL, 0 } : optional(buf_str(&c->in)),
		.utf8 = said.utf8,
		.mechanisms = optional(said.mechanisms), .plaintext = said.plaintext,
		.layer = (uint64_t)c->layer,
	};
	return handover_encode(&h, out);
}

/* The worker's end of what it is to read and write; FDS[1] is ours, or -1. */
static enum err
open_ends(struct conn *c, int stream[2], int control[2])
{
	stream[0] = c->fd;
	stream[1] = -1;
	enum err e = pass_pair(control);
	if (c->clear_fd >= 0) {
		stream[0] = c->clear_fd;
		stream[1] = c->coded_fd;
	}
	if (e != OK || c->tls == NULL || c->clear_fd >= 0)
		return e;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, stream) == 0)
		return OK;
	log_err("IOERROR: socketpair: %m");
	close(control[0]);
	close(control[1]);
	return ERR_IO;
}

enum err
hand_over(struct conn *c)
{
	struct buf message = BUF_INIT;
	int stream[2], control[2];
	enum err e = open_ends(c, stream, control);
	if (e != OK)
		return e;
	e = encode(c, &message);
	const int fds[] = { stream[0], control[0] };
	if (e == OK)
		e = pass_send(c->service->queue, buf_str(&message), fds, 2);
	close(control[0]);
	/* A layer's ends are there for the next try. */
	bool ours = stream[1] >= 0 && (e == OK || c->layer == 0);
	if (ours)
		close(stream[0]);
	if (e == OK) {
		c->control_fd = control[1];
		c->relay_fd = stream[1];
		c->coded_fd = c->clear_fd = -1;
		/* What he said under the layer goes the way of all that follows. */
		if (c->layer == 0)
			buf_wipe(&c->in);
		buf_wipe(&c->grant);
	} else {
		close(control[1]);
		if (ours)
			close(stream[1]);
	}
	buf_wipe(&message);
	return e;
}

/* All that lies in FD already. */
static void
drain(int fd, struct buf *to)
{
	ssize_t n;
	do {
		n = recv(fd, buf_reserve(to, CHUNK), CHUNK, MSG_DONTWAIT);
		if (n > 0)
			to->n += (size_t)n;
	} while (n > 0);
	to->p[to->n] = '\0';
}

/*
 * In the order in which the client said it: what the worker has read and not
 * used, what lay before the worker, what we have not passed on yet.
 */
static void
take_back(struct conn *c, const struct handover_back *b, int fd)
{
	struct buf said = BUF_INIT;
	/*
	 * Behind the layer's last word begins what is in the clear (RFC 8437); until
	 * the client has it nothing that he says is either.
	 */
	if (c->layer > 0) {
		buf_wipe(&c->in);
		c->client_ended = c->comes_back = true;
		return;
	}
	buf_add_str(&said, b->pending);
	if (c->tls != NULL) {
		drain(fd, &said);
		drain(c->relay_fd, &c->out);
		close(fd);
		poll_unwatch(c->service->front->poll, c->relay_fd);
		close(c->relay_fd);
		c->relay_fd = -1;
	} else {
		c->fd = fd;
	}
	buf_add_str(&said, buf_str(&c->in));
	buf_wipe(&c->in);
	c->in = said;
}

/* A worker asks something of authd: it is sent on as it is, and the answer is not ours. */
static void
send_on(struct conn *c, struct str question, int answer_fd)
{
	enum err e = pass_send(c->service->auth, question, &answer_fd, 1);
	if (e != OK)
		log_warning("service %s: authd cannot be asked: %s", c->service->name, err_text(e));
	close(answer_fd);
}

enum err
hand_back(struct conn *c, enum language *language)
{
	struct buf *message = &c->service->front->message;
	struct handover_back back;
	struct str grant;
	int fds[PASS_FDS];
	enum err e = pass_receive(c->control_fd, message, fds);
	if (e == OK && fds[0] >= 0 && fds[1] < 0
	    && groups_ask_decode(buf_str(message), &grant) == OK) {
		send_on(c, buf_str(message), fds[0]);
		e = ERR_AGAIN;
	}
	if (e == OK && ((fds[0] < 0) != (c->layer > 0) || fds[1] >= 0
	    || handover_back_decode(buf_str(message), &back) != OK)) {
		log_err("[%s] a worker gives back something else than a connection", c->host.p);
		pass_close(fds);
		e = ERR_CLOSED;
	}
	if (e == OK) {
		*language = LANGUAGE_DEFAULT;
		if (back.language != NULL && !language_find(str_c(back.language), language))
			*language = LANGUAGE_DEFAULT;
		take_back(c, &back, fds[0]);
	}
	explicit_bzero(message->p, message->n);
	buf_reset(message);
	return e == OK || e == ERR_AGAIN ? e : ERR_CLOSED;
}

/* --- TLS, layers --- */

/* Is what has just been read the layer's last word?  It says so before that. */
static void
look_for_last_word(struct conn *c)
{
	if (c->layer > 0 && c->control_fd >= 0 && !c->comes_back)
		(void)!hand_back(c, &c->language);
}

/* The worker's words to the client. */
static enum err
relay_out(struct conn *c)
{
	if (c->out.n == 0 && !c->worker_ended) {
		ssize_t n = recv(c->relay_fd, buf_reserve(&c->out, CHUNK), CHUNK, MSG_DONTWAIT);
		if (n > 0)
			c->out.n = (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			c->worker_ended = true;
		look_for_last_word(c);
	}
	if (c->out.n > 0)
		return wire_write(c);
	buf_free(&c->out);
	return OK;
}

/* The client's to the worker; a worker that is gone has no use for them. */
static void
relay_in(struct conn *c)
{
	if (c->in.n == 0 && !c->client_ended) {
		enum err e = wire_read(c);
		if (e != OK && e != ERR_AGAIN) {
			c->client_ended = true;
			(void)shutdown(c->relay_fd, SHUT_WR);
		}
	}
	if (c->in.n == 0)
		return;
	ssize_t n = send(c->relay_fd, c->in.p, c->in.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN)
		n = (ssize_t)c->in.n;
	if (n <= 0)
		return;
	buf_consume(&c->in, (size_t)n);
	if (c->in.n == 0)
		buf_free(&c->in);
}

enum err
relay(struct conn *c)
{
	do {
		enum err e = relay_out(c);
		if (e != OK)
			return e;
		relay_in(c);
	} while (c->in.n == 0 && !c->client_ended && wire_has_pending(c));
	return c->worker_ended && c->out.n == 0 ? ERR_CLOSED : OK;
}

void
relay_events(const struct conn *c, short *client, short *worker)
{
	*client = wire_events(c, c->in.n == 0 && !c->client_ended);
	*worker = (short)((c->out.n == 0 && !c->worker_ended ? POLLIN : 0)
	    | (c->in.n > 0 ? POLLOUT : 0));
}
