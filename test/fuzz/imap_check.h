/*
 * imap_check.h - may a server have said this to a client who said that?
 *
 * Follows both sides of a session command by command, as a client would that
 * knows nothing of imapd but the documents, and ends the process with an
 * explanation when
 *
 *  - a response is not of the formal syntax;
 *  - a complete command has not been answered, once and by its tag, or a
 *    continuation was asked for that it has no place for;
 *  - EXISTS falls, a FETCH, EXPUNGE, SEARCH or RECENT names a message that is
 *    not there, or EXPUNGE comes while FETCH, STORE or SEARCH run;
 *  - a message's UID changes, or is not more than the one before;
 *  - a message has a keyword that no FLAGS has announced;
 *  - BODY[] is not as long as RFC822.SIZE says beside it;
 *  - after "z0 NOOP" the command "z1 UID FETCH 1:* (FLAGS)" tells other flags
 *    than the client had been told, or not those of every message.
 *
 * A client that has enabled what tells changes in another way, asked to be told
 * of them at any time, or compressed the connection is not followed further.
 */
#ifndef TEST_FUZZ_IMAP_CHECK_H
#define TEST_FUZZ_IMAP_CHECK_H

#include "test/fuzz/imap_grammar.h"

struct known {				/* a message, as far as the client was told */
	uint32_t uid;			/* 0: not known */
	bool has_flags, fetched;	/* fetched: by the command at hand */
	struct grammar_flags flags;
};

struct imap_check {
	struct cursor sent, got;
	struct str command;		/* the one at hand, its first line */
	struct str tag, name;		/* "UID" is no name */
	bool uid;
	bool selected, said_bye;
	bool selecting;			/* SELECT, EXAMINE run */
	bool expunged;			/* an EXPUNGE came during this command */
	bool settled;			/* z0 was the command before */
	bool blind;			/* what comes is not understood any more */
	bool verified;			/* z1 has told everything */
	unsigned selects;
	uint64_t announced;		/* keywords, as grammar_flags.bits */
	struct known *message;
	uint32_t exists, size;
	uint32_t existed;		/* when the command began */
};

void imap_check(struct imap_check *c, struct str sent, struct str got);

/* Of two clients who had the same mailbox: both know the same, or abort. */
void imap_check_same(const struct imap_check *a, const struct imap_check *b);

void imap_check_free(struct imap_check *c);

#endif
