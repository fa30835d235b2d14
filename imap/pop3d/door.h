/*
 * door.h - from the greeting to a user: drives auth.h over a connection
 *
 * The one file of pop3d that knows both the client's connection before login and
 * login.h; a front end that keeps them in two processes has another.
 */
#ifndef IMAP_POP3D_DOOR_H
#define IMAP_POP3D_DOOR_H

#include "imap/server/language.h"
#include "imap/server/server.h"
#include "imap/server/user.h"
#include "lib/buf.h"
#include "lib/err.h"

/* Who came in, and what he had said before. */
struct visitor {
	struct user *user;
	struct buf folder;		/* below his INBOX, in his own words; empty: the INBOX */
	struct buf mechanisms;		/* what CAPA has announced */
	bool plaintext;
	bool utf8;
	enum language language;
	struct sasl_conn *layer;	/* to begin behind the answer, or NULL */
};

/*
 * OK: V is the caller's, visitor_fini(), and the command that logged in has not
 * been answered.  Else the connection is to be closed; all has been said.
 */
enum err door_open(struct server *server, struct client *client, struct visitor *v) MUST_CHECK;
void visitor_fini(struct visitor *v);

#endif
