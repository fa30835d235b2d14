/*
 * pop3_reply.h - what a POP3 server says (RFC 1939 section 3, RFC 2449 section 8)
 *
 * Answers are appended to a buffer; whoever has the connection sends it.  A code
 * is NULL or one of RESP-CODES: "AUTH" (RFC 3206) if and only if the client's
 * name, password or the policy about them is what is wrong, "SYS/TEMP" if the
 * same may work later, "SYS/PERM" if not without a person, "LOGIN-DELAY".
 */
#ifndef IMAP_DOOR_POP3_REPLY_H
#define IMAP_DOOR_POP3_REPLY_H

#include "imap/server/language.h"
#include "lib/buf.h"
#include "lib/err.h"

enum { POP3_LINE_MAX = 255 };		/* of a command, CRLF included (RFC 2449 section 4) */

/* "+OK TEXT", TEXT in the language; NULL: "+OK" alone. */
void pop3_ok(struct buf *out, enum language l, const char *text);

/* "-ERR [CODE] TEXT" */
void pop3_err(struct buf *out, enum language l, const char *code, const char *text);

/* The same for what a function of the store has returned. */
void pop3_failed(struct buf *out, enum language l, enum err e);

/* TEXT in the language; TEXT itself if nobody has translated it. */
const char *pop3_text(enum language l, const char *text);

/* Takes the CRLF, or LF, off the end of a line. */
void pop3_chomp(struct buf *line);

/* A command: up to the first space, and behind it; without CRLF. */
struct pop3_command {
	struct str verb, args;
	bool has_args;			/* there was a space */
};
void pop3_split(struct str line, struct pop3_command *c);

/* Of ARGS the next word; false: none.  Words are separated by single spaces. */
bool pop3_word(struct str *args, struct str *word);

#endif
