/*
 * resync.h - what a client that was here before has missed (RFC 7162)
 */
#ifndef IMAP_IMAPD_SESSION_RESYNC_H
#define IMAP_IMAPD_SESSION_RESYNC_H

#include "imap/imapd/session/session.h"

/* Is the QRESYNC parameter one that may be given now?  ERR_SYNTAX. */
enum err resync_check(const struct session *s, struct command *c,
    const struct select_req *r) MUST_CHECK;

/* After the responses of SELECT: VANISHED (EARLIER) and FETCH (3.2.5). */
enum err resync_select(struct session *s, struct command *c,
    const struct select_req *r) MUST_CHECK;

/*
 * The modifiers CHANGEDSINCE and VANISHED of FETCH (3.1.4.1, 3.2.6): sends
 * VANISHED (EARLIER), and leaves in *range what has changed.
 */
enum err resync_fetch(struct session *s, struct command *c, const struct fetch_req *r,
    struct search_range **range, size_t *n) MUST_CHECK;

#endif
