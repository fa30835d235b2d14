/*
 * imapd - the worker for IMAP (RFC 3501)
 *
 * The process's life is imap/server/server.c, a session's life loop.c.
 */
#include "imap/imapd/session/session.h"
#include "imap/server/server.h"

static void
refuse(struct client *c, const char *why)
{
	stream_printf(c->stream, "* BYE [UNAVAILABLE] %s\r\n", why);
}

static const struct server_program program = {
	.name = "imapd",
	.service = "imap",
	.sasl_service = "imap",
	.serve = session_run,
	.refuse = refuse,
};

int
main(int argc, char **argv)
{
	return server_main(argc, argv, &program, NULL);
}
