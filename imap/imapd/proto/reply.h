/*
 * reply.h - what the server says: the only output of imapd
 *
 * Lines are collected in the stream's buffer and sent when the session is
 * about to wait for the client.  Failures of output are kept in the stream;
 * the session notices at its next read.
 */
#ifndef IMAP_IMAPD_PROTO_REPLY_H
#define IMAP_IMAPD_PROTO_REPLY_H

#include "imap/imapd/proto/texts.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"
#include "lib/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct reply {
	struct stream *out;
	struct buf scratch;
	enum language language;		/* of texts */
	bool utf8;			/* the client takes UTF-8 in quoted strings */
};

void reply_init(struct reply *r, struct stream *out);
void reply_fini(struct reply *r);

/* "* " FMT CRLF; what FMT inserts must be numbers, atoms or our own words. */
void reply_untagged(struct reply *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Pieces of a line. */
void reply_puts(struct reply *r, const char *words);
void reply_put(struct reply *r, struct str bytes);
void reply_number(struct reply *r, uint64_t n);
void reply_printf(struct reply *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void reply_crlf(struct reply *r);

/*
 * Client's or stored bytes in the shortest form the grammar allows: atom,
 * quoted string or literal (8-bit bytes are
 * quoted only if r->utf8); nstring: NIL for {NULL, 0}.  NULs, which IMAP
 * cannot carry, become U+FFFD.
 */
void reply_astring(struct reply *r, struct str s);
void reply_string(struct reply *r, struct str s);
void reply_nstring(struct reply *r, struct str s);
/* "{N}" CRLF and the bytes as they are. */
void reply_literal(struct reply *r, struct str s);

/* "+ TEXT", sent at once. */
void reply_continue(struct reply *r, const char *text);

/* "* BYE TEXT", sent at once. */
void reply_bye(struct reply *r, const char *text);

/* How an error is answered. */
struct reply_error {
	bool bad;			/* BAD, else NO */
	const char *code;		/* response code, or NULL */
	const char *text;
};
const struct reply_error *reply_error_of(enum err e);

/*
 * The tagged reply.  CODE (without brackets) and TEXT go before the table's if
 * they are not NULL; BAD makes an error a BAD.
 */
struct reply_tagged {
	struct str tag;
	enum err err;
	bool bad;
	const char *code;
	const char *text;
};
void reply_tagged(struct reply *r, const struct reply_tagged *t);

#endif
