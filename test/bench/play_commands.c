/*
 * play_commands.c - players that send one command after the other
 *
 * An answer counts only if it is complete: so many FETCH responses as there
 * are messages, and so on.  A server that leaves something out would be fast.
 */
#include "test/bench/actor.h"
#include "test/bench/mail.h"
#include "test/bench/play.h"

#include <stdlib.h>

struct sender {
	struct actor actor;		/* first: an actor is cast to his sender */
	const struct mail *mail;	/* for appends */
	struct buf message, command;
	uint64_t op, exists;		/* when the command was sent */
	double began;
	bool is_first;			/* the workload's .first is under way */
};

static bool
appends(const struct sender *s)
{
	return s->actor.workload->kind != COMMANDS;
}

/* What is measured; with a .first the clock runs already. */
static void
send_measured(struct sender *s)
{
	struct actor *a = &s->actor;

	buf_reset(&s->command);
	actor_expand(a, a->workload->measured, s->op, &s->command);
	if (appends(s)) {
		buf_reset(&s->message);
		mail_write(s->mail, s->op, &s->message);
		if (a->workload->kind == FILL)
			mail_write_args(s->op, &s->command);
	}
	s->exists = a->imap.exists;
	if (a->workload->first == NULL)
		s->began = run_now();
	if (appends(s))
		imap_append(&a->imap, buf_str(&s->command), buf_str(&s->message));
	else
		imap_send(&a->imap, buf_str(&s->command));
}

static void
send_next(struct sender *s)
{
	struct actor *a = &s->actor;

	if (!run_take(a->player.run, &s->op)) {
		run_leave(a->player.run);
		actor_finish(a);
		return;
	}
	s->is_first = a->workload->first != NULL;
	if (!s->is_first) {
		send_measured(s);
		return;
	}
	buf_reset(&s->command);
	actor_expand(a, a->workload->first, s->op, &s->command);
	s->began = run_now();
	imap_send(&a->imap, buf_str(&s->command));
}

/* What the answer is worth; EXPECTED and FOUND differ if it is incomplete. */
static uint64_t
units(const struct sender *s, uint64_t *expected, uint64_t *found)
{
	const struct imap_tally *t = &s->actor.imap.tally;
	uint64_t first, last;

	actor_window(&s->actor, s->op, &first, &last);
	*expected = *found = 0;
	switch (s->actor.workload->unit) {
	case ALL_FETCHED:
		*expected = s->exists;
		*found = t->fetches;
		return s->exists;
	case WINDOW_FETCHED:
		*expected = last - first + 1;
		*found = t->fetches;
		return *found;
	case ONE_FETCHED:
		*expected = 1;
		*found = t->fetches;
		return 1;
	case TEN_FETCHED:
		*expected = 10;
		*found = t->fetches;
		return 1;
	case WINDOW_STATUSES:
		*expected = s->actor.workload->window;
		*found = t->statuses;
		return 1;
	case WINDOW_EXPUNGED:
		*expected = s->actor.workload->window;
		*found = t->expunges;
		return *found;
	case ALL_EXPUNGED:
		*expected = s->exists;
		*found = t->expunges;
		return *found;
	case WINDOW:
		return last - first + 1;
	case OPERATIONS:
	case HITS:
		return 1;
	}
	return 0;
}

static void
on_heard(struct actor *a, enum imap_event event)
{
	struct sender *s = (struct sender *)a;
	uint64_t expected, found;

	if (event == IMAP_PLUS && appends(s)) {
		imap_send_raw(&a->imap, buf_str(&s->message));
		imap_send_raw(&a->imap, STR("\r\n"));
		return;
	}
	if (event != IMAP_OK)
		return;
	if (s->is_first) {
		s->is_first = false;
		send_measured(s);
		return;
	}
	uint64_t n = units(s, &expected, &found);
	if (expected != found) {
		run_fail(a->player.run, "%ju of %ju responses to %.*s", (uintmax_t)found,
		    (uintmax_t)expected, STR_ARG(buf_str(&s->command)));
		return;
	}
	if (a->workload->unit == HITS)
		run_found(a->player.run, a->imap.tally.hits);
	run_done(a->player.run, s->began, n);
	send_next(s);
}

static void
on_prepared(struct actor *a)
{
	run_ready(a->player.run);
}

static void
on_go(struct player *p)
{
	send_next((struct sender *)p);
}

void
play_commands(struct run *run, const struct workload *w)
{
	unsigned n = run->params->connections;
	struct sender *senders = calloc(n, sizeof *senders);
	struct mail mail;

	if (senders == NULL)
		abort();
	mail_init(&mail, run->params->stamp);
	for (unsigned i = 0; i < n; i++) {
		struct sender *s = &senders[i];
		buf_init(&s->message);
		buf_init(&s->command);
		s->mail = &mail;
		s->actor.prepared = on_prepared;
		s->actor.heard = on_heard;
		actor_start(&s->actor, run, w, on_go);
	}
	run_play(run);
	for (unsigned i = 0; i < n; i++) {
		actor_close(&senders[i].actor);
		buf_free(&senders[i].message);
		buf_free(&senders[i].command);
	}
	mail_free(&mail);
	free(senders);
}
