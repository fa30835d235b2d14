/*
 * door.h - a connection until a user is known
 *
 * The one file of pop3d that knows both the client's connection before login and
 * login.h: it drives pop3_door.h over a connection.  With frontd there is nothing to
 * drive, and only what was found out elsewhere is taken over.
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
