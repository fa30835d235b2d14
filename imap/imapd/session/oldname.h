/*
 * oldname.h - a mailbox's name, when it is not as the client wrote it
 */
#ifndef IMAP_IMAPD_SESSION_OLDNAME_H
#define IMAP_IMAPD_SESSION_OLDNAME_H

#include "imap/imapd/session/session.h"

/*
 * An untagged LIST with the name of the mailbox INTERNAL, and with OLDNAME if the
 * client sent another form of it (RFC 9051 section 6.3.9.7); if it is the same
 * only if ALWAYS, as SELECT needs it (section 6.3.2).
 */
void oldname_put(struct session *s, struct str sent, struct str internal, bool always);

/* The same for one that is gone: "\NonExistent", and only if it is not the same. */
void oldname_put_gone(struct session *s, struct str sent, struct str internal);

#endif
