/*
 * conn.c - see conn.h and front.h
 *
 * Every callback of the loop ends in resume(), which does what the stage
 * allows and then says what to wait for, or in destroy(); after either nobody
 * may touch the connection.  A function that may destroy it says so by its
 * result: false.
 */
#include "imap/frontd/conn.h"
#include "imap/frontd/ask.h"
#include "imap/frontd/count.h"
#include "imap/frontd/hand.h"
#include "imap/frontd/notice.h"
#include "imap/frontd/wire.h"
#include "imap/server/admit.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/net.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 8 };			/* of reading before others have their turn */

static void resume(struct conn *c);
static void counted(struct conn *c, enum limits_verdict verdict);
static void begin_offer(struct conn *c);

static struct poll *
loop_of(const struct conn *c)
{
	return c->service->front->poll;
}

static void
begin_door(struct conn *c)
{
	door_init(&c->door, c->service->protocol, c->service->conf, c->host.p);
}

/* --- those with a deadline --- */

static void
set_deadline(struct conn *c)
{
	struct front *f = c->service->front;
	c->deadline = poll_now(f->poll) + LOGIN_SECONDS * INT64_C(1000);
	c->next = NULL;
	c->at = f->last;
	*f->last = c;
	f->last = &c->next;
}

static void
clear_deadline(struct conn *c)
{
	struct front *f = c->service->front;
	if (c->at == NULL)
		return;
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	else
		f->last = c->at;
	c->at = NULL;
}

/* --- the end --- */

static void
leave_queue(struct conn *c)
{
	for (struct conn **at = &c->service->waiting; *at != NULL; at = &(*at)->queue_next)
		if (*at == c) {
			*at = c->queue_next;
			return;
		}
}

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
	clear_deadline(c);
	if (c->stage == STAGE_QUEUED)
		leave_queue(c);
	poll_cancel(f->poll, c->timer);
	count_drop(c);
	ask_end(c);
	tls_free(c->tls);
	close_fd(c, &c->fd);
	close_fd(c, &c->relay_fd);
	close_fd(c, &c->control_fd);
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
	clear_deadline(c);
	if (c->stage == STAGE_QUEUED)
		leave_queue(c);
	ask_end(c);
	wire_end(c);
	poll_cancel(loop_of(c), c->timer);
	c->timer = poll_after(loop_of(c), LINGER_MS, on_lingered, c);
	c->stage = STAGE_LINGER;
	resume(c);
}

/* --- TLS --- */

static void
on_handshake_late(void *ctx)
{
	struct conn *c = ctx;
	c->timer = NULL;
	log_notice("TLS handshake failed: [%s] it took too long", c->host.p);
	destroy(c);
}

static void
begin_tls(struct conn *c)
{
	c->starts_tls = false;
	ask_end(c);
	/* What was sent in the clear must not be taken for what came through TLS. */
	buf_wipe(&c->in);
	c->tls = tls_new(c->service->tls, c->fd, c->fd);
	c->stage = STAGE_HANDSHAKE;
	c->tls_read = POLLIN;
	c->timer = poll_after(loop_of(c), TLS_HANDSHAKE_SECONDS * INT64_C(1000),
	    on_handshake_late, c);
}

static void
log_tls(const struct conn *c)
{
	struct buf more = BUF_INIT;
	bool known;
	const char *name = tls_server_name(c->tls, &known);
	if (tls_is_resumed(c->tls))
		buf_adds(&more, " reused");
	if (name != NULL && known)
		buf_printf(&more, " name %s", name);
	size_t before = more.n;
	buf_adds(&more, " client ");
	if (!tls_client_name(c->tls, TLS_NAME_EMAIL, 0, &more)
	    && !tls_client_name(c->tls, TLS_NAME_COMMON, 0, &more))
		buf_truncate(&more, before);
	log_info("starttls: %s with cipher %s (%d bits) [%s]%.*s", tls_version(c->tls),
	    tls_cipher(c->tls), tls_bits(c->tls), c->host.p,
	    more.n < 300 ? (int)more.n : 300, more.p);
	buf_free(&more);
}

/* False: it is no connection any more. */
static bool
shake_hands(struct conn *c)
{
	enum err e = tls_handshake(c->tls, &c->tls_read);
	if (e == ERR_AGAIN)
		return true;
	poll_cancel(loop_of(c), c->timer);
	c->timer = NULL;
	if (e != OK) {
		/* A port that is only tried out is nobody's failure. */
		(e == ERR_CLOSED ? log_info : log_notice)("TLS handshake failed: [%s] %s",
		    c->host.p, e == ERR_SYNTAX ? tls_why(c->tls) : err_text(e));
		destroy(c);
		return false;
	}
	c->tls_read = 0;
	log_tls(c);
	begin_offer(c);
	return true;
}

/* --- what the protocol's machine wants --- */

static void answered(void *ctx, int fd, short ready);
static void go(struct conn *c);

static void
act(struct conn *c, enum door_next next)
{
	switch (next) {
	case DOOR_READ:
	case DOOR_NEXT:
		c->stage = STAGE_TALK;
		break;
	case DOOR_TLS:
		c->starts_tls = true;
		break;
	case DOOR_ASK:
		c->stage = STAGE_ASK;
		if (ask(c, door_question(&c->door), answered) != OK)
			act(c, door_unavailable(&c->door, &c->out));
		break;
	case DOOR_END:
		c->stage = STAGE_TALK;
		c->ends = true;
		break;
	}
}

static void
say_bye(struct conn *c, enum door_bye why, const char *text)
{
	door_bye(&c->door, why, text, &c->out);
	act(c, DOOR_END);
}

/* Nobody can be asked. */
static void
turn_away(struct conn *c)
{
	say_bye(c, BYE_UNAVAILABLE, "Nobody can log in now; try again later");
}

/* An administrator's word to all (msg/shutdown). */
static bool
is_shut_down(struct conn *c)
{
	const char *text = notice_of_shutdown(c->service, poll_now(loop_of(c)),
	    !c->greeted);
	if (text == NULL)
		return false;
	say_bye(c, BYE_NOTICE, text);
	return true;
}

/* --- what may be offered --- */

/* APOP: a challenge for him alone, or NULL. */
static void
open_door(struct conn *c, const struct offer *o, const char *apop)
{
	const struct door_facts facts = {
		.mechanisms = buf_str(&o->mechanisms), .plaintext = o->plaintext,
		.is_tls = c->tls != NULL, .apop = str_c(apop != NULL ? apop : ""),
		.may_start_tls = c->tls == NULL && c->service->tls != NULL
		    && conf_switch(c->service->conf, CONF_ALLOWSTARTTLS),
	};
	c->stage = STAGE_TALK;
	door_facts(&c->door, &facts);
	if (c->greeted || is_shut_down(c))
		return;
	c->greeted = true;
	door_greet(&c->door, c->service->hostname.p, &c->out);
}

static void
begin_offer(struct conn *c)
{
	const struct dialogue_ask question = {
		.what = QUESTION_OFFER, .name = door_words(c->service->protocol)->prefix,
	};
	const struct offer *o = offer_find(c);
	c->stage = STAGE_OFFER;
	if (o != NULL)
		open_door(c, o, NULL);
	else if (ask(c, &question, answered) != OK)
		turn_away(c);
}

/* --- authd's answers --- */

static void
conclude(struct conn *c, const struct dialogue_answer *a)
{
	if (a->what == ANSWER_GRANTED) {
		buf_wipe(&c->grant);
		buf_add_str(&c->grant, a->bytes);
		ask_end(c);
		go(c);
		return;
	}
	c->stage = STAGE_TALK;
	act(c, door_answer(&c->door, a, &c->out));
}

static void
on_paused(void *ctx)
{
	struct conn *c = ctx;
	struct dialogue_answer a;
	c->timer = NULL;
	/* It was right when it came. */
	if (dialogue_decode_answer(buf_str(&c->held), &a) == OK)
		conclude(c, &a);
	buf_wipe(&c->held);
	resume(c);
}

static void
take_answer(struct conn *c, const struct dialogue_answer *a)
{
	if (c->stage == STAGE_OFFER) {
		if (a->what == ANSWER_OFFER)
			open_door(c, offer_learn(c, a), a->apop);
		else
			turn_away(c);
		/* Where each is asked about, who only connects must not cost a dialogue. */
		if (a->apop != NULL)
			ask_end(c);
	} else if (a->pause_ms > 0) {
		c->stage = STAGE_PAUSE;
		/* The loop counts whole milliseconds: not one too few. */
		c->timer = poll_after(loop_of(c), (int64_t)a->pause_ms + 1, on_paused, c);
		return;
	} else {
		conclude(c, a);
	}
	buf_wipe(&c->held);
}

/* The dialogue has something for us, or has ended: its authd was killed. */
static void
answered(void *ctx, int fd, short ready)
{
	struct conn *c = ctx;
	struct dialogue_answer a;
	(void)fd, (void)ready;
	bool waits = c->stage == STAGE_ASK || c->stage == STAGE_OFFER;
	if (!waits) {
		ask_end(c);
		return;
	}
	enum err e = ask_answer(c, &c->held, &a);
	if (e == ERR_AGAIN)
		return;
	if (e == OK) {
		take_answer(c, &a);
	} else if (c->stage == STAGE_ASK) {
		ask_end(c);
		act(c, door_unavailable(&c->door, &c->out));
	} else {
		ask_end(c);
		turn_away(c);
	}
	resume(c);
}

/* --- with a worker --- */

static void
on_control(void *ctx, int fd, short ready)
{
	struct conn *c = ctx;
	enum language language;
	(void)ready;
	enum err e = hand_back(c, &language);
	if (e == ERR_AGAIN)
		return;
	if (e == OK) {
		close_fd(c, &c->control_fd);
		begin_door(c);
		door_speak(&c->door, language);
		set_deadline(c);
		c->stage = STAGE_COUNT;
		count_ask(c, counted);
	} else if (c->stage == STAGE_RELAY) {
		/* What it said last is still on its way. */
		poll_unwatch(loop_of(c), fd);
	} else {
		destroy(c);
	}
}

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
		say_bye(c, BYE_UNAVAILABLE, limits_why(verdict));
	} else if (c->service->implicit_tls && c->tls == NULL) {
		begin_tls(c);
	} else {
		begin_offer(c);
	}
	resume(c);
}

/* He is a worker's now. */
static void
settle(struct conn *c)
{
	clear_deadline(c);
	door_fini(&c->door);
	begin_door(c);
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
	while (s->waiting != NULL) {
		struct conn *c = s->waiting;
		enum err e = hand_over(c);
		if (e == ERR_AGAIN)
			return;
		s->waiting = c->queue_next;
		if (e == OK)
			settle(c);
		else
			say_bye(c, BYE_UNAVAILABLE, "Server shutting down");
		resume(c);
	}
	poll_unwatch(s->front->poll, fd);
}

static void
go(struct conn *c)
{
	struct service *s = c->service;
	/* The worker counts him, and must not find him there. */
	count_drop(c);
	enum err e = s->waiting != NULL ? ERR_AGAIN : hand_over(c);
	if (e == OK) {
		settle(c);
		return;
	}
	if (e != ERR_AGAIN) {
		say_bye(c, BYE_UNAVAILABLE, "Server shutting down");
		return;
	}
	struct conn **at = &s->waiting;
	while (*at != NULL)
		at = &(*at)->queue_next;
	c->queue_next = NULL;
	*at = c;
	c->stage = STAGE_QUEUED;
	poll_watch(s->front->poll, s->queue, POLLOUT, on_room, s);
}

/* --- the loop's events --- */

/* Works off what has come, as long as what was said can be sent. */
static void
feed(struct conn *c)
{
	while (c->stage == STAGE_TALK && !c->ends && !c->starts_tls && c->in.n > 0
	    && c->out.n < CHUNK && !is_shut_down(c)) {
		size_t used;
		enum door_next next = door_feed(&c->door, buf_str(&c->in), &used, &c->out);
		buf_consume(&c->in, used);
		act(c, next);
	}
	if (c->in.n == 0)
		buf_wipe(&c->in);
}

/* What an administrator would look for if there is no TLS where it should have been. */
static void
look_for_tls(const struct conn *c)
{
	if (c->tls == NULL && c->in.n > 1 && c->in.p[0] == 0x16 && c->in.p[1] == 3)
		log_notice("[%s] has begun TLS at once where it begins without: the client"
		    " needs another port or STARTTLS", c->host.p);
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

/* False: it is no connection any more, or is another's affair now. */
static bool
talk(struct conn *c)
{
	for (int i = 0; i < ROUNDS || wire_has_pending(c); i++) {
		feed(c);
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
	return true;
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
	resume(c);
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
		linger(c);
		return false;
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

static void
resume(struct conn *c)
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
		    || c->stage == STAGE_LINGER);
	}
	if (c->fd >= 0)
		wait_for(c, c->fd, client);
}

void
conn_begin(struct service *s, int fd)
{
	struct conn *c = mem_get(sizeof(*c));
	*c = (struct conn){
		.service = s, .fd = fd, .auth_fd = -1, .relay_fd = -1, .control_fd = -1,
		.in = BUF_INIT, .out = BUF_INIT, .host = BUF_INIT, .local = BUF_INIT,
		.stage = STAGE_COUNT, .remote = BUF_INIT, .grant = BUF_INIT, .held = BUF_INIT,
		.is_local = net_is_local(fd),
	};
	net_host(fd, true, &c->host);
	(void)net_sasl_address(fd, false, &c->local);
	(void)net_sasl_address(fd, true, &c->remote);
	begin_door(c);
	s->front->count++;
	set_deadline(c);
	if (!admit_welcome(s->admit, c->host.p) || (s->implicit_tls && s->tls == NULL)) {
		destroy(c);
		return;
	}
	admit_keep_alive(s->admit, fd);
	count_ask(c, counted);
}

void
conn_expire(struct front *f)
{
	while (f->first != NULL && f->first->deadline <= poll_now(f->poll)) {
		struct conn *c = f->first;
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
	while (f->first != NULL) {
		struct conn *c = f->first;
		if (c->greeted) {
			door_bye(&c->door, BYE_STOPPING, NULL, &c->out);
			(void)!wire_write(c);
			linger(c);
		} else {
			destroy(c);
		}
	}
}
