/*
 * ask.c - see ask.h
 *
 * What may be offered depends on the connection's kind only, not on who is at
 * its end, so it is asked once for each kind.
 *
 * The queue of authds holds some hundred who are new; when more come at one
 * moment, the others stand in s->asking until there is room.
 */
#include "imap/frontd/ask.h"
#include "lib/log.h"
#include "lib/pass.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

static struct str
binding(const struct conn *c, enum tls_binding type, struct buf *b)
{
	if (c->tls == NULL || tls_binding(c->tls, type, b) != OK)
		buf_reset(b);
	return (struct str){ b->n > 0 ? b->p : NULL, b->n };
}

/* Whose certificate the client has shown, for EXTERNAL; false: nobody's. */
static bool
external_name(const struct conn *c, struct buf *name)
{
	enum tls_name which = conf_enum(c->service->conf, CONF_TLS_CLIENT_NAME) == 0
	    ? TLS_NAME_COMMON : TLS_NAME_EMAIL;
	return c->tls != NULL && tls_client_name(c->tls, which, 0, name);
}

static enum err
encode_peer(const struct conn *c, struct str first, struct buf *out)
{
	struct buf name = BUF_INIT;
	struct buf exporter = BUF_INIT, unique = BUF_INIT, end_point = BUF_INIT;
	const struct login_peer peer = {
		.host = c->host.p,
		.local_ip_port = c->local.n > 0 ? c->local.p : NULL,
		.remote_ip_port = c->remote.n > 0 ? c->remote.p : NULL,
		.is_local = c->is_local, .outer_ssf = c->service->ssf,
		.tls_version = c->tls != NULL ? tls_version(c->tls) : NULL,
		.tls_bits = c->tls != NULL ? tls_bits(c->tls) : 0,
		.exporter = binding(c, TLS_BINDING_EXPORTER, &exporter),
		.unique = binding(c, TLS_BINDING_UNIQUE, &unique),
		.server_end_point = binding(c, TLS_BINDING_SERVER_END_POINT, &end_point),
		.external_name = external_name(c, &name) ? name.p : NULL,
	};
	enum err e = dialogue_encode_peer(&peer, first, out);
	buf_free(&name);
	buf_free(&exporter);
	buf_free(&unique);
	buf_free(&end_point);
	return e;
}

/* Another one, with what is asked first. */
static enum err
begin(struct conn *c, struct str first)
{
	struct buf message = BUF_INIT;
	int pair[2];
	enum err e = pass_pair(pair);
	if (e != OK)
		return e;
	e = encode_peer(c, first, &message);
	if (e == OK)
		e = pass_send(c->service->auth, buf_str(&message), &pair[1], 1);
	buf_wipe(&message);
	close(pair[1]);
	if (e == OK)
		c->auth_fd = pair[0];
	else
		close(pair[0]);
	return e;
}

/* ERR_AGAIN: there is no room in the queue. */
static enum err
send_question(struct conn *c)
{
	struct buf message = BUF_INIT;
	enum err e = dialogue_encode_ask(c->question, &message);
	if (e == OK && c->auth_fd >= 0)
		e = pass_send(c->auth_fd, buf_str(&message), NULL, 0);
	/* Another authd knows nothing of the steps before. */
	else if (e == OK)
		e = c->question->what != QUESTION_STEP ? begin(c, buf_str(&message)) : ERR_CLOSED;
	buf_wipe(&message);
	if (e == OK) {
		poll_watch(c->service->front->poll, c->auth_fd, POLLIN, c->answered, c);
		return OK;
	}
	if (e == ERR_AGAIN && c->auth_fd < 0)
		return e;
	log_warning("service %s: authd cannot be asked: %s", c->service->name,
	    e == ERR_AGAIN ? "it does not read" : err_text(e));
	ask_end(c);
	return ERR_IO;
}

static void
leave_queue(struct conn *c)
{
	struct service *s = c->service;
	line_leave(&c->asking);
	if (line_first(&s->asking) == NULL)
		poll_unwatch(s->front->poll, s->auth);
}

/* Who came first is asked for first. */
static void
on_room(void *ctx, int fd, short ready)
{
	struct service *s = ctx;
	(void)fd, (void)ready;
	struct conn *c;
	while ((c = line_first(&s->asking)) != NULL) {
		enum err e = send_question(c);
		if (e == ERR_AGAIN)
			return;
		if (e == OK)
			leave_queue(c);
		else
			c->answered(c, -1, 0);	/* ask_answer() says that there is none */
	}
}

static void
enter_queue(struct conn *c)
{
	struct service *s = c->service;
	if (line_first(&s->asking) == NULL)
		poll_watch(s->front->poll, s->auth, POLLOUT, on_room, s);
	line_join(&s->asking, &c->asking, c);
}

enum err
ask(struct conn *c, const struct dialogue_ask *a, poll_fd_fn answered)
{
	c->question = a;
	c->answered = answered;
	bool must_wait = c->auth_fd < 0 && line_first(&c->service->asking) != NULL;
	enum err e = must_wait ? ERR_AGAIN : send_question(c);
	if (e == ERR_AGAIN)
		enter_queue(c);
	return e == ERR_AGAIN ? OK : e;
}

enum err
ask_answer(struct conn *c, struct buf *message, struct dialogue_answer *a)
{
	struct buf *room = &c->service->front->message;
	int fds[PASS_FDS];
	if (c->auth_fd < 0)
		return ERR_CLOSED;
	enum err e = pass_receive(c->auth_fd, room, fds);
	/* The room is for the longest; what is kept is as long as it is. */
	buf_wipe(message);
	buf_add_str(message, buf_str(room));
	explicit_bzero(room->p, room->n);
	buf_reset(room);
	if (e == OK)
		e = dialogue_decode_answer(buf_str(message), a);
	if (e == OK && a->what == ANSWER_GRANTED && a->layer > 0 && fds[1] >= 0) {
		c->layer = (int)a->layer;
		c->coded_fd = fds[0];
		c->clear_fd = fds[1];
		fds[0] = fds[1] = -1;
	}
	pass_close(fds);
	return e == OK || e == ERR_AGAIN ? e : ERR_CLOSED;
}

void
ask_end(struct conn *c)
{
	if (c->asking.line != NULL)
		leave_queue(c);
	if (c->auth_fd < 0)
		return;
	poll_unwatch(c->service->front->poll, c->auth_fd);
	close(c->auth_fd);
	c->auth_fd = -1;
}

static bool
has_name(const struct conn *c)
{
	struct buf name = BUF_INIT;
	bool has = external_name(c, &name);
	buf_free(&name);
	return has;
}

static bool
is_of(const struct offer *o, const struct conn *c)
{
	return o->known && o->is_tls == (c->tls != NULL) && o->is_local == c->is_local
	    && o->bits == (c->tls != NULL ? tls_bits(c->tls) : 0) && o->external == has_name(c);
}

static struct offer *
find(const struct conn *c)
{
	for (int i = 0; i < OFFERS; i++)
		if (is_of(&c->service->offers[i], c))
			return &c->service->offers[i];
	return NULL;
}

const struct offer *
offer_find(const struct conn *c)
{
	const struct offer *o = find(c);
	return o != NULL && o->apop && !c->greeted ? NULL : o;
}

const struct offer *
offer_learn(const struct conn *c, const struct dialogue_answer *a)
{
	struct service *s = c->service;
	struct offer *o = find(c);
	if (o == NULL)
		o = &s->offers[s->next_offer++ % OFFERS];
	buf_free(&o->mechanisms);
	*o = (struct offer){
		.known = true, .external = has_name(c), .is_tls = c->tls != NULL, .is_local = c->is_local,
		.bits = c->tls != NULL ? tls_bits(c->tls) : 0,
		.plaintext = a->plaintext != 0, .apop = a->apop != NULL, .mechanisms = BUF_INIT,
	};
	buf_add_str(&o->mechanisms, a->bytes);
	return o;
}
