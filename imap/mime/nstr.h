/*
 * nstr.h - strings as IMAP sends them (RFC 3501 section 4.3)
 *
 * Text of printable and other 7-bit characters becomes a quoted string, what
 * has 8-bit bytes, CR, LF or NUL, or is longer than NSTR_MAX_QUOTED, a
 * literal.  IMAP knows no NUL, not even in literals: each becomes U+FFFD.
 */
#ifndef IMAP_MIME_NSTR_H
#define IMAP_MIME_NSTR_H

#include "lib/buf.h"
#include "lib/str.h"

enum { NSTR_MAX_QUOTED = 4096 };

/* NIL for {NULL, 0}, else a string. */
void nstr_add(struct buf *out, struct str s);

#endif
