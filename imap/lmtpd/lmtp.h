/*
 * lmtp.h - one LMTP session (RFC 2033)
 *
 * Straight-line: reads a command, answers it, until the client leaves.
 * Extensions: PIPELINING (RFC 2920), 8BITMIME (6152), SMTPUTF8 (6531), SIZE
 * (1870), CHUNKING (3030), ENHANCEDSTATUSCODES (2034), AUTH (4954), STARTTLS
 * (3207), and two of Cyrus's and ours for deliver(8) on trusted connections:
 * IGNOREQUOTA, a parameter of RCPT; XFLAGS=flag,flag, one of MAIL.
 *
 * A message is staged while it comes in; a client that vanishes in the middle
 * leaves nothing behind.
 */
#ifndef IMAP_LMTPD_LMTP_H
#define IMAP_LMTPD_LMTP_H

#include "imap/server/deliver.h"
#include "imap/server/peer.h"
#include "imap/store/store.h"
#include "lib/arena.h"
#include "lib/stream.h"

#include <stdbool.h>
#include <stdint.h>

/* What does not change from session to session. */
struct lmtp_service {
	struct store *store;
	const char *servername;
	uint64_t max_size;		/* bytes a message; 0: no limit */
	bool reject_8bit;		/* 8-bit characters in headers: refuse the message */
	bool munge_8bit;		/* ... or make them X */
	bool over_quota_permanent;	/* 552 instead of 452 */
	int timeout;			/* seconds */
	struct deliver_policy policy;
};

/* Who is connected. */
struct lmtp_client {
	const char *host;		/* for Received and the log */
	bool trusted;			/* UNIX socket, or lmtpd -a */
	struct login *login;		/* AUTH of who is not trusted */
	struct server *server;		/* both for TLS */
	struct client *connection;
};

void lmtp_session(const struct lmtp_service *service, const struct lmtp_client *client,
    struct stream *s);

#endif
