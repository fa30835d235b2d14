/*
 * shake.h - a connection's TLS handshake
 */
#ifndef IMAP_FRONTD_SHAKE_H
#define IMAP_FRONTD_SHAKE_H

#include "imap/frontd/front.h"
#include "lib/err.h"

/*
 * TLS begins, and what was sent in the clear is forgotten.  LATE is called if it
 * takes too long.
 */
void shake_begin(struct conn *c, poll_timer_fn late);

/* One step.  OK: it is done (logged); ERR_AGAIN; else it has failed (logged). */
enum err shake(struct conn *c) MUST_CHECK;

/* It was too late: says so. */
void shake_missed(const struct conn *c);

#endif
