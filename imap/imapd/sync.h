/*
 * sync.h - telling the client what has changed in the selected mailbox
 *
 * Untagged EXPUNGE, EXISTS, RECENT and FETCH responses from mbox_refresh(),
 * sent when RFC 3501 section 7.4.1 allows; and flags in IMAP's words.
 */
#ifndef IMAP_IMAPD_SYNC_H
#define IMAP_IMAPD_SYNC_H

#include "imap/imapd/session.h"

/*
 * Refreshes the selected mailbox and sends what others changed.  Without
 * EXPUNGES messages keep their numbers.  WITH_UID: FETCH responses carry the
 * UID (after UID commands).  ERR_STALE: the mailbox is gone; BYE was sent and
 * the session is in STATE_LOGOUT.  OK without a selected mailbox.
 */
enum err sync_send(struct session *s, struct arena *arena, bool expunges, bool with_uid) MUST_CHECK;

/* "(\Seen $Forwarded)" of a message of the selected mailbox. */
void sync_put_flags(struct session *s, const struct message *m);

/* "* SEQ FETCH (FLAGS (...) UID n)"; nothing if SEQ is gone. */
void sync_fetch_flags(struct session *s, uint32_t seq, bool with_uid);

/* The system flags that RIGHTS let a user set (RFC 4314 section 4). */
uint32_t sync_settable_flags(rights_t rights);

/* "* FLAGS (...)" and "* OK [PERMANENTFLAGS (...)]". */
void sync_mailbox_flags(struct session *s);

#endif
