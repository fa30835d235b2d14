/*
 * dialogues.h - the dialogues that one authd holds
 *
 * Each is a socket to frontd and a struct login.  When there are as many as
 * may be, or the process has had its number of logins, no more are taken, and
 * when the last of them is over the loop is stopped.
 */
#ifndef IMAP_AUTHD_DIALOGUES_H
#define IMAP_AUTHD_DIALOGUES_H

#include "imap/server/server.h"
#include "lib/poll.h"

struct dialogues;

struct dialogues *dialogues_new(struct server *s, const char *sasl_service, struct poll *p);
void dialogues_free(struct dialogues *d);	/* ends them */

/* Takes dialogues from the queue from now on. */
void dialogues_begin(struct dialogues *d);

/* Takes no more, and stops the loop when there are none. */
void dialogues_end(struct dialogues *d);

struct poll *dialogues_poll(const struct dialogues *d);

#endif
