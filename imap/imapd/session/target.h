/*
 * target.h - the mailbox that APPEND, COPY and MOVE put messages into
 */
#ifndef IMAP_IMAPD_SESSION_TARGET_H
#define IMAP_IMAPD_SESSION_TARGET_H

#include "imap/imapd/session/session.h"

/*
 * Opens the mailbox that the client calls NAME for adding messages, which
 * needs the i right; *RIGHTS are all that the user has on it.  ERR_NOTFOUND
 * sets TRYCREATE (RFC 3501 section 6.3.11).  The caller closes *M.
 */
enum err target_open(struct session *s, struct command *c, struct str name,
    struct mbox **m, rights_t *rights) MUST_CHECK;

#endif
