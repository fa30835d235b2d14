/*
 * watch_diff.h - what has happened to the names of mailboxes (RFC 5465 sections
 * 5.4, 5.5, 5.9)
 */
#ifndef IMAP_IMAPD_SESSION_WATCH_DIFF_H
#define IMAP_IMAPD_SESSION_WATCH_DIFF_H

#include "imap/imapd/session/watched.h"

/*
 * Tells how IS differs from WAS, and lets it inherit what the client knows of the
 * mailboxes; both are sorted.  WAS is spent.
 */
void watch_diff(struct session *s, struct arena *arena, const struct scope *scope,
    struct watched_list *was, struct watched_list *is);

#endif
