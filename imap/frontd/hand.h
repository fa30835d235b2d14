/*
 * hand.h - a connection whose user is known goes to a worker
 *
 * Plain: the worker gets the client's own socket, and we only learn over the
 * control pair when the session is over.  TLS: it gets one end of a pair, and
 * bytes go to and fro here.  Either comes back if the worker says so.
 */
#ifndef IMAP_FRONTD_HAND_H
#define IMAP_FRONTD_HAND_H

#include "imap/frontd/front.h"
#include "lib/err.h"

/*
 * Hands C over with c->grant.  OK: it is AWAY or is to be RELAYed: relay_fd and
 * control_fd are there, and for the caller to watch.  ERR_AGAIN: the queue is
 * full; ERR_CLOSED: nobody takes from it any more; ERR_IO, ERR_LIMIT, ERR_SYNTAX.
 */
enum err hand_over(struct conn *c) MUST_CHECK;

/*
 * The control pair is readable.  OK: the connection is ours again, and what the
 * client had said is in c->in, *language chosen, or with c->comes_back will be
 * when the relay ends; ERR_AGAIN: nothing yet;
 * ERR_CLOSED: the session is over.
 */
enum err hand_back(struct conn *c, enum language *language) MUST_CHECK;

/*
 * Moves what can be moved between client and worker.  OK: go on when
 * relay_events() come; ERR_CLOSED: all is done or lost, close the connection.
 */
enum err relay(struct conn *c) MUST_CHECK;

/* What to wait for at both ends. */
void relay_events(const struct conn *c, short *client, short *worker);

#endif
