/*
 * utf7.h - the modified UTF-7 of mailbox names (RFC 3501 section 5.1.3)
 */
#ifndef LIB_UTF7_H
#define LIB_UTF7_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

/*
 * Modified UTF-7 to UTF-8.  ERR_NAME for anything that is not the one right
 * encoding of its text: 8-bit bytes, unneeded base64, lone surrogates,
 * superfluous shifts, control characters and NUL.
 */
enum err utf7_decode(struct str name, struct buf *utf8) MUST_CHECK;

/* UTF-8 (valid) to modified UTF-7. */
void utf7_encode(struct str utf8, struct buf *name);

#endif
