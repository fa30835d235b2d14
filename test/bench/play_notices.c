/*
 * play_notices.c - players that deliver to themselves and wait for the news
 *
 * The clock of an operation starts when the final dot has been sent and stops
 * when the idling session is told EXISTS; the next message goes out when the
 * delivery has been acknowledged too.
 */
#include "test/bench/actor.h"
#include "test/bench/lmtp.h"
#include "test/bench/mail.h"
#include "test/bench/play.h"

#include <stdlib.h>

struct watcher {
	struct actor actor;
	struct lmtp lmtp;
	const struct mail *mail;
	struct buf message;
	double sent;
	bool idling, can_deliver, noticed, delivered;
};

static void
deliver_next(struct watcher *w)
{
	struct run *run = w->actor.player.run;
	uint64_t op;

	if (!run_take(run, &op)) {
		run_leave(run);
		run_quit(run);
		return;
	}
	w->noticed = w->delivered = false;
	buf_reset(&w->message);
	mail_write(w->mail, op, &w->message);
	lmtp_deliver(&w->lmtp, buf_str(&w->message), w->actor.player.number, 1);
}

static void
on_lmtp(struct lmtp *l, enum lmtp_event event)
{
	struct watcher *w = l->ctx;

	switch (event) {
	case LMTP_READY:
		w->can_deliver = true;
		if (w->idling)
			run_ready(w->actor.player.run);
		break;
	case LMTP_SENT:
		w->sent = run_now();
		break;
	case LMTP_DELIVERED:
		w->delivered = true;
		if (w->noticed)
			deliver_next(w);
		break;
	}
}

static void
on_heard(struct actor *a, enum imap_event event)
{
	struct watcher *w = (struct watcher *)a;

	if (event == IMAP_PLUS) {
		w->idling = true;
		if (w->can_deliver)
			run_ready(a->player.run);
	} else if (event == IMAP_EXISTS && w->sent > 0 && !w->noticed) {
		w->noticed = true;
		run_done(a->player.run, w->sent, 1);
		if (w->delivered)
			deliver_next(w);
	}
}

static void
on_prepared(struct actor *a)
{
	imap_send_text(&a->imap, "IDLE");
}

static void
on_go(struct player *p)
{
	deliver_next((struct watcher *)p);
}

void
play_notices(struct run *run, const struct workload *workload)
{
	unsigned n = run->params->connections;
	struct watcher *watchers = calloc(n, sizeof *watchers);
	struct mail mail;

	if (watchers == NULL)
		abort();
	mail_init(&mail, run->params->stamp);
	for (unsigned i = 0; i < n; i++) {
		struct watcher *w = &watchers[i];
		w->mail = &mail;
		buf_init(&w->message);
		w->actor.prepared = on_prepared;
		w->actor.heard = on_heard;
		actor_start(&w->actor, run, workload, on_go);
		lmtp_init(&w->lmtp, run, on_lmtp, w);
		lmtp_open(&w->lmtp);
	}
	run_play(run);
	for (unsigned i = 0; i < n; i++) {
		actor_close(&watchers[i].actor);
		lmtp_close(&watchers[i].lmtp);
		buf_free(&watchers[i].message);
	}
	mail_free(&mail);
	free(watchers);
}
