/*
 * play_logins.c - players that connect, log in, log out and begin again
 */
#include "test/bench/imap.h"
#include "test/bench/play.h"

#include <stdlib.h>

struct visitor {
	struct player player;
	struct imap imap;
	uint64_t op;
	double began;
	bool logged_in;
};

static void
visit(struct visitor *v)
{
	if (!run_take(v->player.run, &v->op)) {
		run_leave(v->player.run);
		run_quit(v->player.run);
		return;
	}
	v->logged_in = false;
	v->began = run_now();
	imap_open(&v->imap);
}

static void
on_heard(struct imap *c, enum imap_event event)
{
	struct visitor *v = c->ctx;

	if (event == IMAP_GREETED) {
		imap_login(c, (unsigned)(v->op % v->player.run->params->users));
	} else if (event == IMAP_OK && !v->logged_in) {
		v->logged_in = true;
		imap_send_text(c, "LOGOUT");
	} else if (event == IMAP_CLOSED && v->logged_in) {
		run_done(v->player.run, v->began, 1);
		visit(v);
	} else if (event == IMAP_CLOSED || event == IMAP_NO) {
		run_fail(v->player.run, "no login: %s", c->last);
	}
}

static void
on_go(struct player *p)
{
	visit((struct visitor *)p);
}

void
play_logins(struct run *run, const struct workload *w)
{
	unsigned n = run->params->connections;
	struct visitor *visitors = calloc(n, sizeof *visitors);

	(void)w;
	if (visitors == NULL)
		abort();
	for (unsigned i = 0; i < n; i++) {
		run_join(run, &visitors[i].player, on_go);
		imap_init(&visitors[i].imap, run, on_heard, &visitors[i]);
	}
	for (unsigned i = 0; i < n; i++)
		run_ready(run);
	run_play(run);
	for (unsigned i = 0; i < n; i++)
		imap_close(&visitors[i].imap);
	free(visitors);
}
