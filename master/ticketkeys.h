/*
 * ticketkeys.h - master makes the keys of TLS session tickets (lib/tickets.h)
 *
 * It lives longest and parses nothing that a client sends; all its workers get
 * the same keys, to read.  A new image of master (SIGUSR2) goes on with them.
 */
#ifndef MASTER_TICKETKEYS_H
#define MASTER_TICKETKEYS_H

#include "lib/conf.h"
#include "lib/poll.h"

struct ticketkeys;

/* NULL: tls_session_timeout is 0, or there is no memory for it (logged). */
struct ticketkeys *ticketkeys_new(struct poll *poll, const struct conf *conf);
void ticketkeys_free(struct ticketkeys *k);	/* NULL is allowed */

/* For children, as SVC_TICKETS_FD; -1: none. */
int ticketkeys_fd(const struct ticketkeys *k);

/* Right before exec of the next image of master: lets it find them. */
void ticketkeys_hand_over(const struct ticketkeys *k);

#endif
