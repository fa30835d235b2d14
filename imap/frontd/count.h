/*
 * count.h - asks limitd whether a connection may be served
 *
 * A connection is counted here until a worker has it, which counts it itself.
 * Where limitd does not answer within LIMITS_PATIENCE_MS, or is not there,
 * everybody may come (imap/server/limits.h); when it is back it is told of all who
 * have.
 */
#ifndef IMAP_FRONTD_COUNT_H
#define IMAP_FRONTD_COUNT_H

#include "imap/frontd/front.h"
#include "imap/server/limits.h"

/* LIMITS_OK: he may come; else he is to be sent away. */
typedef void (*counted_fn)(struct conn *c, enum limits_verdict verdict);

/* Calls FN from the loop, or at once if nobody counts; he is counted until count_drop(). */
void count_ask(struct conn *c, counted_fn fn);

/* It is not ours to count any more, or has gone, perhaps before FN was called. */
void count_drop(struct conn *c);

/* At the end of a service, which has no connections any more. */
void count_end(struct service *s);

#endif
