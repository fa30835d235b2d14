/*
 * resource.h - what an IMAP URL names: for CATENATE and URLFETCH
 *
 * A message or a part of one, of this server.  Without ";URLAUTH=" the session's
 * user must be able to read it; with it the user in the URL must, and its token
 * must be right (RFC 4467): made by urlauth_token() with the key of that user
 * for the mailbox, which RESETKEY changes.
 */
#ifndef IMAP_IMAPD_SESSION_RESOURCE_H
#define IMAP_IMAPD_SESSION_RESOURCE_H

#include "imap/imapd/message/body.h"
#include "imap/imapd/session/session.h"
#include "imap/server/imapurl.h"

struct resource {
	struct imapurl url;
	struct mbox *m;
	struct body body;
	struct fetch_section section;
};

/*
 * AUTHORIZED: only with a token.  ERR_NAME: no URL, or not ours; ERR_NOTFOUND,
 * ERR_DENIED: nobody is told which.  Close it only if OK.
 */
enum err resource_open(struct session *s, struct arena *arena, struct str url,
    bool authorized, struct resource *r) MUST_CHECK;
void resource_close(struct resource *r);

/* The bytes that the URL names, ";PARTIAL=" applied; false: no such section. */
bool resource_bytes(struct resource *r, struct str *bytes);

/*
 * The token for URL's rump, which the session's user must have said he is: the
 * mechanism INTERNAL.  ERR_NAME, ERR_DENIED, ERR_NOTFOUND.
 */
enum err resource_token(struct session *s, struct arena *arena, const struct imapurl *url,
    struct buf *token) MUST_CHECK;

#endif
