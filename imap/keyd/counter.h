/*
 * counter.h - where keyd is asked: the ends of pairs, one for each asker
 *
 * An asker is a process of ours that does TLS.  It has come over master's queue and
 * stays until either ends.  Each gets one answer at a time, and then the next: who
 * asks much waits for himself only.
 */
#ifndef IMAP_KEYD_COUNTER_H
#define IMAP_KEYD_COUNTER_H

#include "lib/poll.h"
#include "lib/tlskey.h"

struct counter;

/* EMPTY is called when the last asker has gone. */
struct counter *counter_open(struct poll *poll, const struct tlskey_stand *stand, int queue,
    void (*empty)(void *ctx), void *ctx);

/* Takes no askers any more. */
void counter_shut(struct counter *c);

bool counter_is_empty(const struct counter *c);

/* How many answers there have been. */
uint64_t counter_served(const struct counter *c);

void counter_close(struct counter *c);

#endif
