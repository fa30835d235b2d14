/*
 * imapd - the worker for IMAP (RFC 3501)
 *
 * The process's life is imap/server/server.c, a session's life loop.c.
 */
#include "imap/imapd/session/session.h"
#include "imap/server/server.h"

static const struct server_program program = {
	.name = "imapd",
	.service = "imap",
	.sasl_service = "imap",
	.serve = session_run,
};

int
main(int argc, char **argv)
{
	return server_main(argc, argv, &program, NULL);
}
