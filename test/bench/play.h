/*
 * play.h - the players of the kinds of workloads
 *
 * Each sets up .connections players for the run, plays it to its end and
 * takes them down.  What came of it is in the run.
 */
#ifndef TEST_BENCH_PLAY_H
#define TEST_BENCH_PLAY_H

#include "test/bench/run.h"
#include "test/bench/workload.h"

void play_commands(struct run *run, const struct workload *w);	/* and appends, fill */
void play_logins(struct run *run, const struct workload *w);
void play_deliveries(struct run *run, const struct workload *w);
void play_notices(struct run *run, const struct workload *w);
void play_pop(struct run *run, const struct workload *w);
void play_idlers(struct run *run, const struct workload *w);

#endif
