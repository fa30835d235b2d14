/*
 * conn.c - see conn.h and front.h
 *
 * Every callback of the loop ends in conn_resume(), which does what the stage
 * allows and then says what to wait for, or in destroy(); after either nobody
 * may touch the connection.  A function that may destroy it says so by its
 * result: false.
 */
#include "imap/frontd/conn.h"
#include "imap/frontd/ask.h"
#include "imap/frontd/count.h"
#include "imap/frontd/hand.h"
#include "imap/frontd/proxy.h"
#include "imap/frontd/shake.h"
#include "imap/frontd/talk.h"
#include "imap/frontd/wire.h"
#include "imap/server/admit.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 8 };			/* of reading before others have their turn */

static struct poll *
loop_of(const struct conn *c)
{
	return c->service->front->poll;
}

static void
set_deadline(struct conn *c)
{
	struct front *f = c->service->front;
	c->deadline = poll_now(f->poll) + LOGIN_SECONDS * INT64_C(1000);
	line_join(&f->early, &c->early, c);
}

/* --- the end --- */

static void
close_fd(struct conn *c, int *fd)
{
	if (*fd < 0)
		return;
	poll_unwatch(loop_of(c), *fd);
	close(*fd);
	*fd = -1;
}

static void
destroy(struct conn *c)
{
	struct front *f = c->service->front;
	if (c->tls != NULL && tls_is_truncated(c->tls))
		log_debug("TLS: [%s] has gone without ending it: mostly a careless client,"
		    " perhaps somebody who cuts connections", c->host.p);
	line_leave(&c->early);
	line_leave(&c->queue);
	poll_cancel(f->poll, c->timer);
	count_drop(c);
	ask_end(c);
	tls_free(c->tls);
	close_fd(c, &c->fd);
	close_fd(c, &c->relay_fd);
	close_fd(c, &c->control_fd);
	close_fd(c, &c->coded_fd);
	close_fd(c, &c->clear_fd);
	door_fini(&c->door);
	buf_wipe(&c->in);
	buf_wipe(&c->out);
	buf_wipe(&c->held);
	buf_wipe(&c->grant);
	buf_free(&c->host);
	buf_free(&c->local);
	buf_free(&c->remote);
	free(c);
	f->count--;
	if (f->ending && f->count == 0)
		poll_stop(f->poll);
}

static void
on_lingered(void *ctx)
{
	struct conn *c = ctx;
	c->timer = NULL;
	destroy(c);
}

/* Closed at once, a connection with unread input would lose our last words. */
static void
linger(struct conn *c)
{
	line_leave(&c->early);
	line_leave(&c->queue);
	ask_end(c);
	wire_end(c);
	poll_cancel(loop_of(c), c->timer);
	c->timer = poll_after(loop_of(c), LINGER_MS, on_lingered, c);
	c->stage = STAGE_LINGER;
	conn_resume(c);
}

/* It says nothing that could be understood, or nothing more. */
static void
lose(struct conn *c, enum err e)
{
	if (e == ERR_SYNTAX)
		linger(c);
	else
		destroy(c);
}

/* --- TLS --- */

static void
on_handshake_late(void *ctx)
{
	struct conn *c = ctx;
	c->timer = NULL;
	shake_missed(c);
	destroy(c);
}

static void
begin_tls(struct conn *c)
{
	ask_end(c);
	shake_begin(c, on_handshake_late);
}

/* False: it is no connection any more. */
static bool
shake_hands(struct conn *c)
{
	enum err e = shake(c);
	if (e == OK)
		talk_begin(c);
	else if (e != ERR_AGAIN)
		destroy(c);
	return e == OK || e == ERR_AGAIN;
}

/* --- may he come? --- */

/* The first step, and again when a worker gives him back. */
static void
counted(struct conn *c, enum limits_verdict verdict)
{
	if (verdict != LIMITS_OK) {
		log_notice("refused connect from [%s]: %s", c->host.p, limits_option(verdict));
		if (c->service->implicit_tls && c->tls == NULL) {
			destroy(c);
			return;
		}
		talk_bye(c, BYE_UNAVAILABLE, limits_why(verdict));
	} else if (c->service->implicit_tls && c->tls == NULL) {
		begin_tls(c);
	} else {
		talk_begin(c);
	}
	conn_resume(c);
}

/* It is known where he comes from. */
static void
arrive(struct conn *c)
{
	struct service *s = c->service;
	if (!admit_welcome(s->admit, c->host.p) || (s->implicit_tls && s->tls == NULL)) {
		destroy(c);
		return;
	}
	admit_keep_alive(s->admit, c->fd);
	c->stage = STAGE_COUNT;
	count_ask(c, counted);
}

/* --- behind a proxy --- */

static void
on_proxy_late(void *ctx)
{
	struct conn *c = ctx;
	c->timer = NULL;
	admit_no_header(c->host.p, ERR_TIMEOUT);
	destroy(c);
}

static void
begin_proxy(struct conn *c)
{
	c->timer = poll_after(loop_of(c), ADMIT_PROXY_MS, on_proxy_late, c);
	conn_resume(c);
}

/* False: it is no connection any more, or has gone on. */
static bool
hear_proxy(struct conn *c)
{
	enum err e = proxy_hear(c);
	if (e == ERR_AGAIN)
		return true;
	poll_cancel(loop_of(c), c->timer);
	c->timer = NULL;
	if (e == OK) {
		arrive(c);
		return false;
	}
	admit_no_header(c->host.p, e);
	lose(c, e);
	return false;
}

/* --- with a worker --- */

/* He is nobody again. */
static void
come_back(struct conn *c)
{
	c->layer = 0;
	c->client_ended = c->worker_ended = c->comes_back = false;
	talk_reset(c);
	door_speak(&c->door, c->language);
	set_deadline(c);
	c->stage = STAGE_COUNT;
	count_ask(c, counted);
}

static void
on_control(void *ctx, int fd, short ready)
{
	struct conn *c = ctx;
	(void)ready;
	enum err e = hand_back(c, &c->language);
	if (e == ERR_AGAIN)
		return;
	if (e == OK) {
		close_fd(c, &c->control_fd);
		if (c->comes_back)
			conn_resume(c);
		else
			come_back(c);
	} else if (c->stage == STAGE_RELAY) {
		/* What it said last is still on its way. */
		poll_unwatch(loop_of(c), fd);
	} else {
		destroy(c);
	}
}

/* He is a worker's now. */
static void
settle(struct conn *c)
{
	line_leave(&c->early);
	talk_reset(c);
	c->stage = c->relay_fd >= 0 ? STAGE_RELAY : STAGE_AWAY;
	if (c->stage == STAGE_AWAY)
		close_fd(c, &c->fd);
	poll_watch(loop_of(c), c->control_fd, POLLIN, on_control, c);
}

/* Hands over those who wait, the first first. */
static void
on_room(void *ctx, int fd, short ready)
{
	struct service *s = ctx;
	(void)ready;
	struct conn *c;
	while ((c = line_first(&s->waiting)) != NULL) {
		enum err e = hand_over(c);
		if (e == ERR_AGAIN)
			return;
		line_leave(&c->queue);
		if (e == OK)
			settle(c);
		else
			talk_bye(c, BYE_UNAVAILABLE, "Server shutting down");
		conn_resume(c);
	}
	poll_unwatch(s->front->poll, fd);
}

static void
go(struct conn *c)
{
	struct service *s = c->service;
	/* The worker counts him, and must not find him there. */
	count_drop(c);
	enum err e = line_first(&s->waiting) != NULL ? ERR_AGAIN : hand_over(c);
	if (e == OK) {
		settle(c);
		return;
	}
	if (e != ERR_AGAIN) {
		talk_bye(c, BYE_UNAVAILABLE, "Server shutting down");
		return;
	}
	line_join(&s->waiting, &c->queue, c);
	c->stage = STAGE_QUEUED;
	poll_watch(s->front->poll, s->queue, POLLOUT, on_room, s);
}

/* --- the loop's events --- */

/* What an administrator would look for if there is no TLS where it should have been. */
static void
look_for_tls(const struct conn *c)
{
	if (c->tls == NULL && c->in.n > 1 && c->in.p[0] == 0x16 && c->in.p[1] == 3)
		log_notice("[%s] has begun TLS at once where it begins without: the client"
		    " needs another port or STARTTLS", c->host.p);
}

/* False: it is no connection any more, or is another's affair now. */
static bool
talk(struct conn *c)
{
	/* What has been read is dealt with: perhaps nothing more comes to wake us. */
	for (int reads = 0;;) {
		talk_feed(c);
		if (c->out.n > 0 && wire_write(c) != OK) {
			destroy(c);
			return false;
		}
		if (c->out.n > 0)
			return true;
		if (c->ends) {
			linger(c);
			return false;
		}
		if (c->starts_tls) {
			begin_tls(c);
			return true;
		}
		if (c->stage != STAGE_TALK)
			return true;
		if (c->in.n > 0)
			continue;
		if (reads++ >= ROUNDS && !wire_has_pending(c))
			return true;
		enum err e = wire_read(c);
		if (e == ERR_AGAIN)
			return true;
		if (e != OK) {
			lose(c, e);
			return false;
		}
		if (!c->spoke)
			look_for_tls(c);
		c->spoke = true;
	}
}

/* Reads what nobody wants to know, to the end. */
static bool
discard(struct conn *c)
{
	for (int i = 0; i < ROUNDS; i++) {
		enum err e = wire_read(c);
		buf_wipe(&c->in);
		if (e == ERR_AGAIN)
			return true;
		if (e != OK) {
			destroy(c);
			return false;
		}
	}
	return true;
}

static void
on_event(void *ctx, int fd, short ready)
{
	struct conn *c = ctx;
	(void)fd, (void)ready;
	conn_resume(c);
}

static void
wait_for(struct conn *c, int fd, short events)
{
	if (events != 0)
		poll_watch(loop_of(c), fd, events, on_event, c);
	else
		poll_unwatch(loop_of(c), fd);
}

/* False: destroyed. */
static bool
step(struct conn *c)
{
	switch (c->stage) {
	case STAGE_PROXY:
		return hear_proxy(c);
	case STAGE_HANDSHAKE:
		return shake_hands(c) && (c->stage == STAGE_HANDSHAKE || step(c));
	case STAGE_TALK:
		return talk(c) && (c->stage != STAGE_HANDSHAKE || step(c));
	case STAGE_LINGER:
		return discard(c);
	case STAGE_RELAY:
		if (relay(c) == OK)
			return true;
		if (!c->worker_ended) {
			destroy(c);
			return false;
		}
		close_fd(c, &c->relay_fd);
		close_fd(c, &c->control_fd);
		if (c->comes_back) {
			come_back(c);
			return false;
		}
		linger(c);
		return false;
	case STAGE_GRANTED:
		go(c);
		return step(c);
	case STAGE_COUNT:
	case STAGE_OFFER:
	case STAGE_ASK:
	case STAGE_PAUSE:
	case STAGE_QUEUED:
	case STAGE_AWAY:
		break;
	}
	return true;
}

void
conn_resume(struct conn *c)
{
	short client = 0, worker = 0;
	if (!step(c))
		return;
	if (c->stage == STAGE_RELAY) {
		relay_events(c, &client, &worker);
		wait_for(c, c->relay_fd, worker);
	} else if (c->stage == STAGE_HANDSHAKE) {
		client = c->tls_read;
	} else {
		client = wire_events(c, (c->stage == STAGE_TALK && c->out.n == 0)
		    || c->stage == STAGE_LINGER || c->stage == STAGE_PROXY);
	}
	if (c->fd >= 0)
		wait_for(c, c->fd, client);
}

void
conn_begin(struct service *s, int fd)
{
	struct conn *c = mem_get(sizeof(*c));
	struct arrival from;
	admit_look(fd, &from);
	*c = (struct conn){
		.service = s, .fd = fd, .auth_fd = -1, .relay_fd = -1, .control_fd = -1,
		.coded_fd = -1, .clear_fd = -1,
		.in = BUF_INIT, .out = BUF_INIT, .host = from.host,
		.local = from.local_ip_port, .remote = from.remote_ip_port,
		.is_local = from.is_local, .grant = BUF_INIT, .held = BUF_INIT,
		.stage = s->proxied ? STAGE_PROXY : STAGE_COUNT,
	};
	door_init(&c->door, s->protocol, s->conf, c->host.p);
	s->front->count++;
	set_deadline(c);
	if (!s->proxied)
		arrive(c);
	else if (admit_believes(s->admit, c->host.p))
		begin_proxy(c);
	else
		destroy(c);
}

void
conn_expire(struct front *f)
{
	struct conn *c;
	while ((c = line_first(&f->early)) != NULL && c->deadline <= poll_now(f->poll)) {
		if (!c->greeted) {
			destroy(c);
			continue;
		}
		door_bye(&c->door, BYE_IDLE, NULL, &c->out);
		(void)!wire_write(c);
		linger(c);
	}
}

void
conn_end_all(struct front *f)
{
	struct conn *c;
	while ((c = line_first(&f->early)) != NULL) {
		if (c->greeted) {
			door_bye(&c->door, BYE_STOPPING, NULL, &c->out);
			(void)!wire_write(c);
			linger(c);
		} else {
			destroy(c);
		}
	}
}
