/*
 * pop3d - the worker for POP3 (RFC 1939)
 *
 *	pop3d [-C FILE] [-U USES] [-T TIMEOUT] [-s] [-p SSF] [-D]
 *
 * The process's life is imap/server/server.c, a session's life session.c.
 */
#include "imap/pop3d/session.h"

static void
refuse(struct client *c, const char *why)
{
	/* RFC 3206 section 4: "will probably go away" */
	stream_printf(c->stream, "-ERR [SYS/TEMP] %s\r\n", why);
}

static const struct server_program program = {
	.name = "pop3d",
	.service = "pop3",
	.sasl_service = "pop",
	.serve = pop3_session,
	.refuse = refuse,
};

int
main(int argc, char **argv)
{
	return server_main(argc, argv, &program, NULL);
}
