/*
 * dialect.h - how IMAP, POP3 and LMTP say the same things before login
 *
 * IMAP RFC 9051, POP3 RFC 1939, 2449 and 5034, LMTP RFC 2033, 3207 and 4954.
 */
#ifndef IMAP_PROBE_DIALECT_H
#define IMAP_PROBE_DIALECT_H

#include "lib/buf.h"
#include "lib/str.h"

#include <stdbool.h>

/* What a line of the server's is. */
enum reply {
	REPLY_MORE,		/* another line follows */
	REPLY_OK,
	REPLY_NO,
	REPLY_GO_ON,		/* it wants to hear more */
};

/* What the server can do. */
struct offer {
	struct buf mechanisms;		/* words */
	bool starttls, initial_response;
	bool no_login;			/* LOGIN is refused now */
};

struct dialect {
	const char *program;		/* that speaks it */
	const char *service;		/* as SASL calls it */
	const char *port, *tls_port;
	const char *capability, *starttls, *authenticate, *logout;
	bool dot_ends;			/* the reply to .capability goes on to a "." */
	bool initial_response;		/* always possible */
	enum reply (*greeting)(struct str line);
	enum reply (*reply)(struct str line);
	size_t challenge;		/* where it begins in a REPLY_GO_ON */
	/* Adds what a line of the reply to .capability says. */
	void (*offer)(struct str line, struct offer *o);
};

/* The one that PROGRAM speaks, which may be a path; IMAP if it is none of ours. */
const struct dialect *dialect_of(const char *program);

#endif
