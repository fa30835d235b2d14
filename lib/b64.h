/* b64.h - base64 (RFC 4648 section 4) */
#ifndef LIB_B64_H
#define LIB_B64_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

/* Appends BYTES encoded, padded, in one line. */
void b64_encode(struct str bytes, struct buf *text);

/* Strict: ERR_SYNTAX for anything but the one right encoding; appends nothing then. */
enum err b64_decode(struct str text, struct buf *bytes) MUST_CHECK;

#endif
