/*
 * talk.c - see talk.h
 *
 * authd's answers come as events of the loop; they end in front's resume, as
 * all events do.
 */
#include "imap/frontd/talk.h"
#include "imap/frontd/ask.h"
#include "imap/frontd/notice.h"

static void answered(void *ctx, int fd, short ready);

void
talk_reset(struct conn *c)
{
	door_fini(&c->door);
	door_init(&c->door, c->service->protocol, c->service->conf, c->host.p);
}

/* --- what the protocol's machine wants --- */

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

void
talk_bye(struct conn *c, enum door_bye why, const char *text)
{
	door_bye(&c->door, why, text, &c->out);
	act(c, DOOR_END);
}

/* Nobody can be asked. */
static void
turn_away(struct conn *c)
{
	talk_bye(c, BYE_UNAVAILABLE, "Nobody can log in now; try again later");
}

/* An administrator's word to all (msg/shutdown). */
static bool
is_shut_down(struct conn *c)
{
	const char *text = notice_of_shutdown(c->service, poll_now(c->service->front->poll),
	    !c->greeted);
	if (text == NULL)
		return false;
	talk_bye(c, BYE_NOTICE, text);
	return true;
}

void
talk_feed(struct conn *c)
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

void
talk_begin(struct conn *c)
{
	const struct offer *o = offer_find(c);
	c->stage = STAGE_OFFER;
	if (o != NULL)
		open_door(c, o, NULL);
	else if (ask(c, &c->service->question, answered) != OK)
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
		c->stage = STAGE_GRANTED;
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
	c->service->front->resume(c);
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
		c->timer = poll_after(c->service->front->poll, (int64_t)a->pause_ms + 1, on_paused, c);
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
	c->service->front->resume(c);
}
