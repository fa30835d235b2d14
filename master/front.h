/*
 * front.h - services whose clients are received by frontd
 *
 * With the option frontd, a service of SERVICES whose program is one of those
 * that can begin with a user who is known (imapd, pop3d) does not listen: its
 * workers wait at a queue (lib/pass.h), and two more kinds of service stand
 * behind it, which are not in cyrus.conf:
 *
 *	AUTH	one for each such service: authd, at a queue of its own
 *	FRONT	one in all: frontd, with the listeners of all of them
 *
 * Their processes are workers like others, with master's books, back-off,
 * reloads and all.  Frontds are told of the listeners when they start, so when
 * these change new ones are started and the old ones let go.
 */
#ifndef MASTER_FRONT_H
#define MASTER_FRONT_H

#include "master/service_in.h"

/* The key of grants, and FRONT; once, if the option is on.  Ends the process if it cannot. */
void front_begin(struct services *all);

/* Is that program's service to be fronted? */
bool front_fits(const struct services *all, const char *cmd);

/*
 * S has a listener from now on: makes or takes over its queues and its AUTH.
 * False: it cannot (logged).
 */
bool front_open(struct service *s);

/* What follows from S's parameters for its AUTH. */
void front_set_params(struct service *s);

/* Lets go of S's listener and queues. */
void front_close(struct service *s);

/* The listeners are others than frontds were told: starts new ones. */
void front_refresh(struct services *all);

/* For an upgrade: all descriptors but the listener. */
void front_hand_over(const struct service *s, service_socket_fn each, void *ctx);

#endif
