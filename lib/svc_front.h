/*
 * svc_front.h - what master tells each frontd at its start
 *
 * One message for each service that frontd receives clients for, in the socket
 * at SVC_LISTEN_FD; its end is the end of the list.  Nothing is said later: what
 * changes is told to a new frontd.
 */
#ifndef LIB_SVC_FRONT_H
#define LIB_SVC_FRONT_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

/* Comes with three descriptors, in this order. */
enum { SVC_FRONT_LISTENER, SVC_FRONT_QUEUE, SVC_FRONT_AUTH };

/*
 * Names of what is no service, before all services and with one descriptor: a
 * queue (pass.h) over which one end of a pair is sent, by which limitd is asked
 * then; it needs no path, and outlives limitd.
 */
#define SVC_FRONT_LIMITS	"+limits"

/*
 * keyd is told in the same way, of services without descriptors.  The first
 * message is this one, with the reading end of the queue over which it is sent
 * ends of pairs by those who want signatures (tlskey.h).
 */
#define SVC_FRONT_HOLDER	"+holder"

struct svc_front {
	const char *name;		/* in cyrus.conf */
	const char *cmd;		/* "imapd -s" */
};

enum err svc_front_encode(const struct svc_front *f, struct buf *out) MUST_CHECK;
enum err svc_front_decode(struct str message, struct svc_front *f) MUST_CHECK;

#endif
