/*
 * count.c - see count.h
 *
 * limitd answers in the order of the questions.  Who goes before his answer
 * leaves his place in the line, so that it is not taken for the next one's.
 */
#include "imap/frontd/count.h"
#include "imap/server/admit.h"
#include "lib/mem.h"

#include <poll.h>
#include <stdlib.h>

struct asked {
	struct asked *next;
	struct conn *conn;		/* NULL: gone */
	counted_fn fn;
	int64_t at;
};

static struct limits *
limits_of(const struct service *s)
{
	return admit_limits(s->admit);
}

static void
answer_first(struct service *s, enum limits_verdict verdict)
{
	struct asked *a = s->asked;
	struct conn *c = a->conn;
	counted_fn fn = a->fn;
	s->asked = a->next;
	free(a);
	if (c == NULL)
		return;
	c->asked = NULL;
	c->counted = verdict == LIMITS_OK;
	fn(c, verdict);
}

/* Nobody counts: all who wait may come. */
static void
answer_all(struct service *s)
{
	while (s->asked != NULL)
		answer_first(s, LIMITS_OK);
}

static void
on_answer(void *ctx, int fd, short ready)
{
	struct service *s = ctx;
	enum limits_verdict verdict;
	enum err e;
	(void)ready;
	while ((e = limits_hear(limits_of(s), &verdict)) == OK && s->asked != NULL)
		answer_first(s, verdict);
	if (e != ERR_CLOSED)
		return;
	poll_unwatch(s->front->poll, fd);
	answer_all(s);
}

static void
on_patience(void *ctx)
{
	struct service *s = ctx;
	int64_t now = poll_now(s->front->poll);
	s->patience = NULL;
	if (s->asked == NULL)
		return;
	if (now - s->asked->at < LIMITS_PATIENCE_MS) {
		s->patience = poll_after(s->front->poll, LIMITS_PATIENCE_MS, on_patience, s);
		return;
	}
	poll_unwatch(s->front->poll, limits_fd(limits_of(s)));
	limits_give_up(limits_of(s));
	answer_all(s);
}

void
count_ask(struct conn *c, counted_fn fn)
{
	struct service *s = c->service;
	struct limits *l = limits_of(s);
	int before = limits_fd(l);
	/* Another limitd would not answer what the last one was asked. */
	if (before < 0)
		answer_all(s);
	c->session = (uint32_t)c->fd;
	if (!limits_ask(l, c->host.p, c->session)) {
		poll_unwatch(s->front->poll, before);
		answer_all(s);
		fn(c, LIMITS_OK);
		return;
	}
	struct asked *a = mem_get(sizeof(*a));
	*a = (struct asked){
		.conn = c, .fn = fn, .at = poll_now(s->front->poll),
	};
	c->asked = a;
	*(s->asked != NULL ? s->last_asked : &s->asked) = a;
	s->last_asked = &a->next;
	if (limits_fd(l) != before)
		poll_watch(s->front->poll, limits_fd(l), POLLIN, on_answer, s);
	if (s->patience == NULL)
		s->patience = poll_after(s->front->poll, LIMITS_PATIENCE_MS, on_patience, s);
}

void
count_drop(struct conn *c)
{
	if (c->asked != NULL)
		c->asked->conn = NULL;
	if (c->asked != NULL || c->counted) {
		struct limits *l = limits_of(c->service);
		int before = limits_fd(l);
		limits_tell_gone(l, c->session);
		/* It has hung up; who waits for an answer has patience. */
		if (limits_fd(l) != before)
			poll_unwatch(c->service->front->poll, before);
	}
	c->asked = NULL;
	c->counted = false;
}

void
count_end(struct service *s)
{
	poll_cancel(s->front->poll, s->patience);
	while (s->asked != NULL) {
		struct asked *a = s->asked;
		s->asked = a->next;
		free(a);
	}
	if (s->admit != NULL)
		poll_unwatch(s->front->poll, limits_fd(limits_of(s)));
}
