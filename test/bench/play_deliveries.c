/*
 * play_deliveries.c - players that deliver over LMTP, as a relay does
 */
#include "test/bench/lmtp.h"
#include "test/bench/mail.h"
#include "test/bench/play.h"

#include <stdlib.h>

struct courier {
	struct player player;
	struct lmtp lmtp;
	const struct mail *mail;
	struct buf message;
	double began;
};

static void
deliver_next(struct courier *c)
{
	const struct params *p = c->player.run->params;
	uint64_t op;

	if (!run_take(c->player.run, &op)) {
		run_leave(c->player.run);
		lmtp_close(&c->lmtp);
		run_quit(c->player.run);
		return;
	}
	buf_reset(&c->message);
	mail_write(c->mail, op, &c->message);
	c->began = run_now();
	lmtp_deliver(&c->lmtp, buf_str(&c->message), op * p->recipients, p->recipients);
}

static void
on_heard(struct lmtp *l, enum lmtp_event event)
{
	struct courier *c = l->ctx;

	switch (event) {
	case LMTP_READY:
		run_ready(c->player.run);
		break;
	case LMTP_DELIVERED:
		run_done(c->player.run, c->began, c->player.run->params->recipients);
		deliver_next(c);
		break;
	case LMTP_SENT:
		break;
	}
}

static void
on_go(struct player *p)
{
	deliver_next((struct courier *)p);
}

void
play_deliveries(struct run *run, const struct workload *w)
{
	unsigned n = run->params->connections;
	struct courier *couriers = calloc(n, sizeof *couriers);
	struct mail mail;

	(void)w;
	if (couriers == NULL)
		abort();
	mail_init(&mail, run->params->stamp);
	for (unsigned i = 0; i < n; i++) {
		struct courier *c = &couriers[i];
		run_join(run, &c->player, on_go);
		c->mail = &mail;
		buf_init(&c->message);
		lmtp_init(&c->lmtp, run, on_heard, c);
		lmtp_open(&c->lmtp);
	}
	run_play(run);
	for (unsigned i = 0; i < n; i++) {
		lmtp_close(&couriers[i].lmtp);
		buf_free(&couriers[i].message);
	}
	mail_free(&mail);
	free(couriers);
}
