/*
 * talk.h - between a client's bytes, the protocol's machine and authd
 *
 * From the first question, what may be offered, to the grant: the stages OFFER,
 * TALK, ASK and PAUSE.  Nothing here reads or writes, or ends a connection:
 * whoever called looks at the stage, c->out, c->ends and c->starts_tls.
 */
#ifndef IMAP_FRONTD_TALK_H
#define IMAP_FRONTD_TALK_H

#include "imap/frontd/front.h"

/* Before the greeting, and when TLS is there. */
void talk_begin(struct conn *c);

/* The machine is as new: when C begins, and when it belongs to a worker. */
void talk_reset(struct conn *c);

/* Works off what has come, as long as what was said can be sent. */
void talk_feed(struct conn *c);

/* The last words.  TEXT: see door.h. */
void talk_bye(struct conn *c, enum door_bye why, const char *text);

#endif
