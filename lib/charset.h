/*
 * charset.h - text in any character set to UTF-8 (ICU behind)
 */
#ifndef LIB_CHARSET_H
#define LIB_CHARSET_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

/* Do we know it?  Names as IANA and real mail write them, any case. */
bool charset_known(struct str name);

/*
 * Appends TEXT, decoded from CHARSET, to UTF8.  Bytes that mean nothing become
 * U+FFFD.  ERR_CHARSET if the name is unknown.
 */
enum err charset_to_utf8(struct str charset, struct str text, struct buf *utf8) MUST_CHECK;

/*
 * Appends TEXT (UTF-8; bad bytes become U+FFFD) normalized and case-folded for
 * comparison as i;unicode-casemap (RFC 5051) does: titlecase, decomposition.
 */
void charset_fold(struct str text, struct buf *folded);

/* Is it valid UTF-8, without surrogates or overlong forms? */
bool utf8_valid(struct str text);

/* Appends TEXT in normalization form C; ERR_NAME if it is not valid UTF-8. */
enum err utf8_nfc(struct str text, struct buf *nfc) MUST_CHECK;

#endif
