/*
 * literal.h - what the end of a line announces: a literal (RFC 9051 section 4.3)
 *
 * For those who collect commands out of lines that come in pieces, and may be too
 * long to be kept: of each line its last bytes are, and they tell.
 */
#ifndef IMAP_IMAPD_PROTO_LITERAL_H
#define IMAP_IMAPD_PROTO_LITERAL_H

#include "lib/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The last bytes of a line; all 0: of none. */
struct line_tail {
	char p[64];
	size_t n;
};

struct announced {
	uint64_t size;			/* UINT64_MAX: that or more */
	bool sync;			/* waits for our go-ahead */
	bool eight;			/* "~{": literal8 */
};

/* N more bytes of the line have come. */
void line_tail_keep(struct line_tail *t, const char *p, size_t n);

/* Does the line end in ["~"] "{" number ["+"] "}", before its CRLF or LF? */
bool line_tail_announces(const struct line_tail *t, struct announced *a);

/* Removes a line's end, CRLF or (from sloppy clients) LF. */
void line_chomp(struct buf *line);

#endif
