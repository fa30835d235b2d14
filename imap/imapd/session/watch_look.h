/*
 * watch_look.h - looking at a mailbox that is watched (RFC 5465 section 5)
 *
 * What is there is compared with what the client knows (struct watched); the
 * difference is told, and known from then on.
 */
#ifndef IMAP_IMAPD_SESSION_WATCH_LOOK_H
#define IMAP_IMAPD_SESSION_WATCH_LOOK_H

#include "imap/imapd/session/watched.h"

/* Is there anything to be told of it but its name? */
bool watch_has_news(const struct watched *w);

/* False: it is not as the list has it, and stays to be looked at. */
bool watch_look(struct session *s, struct arena *arena, struct watched *w);

/*
 * For NOTIFY SET: what there is now is known; STATUS: and told, if that is asked
 * for.  Tells that it may not be read.
 */
void watch_look_first(struct session *s, struct arena *arena, struct watched *w, bool status);

/* What the client has just made is empty, and it knows. */
void watch_look_if_empty(struct session *s, struct watched *w);

/* The server's annotations; KNOWN is what the client knows of them. */
void watch_look_at_server(struct session *s, struct told_notes *known, bool tell);

#endif
