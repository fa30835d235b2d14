/*
 * queue.h - those of a service who have logged in and wait for a worker
 *
 * Whoever has come first is handed over first.
 */
#ifndef IMAP_FRONTD_QUEUE_H
#define IMAP_FRONTD_QUEUE_H

#include "imap/frontd/front.h"

/* C waits, behind all others. */
void queue_join(struct conn *c);

/* C does not wait (any more). */
void queue_leave(struct conn *c);

#endif
