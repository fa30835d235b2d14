/*
 * actor.h - a player with an IMAP session
 *
 * Logs in as the user of his number, learns what the server can do, sends the
 * workload's set-up commands, and then is on his own: .prepared is called
 * once, and .heard for all that comes from then on.  actor_finish() sends the
 * commands that tidy up, closes, and quits the run.
 */
#ifndef TEST_BENCH_ACTOR_H
#define TEST_BENCH_ACTOR_H

#include "test/bench/imap.h"
#include "test/bench/run.h"
#include "test/bench/workload.h"

struct actor {
	struct player player;		/* first: a player is cast to his actor */
	struct imap imap;
	const struct workload *workload;
	int state;
	unsigned step;			/* in setup or cleanup */
	void (*prepared)(struct actor *);
	void (*heard)(struct actor *, enum imap_event);
};

/* Joins the run and connects. */
void actor_start(struct actor *a, struct run *run, const struct workload *w,
    void (*go)(struct player *));

void actor_finish(struct actor *a);

/* For one that has not finished, too. */
void actor_close(struct actor *a);

/* The command for operation OP, as workload.h says. */
void actor_expand(const struct actor *a, const char *command, uint64_t op, struct buf *out);

/* The messages that %a:%b stands for. */
void actor_window(const struct actor *a, uint64_t op, uint64_t *first, uint64_t *last);

#endif
