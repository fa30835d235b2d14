/*
 * sync.h - telling the client what has changed in the selected mailbox
 *
 * Untagged EXPUNGE, EXISTS, RECENT and FETCH responses from mbox_refresh(),
 * sent when RFC 3501 section 7.4.1 allows; and flags in IMAP's words.
 */
#ifndef IMAP_IMAPD_SESSION_SYNC_H
#define IMAP_IMAPD_SESSION_SYNC_H

#include "imap/imapd/message/fetch.h"
#include "imap/imapd/session/session.h"

/*
 * Learns what the list of mailboxes says of the selected mailbox by now: how it
 * is called, and what the user may do in it, of which FLAGS tells if that is not
 * what it was.  False: it was deleted.  True without a selected mailbox.
 */
bool sync_follow(struct session *s);

/*
 * Refreshes the selected mailbox and sends what others changed.  Without
 * EXPUNGES messages keep their numbers.  WITH_UID: FETCH responses carry the
 * UID (after UID commands).  ERR_STALE: the mailbox is gone, or kept for a while
 * under another name; BYE was sent and the session is in STATE_LOGOUT.  OK without a
 * selected mailbox, and if NOTIFY has asked for none of its events: then the client's
 * view stays as it is.
 */
enum err sync_send(struct session *s, struct arena *arena, bool expunges, bool with_uid) MUST_CHECK;

/* The same while no command runs, for NOTIFY; silent if there is nothing new. */
enum err sync_news(struct session *s, struct arena *arena, bool expunges) MUST_CHECK;

/* All there is, whatever NOTIFY has asked for: as NOOP would tell without it. */
enum err sync_all(struct session *s, struct arena *arena) MUST_CHECK;

/* "(\Seen $Forwarded)" of a message of the selected mailbox. */
void sync_put_flags(struct session *s, const struct message *m);

/* In UIDONLY "* UID UIDFETCH (...)"; else "* SEQ FETCH (FLAGS (...) UID n MODSEQ (m))"; nothing if SEQ is gone. */
void sync_fetch_flags(struct session *s, uint32_t seq, bool with_uid);

/* A writer of FETCH responses in the style that ENABLE asked for. */
struct fetch_writer *sync_writer(struct session *s);

/* What the first command that is about modseqs turns on (RFC 7162 section 3.1). */
void sync_enable_condstore(struct session *s);

/* "* OK [HIGHESTMODSEQ n]" of the selected mailbox, if there is one. */
void sync_highest_modseq(struct session *s);

/*
 * At the end of a command that has expunged: tells of it, and for QRESYNC, or
 * ALWAYS, puts HIGHESTMODSEQ into the tagged OK (RFC 7162 section 3.2.7).  If it
 * cannot be told the loop tries once more.
 */
void sync_expunged(struct session *s, struct command *c, bool always);

/* The system flags that RIGHTS let a user set (RFC 4314 section 4). */
uint32_t sync_settable_flags(rights_t rights);

/* "* FLAGS (...)" and "* OK [PERMANENTFLAGS (...)]". */
void sync_mailbox_flags(struct session *s);

#endif
