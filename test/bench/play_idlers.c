/*
 * play_idlers.c - sessions that do nothing but use memory
 *
 * The server's memory is taken before the first session connects and a while
 * after the last has gone idle.
 */
#include "test/bench/actor.h"
#include "test/bench/play.h"
#include "test/bench/proc.h"

#include <stdlib.h>

enum { SETTLE_MS = 1500 };

static void
on_heard(struct actor *a, enum imap_event event)
{
	if (event == IMAP_PLUS)
		run_ready(a->player.run);
}

static void
on_prepared(struct actor *a)
{
	imap_send_text(&a->imap, "IDLE");
}

static void
measure(void *ctx)
{
	struct run *run = ctx;

	run->pss_after = proc_pss(run->params->pid, &run->processes);
	for (unsigned i = 0; i < run->players; i++) {
		run_done(run, run->began, 1);
		run_leave(run);
		run_quit(run);
	}
}

static void
on_go(struct player *p)
{
	if (p->number == 0)
		poll_after(p->run->poll, SETTLE_MS, measure, p->run);
}

void
play_idlers(struct run *run, const struct workload *w)
{
	unsigned n = run->params->connections;
	struct actor *actors = calloc(n, sizeof *actors);

	if (actors == NULL)
		abort();
	run->pss_before = proc_pss(run->params->pid, &run->processes);
	for (unsigned i = 0; i < n; i++) {
		actors[i].prepared = on_prepared;
		actors[i].heard = on_heard;
		actor_start(&actors[i], run, w, on_go);
	}
	run_play(run);
	for (unsigned i = 0; i < n; i++)
		actor_close(&actors[i]);
	free(actors);
}
