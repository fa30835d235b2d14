/*
 * decode.h - content transfer encodings (RFC 2045 section 6), in pieces
 *
 * Nothing is refused: bytes that do not belong into base64 are skipped, a "="
 * that quoted-printable does not explain stays, an unfinished end gives what
 * is there.  Base64 ends at its padding: what a mailing list appended behind
 * it is no base64.
 *
 * Limits.  A decoder has no memory of its own; what is decoded is never longer
 * than what came in.  Pieces of quoted-printable and uuencode have to end
 * where decode_cut() says.
 */
#ifndef IMAP_MIME_DECODE_H
#define IMAP_MIME_DECODE_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

enum decode_kind { DECODE_NONE, DECODE_QP, DECODE_BASE64, DECODE_UU };

struct decode {
	enum decode_kind kind;
	uint32_t bits;		/* base64: bits that make no byte yet */
	int bit_count;
	bool inside;		/* uuencode: behind the "begin" line */
	bool done;		/* behind padding or the "end" line */
};

/* ENCODING as in the header; {NULL, 0}: none.  ERR_UNSUPPORTED: unknown. */
enum err decode_init(struct decode *d, struct str encoding) MUST_CHECK;

/* How many bytes of S, at most MAX, make a piece; 0 only if S is empty. */
size_t decode_cut(const struct decode *d, struct str s, size_t max);

/* Appends what the next PIECE stands for. */
void decode_piece(struct decode *d, struct str piece, struct buf *out);

/* The Q encoding of encoded words (RFC 2047 section 4.2): "_" is a space. */
void decode_q(struct str s, struct buf *out);

#endif
