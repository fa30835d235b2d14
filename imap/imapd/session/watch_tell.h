/*
 * watch_tell.h - what is told of mailboxes that are watched: LIST, STATUS, METADATA
 * responses (RFC 5465 section 5)
 */
#ifndef IMAP_IMAPD_SESSION_WATCH_TELL_H
#define IMAP_IMAPD_SESSION_WATCH_TELL_H

#include "imap/imapd/session/watched.h"

enum tell_flags {
	TELL_GONE = 1,			/* \NonExistent, whatever there is */
	TELL_NO_ACCESS = 2,		/* \NoAccess */
};

/*
 * "* LIST (...) "." NAME", with OLDNAME if OLD.p is not NULL; both internal.  What
 * does not exist for the user is told as \NonExistent.
 */
void watch_tell_name(struct session *s, struct arena *arena, struct str name, unsigned flags,
    struct str old);

/* "* STATUS NAME (...)" with ITEMS, enum status_item. */
void watch_tell_status(struct session *s, const struct watched *w, unsigned items,
    const struct mbox_status *st);

/* "* METADATA NAME entry ...", if there is a difference; NAME "" is the server. */
void watch_tell_notes(struct session *s, struct str name, const struct told_notes *was,
    const struct told_notes *is);

/* "* OK [NOTIFICATIONOVERFLOW]" */
void watch_tell_overflow(struct session *s);

#endif
