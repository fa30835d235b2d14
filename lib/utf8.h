/* utf8.h - code points and their bytes (RFC 3629) */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include "lib/buf.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { UTF8_REPLACEMENT = 0xfffd };

/*
 * Moves *s, which is not empty, past the next code point and gives it.  False
 * if the bytes are none (a surrogate, an overlong form, past U+10FFFF, cut
 * short): *s has then moved past what one U+FFFD shall stand for, the longest
 * beginning of a sequence or one byte.
 */
bool utf8_next(struct str *s, uint32_t *code);

/* Appends the code point; a surrogate or one past U+10FFFF becomes U+FFFD. */
void utf8_add(struct buf *b, uint32_t code);

/* Is it valid UTF-8, without surrogates or overlong forms? */
bool utf8_valid(struct str text);

/* The number of leading bytes below 0x80. */
size_t utf8_ascii_prefix(struct str text);

#endif
