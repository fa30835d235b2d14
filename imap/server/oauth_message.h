/*
 * oauth_message.h - what a client says in OAUTHBEARER (RFC 7628) and XOAUTH2
 *
 * One message with a name and a token.  The name is whom the client wants to
 * be, and proves nothing.
 */
#ifndef IMAP_SERVER_OAUTH_MESSAGE_H
#define IMAP_SERVER_OAUTH_MESSAGE_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

struct oauth_message {
	struct buf name;		/* empty: whoever the token is for */
	struct str token;		/* borrowed from the message; may be empty */
};

/* ERR_SYNTAX if it is not of the form.  M is to be freed in any case. */
enum err oauth_message_bearer(struct str message, struct oauth_message *m) MUST_CHECK;
enum err oauth_message_xoauth2(struct str message, struct oauth_message *m) MUST_CHECK;
void oauth_message_fini(struct oauth_message *m);

#endif
