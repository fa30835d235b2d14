/*
 * reader.h - one complete command from the client's stream
 *
 * Collects a command's line and the literals in it into one run of bytes, in
 * the form in which they came:
 *
 *	a LOGIN {4} CRLF fred {6} CRLF secret
 *
 * For a synchronizing literal it sends the continuation request.  All literals
 * of APPEND and REPLACE but those of the mailbox and of CATENATE's URLs are
 * messages or pieces of one: they are streamed into blobs (message.h).
 *
 * Limits.  Until reader_allow_messages() what a command may hold is bounded by
 * READER_EARLY; after it by what imapd.conf says.  What is longer is refused,
 * and read and dropped as far as it comes without our asking: a
 * nonsynchronizing literal that is too big is skipped, never taken for commands;
 * one too big even for that ends the connection (RFC 7888 section 4), and so
 * does a line without an end.
 *
 * Whenever the reader is about to wait for the client, all replies so far are
 * sent first; else they wait for each other.
 */
#ifndef IMAP_IMAPD_PROTO_READER_H
#define IMAP_IMAPD_PROTO_READER_H

#include "imap/imapd/proto/message.h"
#include "imap/imapd/proto/reply.h"
#include "lib/err.h"
#include "lib/stream.h"

enum {
	READER_EARLY = 64 * 1024,
	READER_LITERAL_MINUS = 4096,	/* RFC 7888 section 5 */
	READER_MAX_SKIP = 64 * 1024 * 1024,	/* what is worth reading to drop it */
	READER_MESSAGES = 5000,		/* in one command, */
	READER_MEMORY = 64 << 20,	/*   in memory together, */
	READER_FILES = 100,		/*   and others, each with an open file */
};

struct input {
	struct str text;		/* without the final CRLF; until the next call */
	struct message_literal *message; /* in the order of the text */
	size_t messages;
	const char *problem;		/* why it is refused, for the BAD or NO */
	const char *code;		/* response code for it, or NULL */
};

struct reader;

struct reader *reader_new(struct stream *in, struct reply *out);
void reader_free(struct reader *r);

/* What a command may hold once the user is known. */
struct reader_limits {
	size_t literal;			/* one literal (maxliteral) */
	size_t command;			/* all but messages (maxargssize) */
	uint64_t message;		/* a message (maxmessagesize) */
	bool literal_minus;		/* none above 4096 bytes without our leave */
};
/* ... and as it was before. */
void reader_before_login(struct reader *r);
void reader_allow_messages(struct reader *r, struct store *s, const struct reader_limits *max);

/*
 * The next command.  ERR_CLOSED, ERR_TIMEOUT, ERR_IO from the stream end the
 * session.  ERR_SYNTAX (answer BAD), ERR_LIMIT (BAD or NO), ERR_NOSPACE (NO):
 * the command is refused because of in->problem; in->text has its beginning,
 * for the tag, and the stream stands behind it.
 */
enum err reader_next(struct reader *r, struct input *in) MUST_CHECK;

/* The messages that are in it. */
void input_free(struct input *in);

/*
 * Overwrites the command at hand and the last line, here and in the stream, but
 * for the command's first KEEP bytes: the tag.
 */
void reader_forget(struct reader *r, size_t keep);

/* One line of an answer to a continuation (AUTHENTICATE, IDLE); as above. */
enum err reader_line(struct reader *r, struct str *line) MUST_CHECK;

#endif
