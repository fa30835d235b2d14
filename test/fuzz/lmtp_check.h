/*
 * lmtp_check.h - may a server have said this to an LMTP client who said that?
 *
 * Follows both sides of a session command by command, and ends the process
 * with an explanation when a reply is not of the formal syntax (RFC 5321
 * section 4.2, RFC 2034), when a command has not been answered, or when there
 * are not as many answers to a message as recipients (RFC 2033 section 4.2).
 *
 * Collects what was acknowledged, so that it can be looked for in the store:
 * the bytes as they must be there, lines ending in CRLF, dots undone.
 */
#ifndef TEST_FUZZ_LMTP_CHECK_H
#define TEST_FUZZ_LMTP_CHECK_H

#include "lib/buf.h"

#include <stdbool.h>

enum { LMTP_CHECK_MESSAGES = 64 };

struct lmtp_accepted {
	struct buf bytes;		/* without the lines that we put before it */
	unsigned copies;		/* recipients that were told 250 */
};

struct lmtp_check {
	struct str sent, got;
	size_t sent_at, got_at;
	bool munge;			/* in: 8-bit characters of the header become X */
	bool ended;			/* 221 or 421 was said */
	unsigned recipients;
	struct buf chunks;
	struct lmtp_accepted accepted[LMTP_CHECK_MESSAGES];
	size_t count;
};

void lmtp_check(struct lmtp_check *c);

/* A message was found in the store: it must be one of them, once a copy. */
void lmtp_check_stored(struct lmtp_check *c, size_t checks, struct str message);

/* All must have been found; frees. */
void lmtp_check_end(struct lmtp_check *c);

#endif
