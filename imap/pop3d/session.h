/*
 * session.h - one POP3 connection: the states of RFC 1939
 *
 *	AUTHORIZATION	door.c, which drives imap/door
 *	TRANSACTION	session.c, over a maildrop
 *	UPDATE		QUIT: maildrop_update()
 *
 * A maildrop that cannot be opened ends the connection, behind the answer to the
 * command that logged in, as section 4 allows.
 */
#ifndef IMAP_POP3D_SESSION_H
#define IMAP_POP3D_SESSION_H

#include "imap/server/server.h"

/* The serve function of the program. */
void pop3_session(struct server *server, struct client *client);

#endif
