/*
 * receive.h - from the wire to the form in which messages are stored
 *
 * Bytes come in pieces of any size; what goes to the blob has CRLF line ends
 * only.  A bare LF becomes CRLF, a bare CR stays.  NUL bytes are counted, so
 * that the message can be refused.  With `dots` the end is a line with a
 * single dot between CRLFs (and only that: LF.LF is text, so nobody can
 * smuggle a second message in), and leading dots are undone.
 */
#ifndef IMAP_LMTPD_RECEIVE_H
#define IMAP_LMTPD_RECEIVE_H

#include "imap/store/mbox/blob.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

struct receiver {
	struct blob *blob;		/* NULL: bytes are read and dropped */
	bool dots;
	bool munge;			/* 8-bit characters in the header become X */
	uint64_t max;			/* 0: no limit */
	/* Out: */
	uint64_t size;
	bool done;			/* the final dot was read */
	bool has_nul, has_8bit_header, too_big;
	enum err err;			/* of the blob */
	/* Inside. */
	enum receiver_state { LINE_START, IN_LINE, AFTER_CR, AFTER_DOT, AFTER_DOT_CR } state;
	bool crlf_before;		/* the line before ended in CRLF */
	bool in_body, line_empty;
};

void receiver_init(struct receiver *r, struct blob *b, bool dots, uint64_t max, bool munge);

/* Takes bytes; returns how many, less than N only if the end was among them. */
size_t receiver_take(struct receiver *r, const char *p, size_t n);

/* No more will come (BDAT LAST): writes what is held back. */
void receiver_end(struct receiver *r);

#endif
