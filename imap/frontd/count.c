/*
 * count.c - see count.h
 *
 * Where there is no limit to connections nobody is counted before he has
 * logged in.  Else each stands in one of his service's lines:
 *
 *	unasked		he waits, and limitd has not been asked about him
 *	asked		it has; it answers in the order of the questions
 *	undeclared	he came in while nobody counted, or limitd has restarted since
 *	counted		it knows of him
 *
 * At most COUNT_WINDOW questions are on their way, for which the socket has room;
 * each answer calls for the next.  Who goes before his answer leaves his
 * place in the order of the answers.
 *
 * Who is undeclared is let in already: a verdict against him means only that he
 * is not counted.
 *
 * Invariant: whoever is asked about or counted is so by the limitd at the other end
 * of limits_fd().
 */
#include "imap/frontd/count.h"
#include "imap/server/admit.h"

#include <poll.h>

enum { AGAIN_MS = 1100 };		/* limits.c tries no sooner */

static void on_again(void *ctx);

static struct limits *
limits_of(const struct service *s)
{
	return admit_limits(s->admit);
}

static void
try_again(struct service *s, int64_t ms)
{
	poll_cancel(s->front->poll, s->again);
	s->again = poll_after(s->front->poll, ms, on_again, s);
}

/* --- limitd is not there --- */

static struct conn *
take_asked(struct service *s)
{
	struct conn *c = s->asked[s->first_asked];
	s->first_asked = (s->first_asked + 1) % COUNT_WINDOW;
	s->n_asked--;
	if (c != NULL)
		c->asked = NULL;
	return c;
}

/* What it knew nobody knows any more. */
static void
forget(struct service *s)
{
	struct conn *c;
	while (s->n_asked > 0)
		if ((c = take_asked(s)) != NULL)
			line_join(c->counted != NULL ? &s->unasked : &s->undeclared, &c->count, c);
	while ((c = line_first(&s->counted)) != NULL) {
		line_leave(&c->count);
		line_join(&s->undeclared, &c->count, c);
	}
}

/* Who waits may come. */
static void
lost(struct service *s, int fd)
{
	struct conn *c;
	poll_unwatch(s->front->poll, fd);
	forget(s);
	while ((c = line_first(&s->unasked)) != NULL) {
		counted_fn fn = c->counted;
		line_leave(&c->count);
		line_join(&s->undeclared, &c->count, c);
		c->counted = NULL;
		fn(c, LIMITS_OK);
	}
	if (line_first(&s->undeclared) != NULL && s->again == NULL)
		try_again(s, AGAIN_MS);
}

/* --- questions and answers --- */

static void
take_answer(struct service *s, enum limits_verdict verdict)
{
	struct conn *c = take_asked(s);
	s->heard_at = poll_now(s->front->poll);
	if (c == NULL)
		return;
	counted_fn fn = c->counted;
	c->counted = NULL;
	if (verdict == LIMITS_OK)
		line_join(&s->counted, &c->count, c);
	if (fn != NULL)
		fn(c, verdict);
}

static void pump(struct service *s);

static void
on_answer(void *ctx, int fd, short ready)
{
	struct service *s = ctx;
	enum limits_verdict verdict;
	enum err e;
	(void)ready;
	while ((e = limits_hear(limits_of(s), &verdict)) == OK && s->n_asked > 0)
		take_answer(s, verdict);
	if (e == ERR_CLOSED)
		lost(s, fd);
	else
		pump(s);
}

static void
on_patience(void *ctx)
{
	struct service *s = ctx;
	int fd = limits_fd(limits_of(s));
	s->patience = NULL;
	if (s->n_asked == 0)
		return;
	if (poll_now(s->front->poll) - s->heard_at < LIMITS_PATIENCE_MS) {
		s->patience = poll_after(s->front->poll, LIMITS_PATIENCE_MS, on_patience, s);
		return;
	}
	limits_give_up(limits_of(s));
	lost(s, fd);
}

/* False: nobody can be asked. */
static bool
ask_about(struct service *s, struct conn *c)
{
	struct limits *l = limits_of(s);
	int before = limits_fd(l);
	c->session = (uint32_t)c->fd;
	if (!limits_ask(l, c->host.p, c->session)) {
		lost(s, before);
		return false;
	}
	if (s->n_asked == 0)
		s->heard_at = poll_now(s->front->poll);
	line_leave(&c->count);
	c->asked = &s->asked[(s->first_asked + s->n_asked++) % COUNT_WINDOW];
	*c->asked = c;
	if (limits_fd(l) != before)
		poll_watch(s->front->poll, limits_fd(l), POLLIN, on_answer, s);
	return true;
}

/* Those who wait before those who do not. */
static void
pump(struct service *s)
{
	struct conn *c;
	while (s->n_asked < COUNT_WINDOW
	    && ((c = line_first(&s->unasked)) != NULL
	    || (c = line_first(&s->undeclared)) != NULL))
		if (!ask_about(s, c))
			return;
	if (s->patience == NULL && s->n_asked > 0)
		s->patience = poll_after(s->front->poll, LIMITS_PATIENCE_MS, on_patience, s);
}

static void
on_again(void *ctx)
{
	struct service *s = ctx;
	s->again = NULL;
	if (limits_fd(limits_of(s)) < 0)
		forget(s);
	pump(s);
}

/* --- for connections --- */

void
count_ask(struct conn *c, counted_fn fn)
{
	if (!limits_of_connections(limits_of(c->service))) {
		fn(c, LIMITS_OK);
		return;
	}
	c->counted = fn;
	line_join(&c->service->unasked, &c->count, c);
	pump(c->service);
}

void
count_drop(struct conn *c)
{
	struct service *s = c->service;
	struct limits *l = limits_of(s);
	int before = limits_fd(l);
	if (c->asked != NULL || c->count.line == &s->counted)
		limits_tell_gone(l, c->session);
	/* It has hung up: not now, somebody is in the middle of something. */
	if (limits_fd(l) != before) {
		poll_unwatch(s->front->poll, before);
		try_again(s, 0);
	}
	if (c->asked != NULL)
		*c->asked = NULL;
	c->asked = NULL;
	c->counted = NULL;
	line_leave(&c->count);
}

void
count_end(struct service *s)
{
	poll_cancel(s->front->poll, s->patience);
	poll_cancel(s->front->poll, s->again);
	if (s->admit != NULL)
		poll_unwatch(s->front->poll, limits_fd(limits_of(s)));
}
