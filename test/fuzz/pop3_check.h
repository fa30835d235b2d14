/*
 * pop3_check.h - may a server have said this to a POP3 client who said that?
 *
 * Follows both sides of a session command by command, and ends the process with an
 * explanation when an answer is not of the formal syntax (RFC 2449 section 3), when
 * a command has not exactly one answer, when a message that was retrieved is not
 * the one that its unique-id stands for, or when a listing has what is marked.
 *
 * Collects which messages are gone for good: marked, and QUIT was answered +OK.
 */
#ifndef TEST_FUZZ_POP3_CHECK_H
#define TEST_FUZZ_POP3_CHECK_H

#include "lib/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { POP3_CHECK_MESSAGES = 128 };

struct pop3_check {
	/* In. */
	struct str sent, got;
	uint32_t uidvalidity;		/* of the mailbox that is looked at */
	struct str (*text_of)(uint32_t uid);	/* of its messages */
	/* Out. */
	bool gone[POP3_CHECK_MESSAGES];	/* by UID */
	bool unclear;			/* it has deleted something, nobody can tell what */
	/* Inside. */
	size_t sent_at, got_at;
	bool ended, logged_in, utf8, in_exchange;
	bool mapped;			/* uid[] is known */
	uint32_t count;			/* of numbers that have been heard of */
	uint32_t uid[POP3_CHECK_MESSAGES];	/* by number; 0: another mailbox's */
	bool marked[POP3_CHECK_MESSAGES];	/* by number */
};

void pop3_check(struct pop3_check *c);

#endif
