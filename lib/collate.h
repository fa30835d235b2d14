/*
 * collate.h - comparators: which texts are equal, contained, in what order
 *
 * The collations of RFC 4790 that can do all three operations.  Each is known
 * by its keys: a text's key is bytes, and texts compare as their keys do, byte
 * by byte; a text contains another if its key contains the other's.  So a
 * caller makes each key once, and comparing is memcmp(3) and memmem(3).
 *
 * Texts are UTF-8.  Keys of long texts may be made in pieces that are cut
 * beside an ASCII character.
 */
#ifndef LIB_COLLATE_H
#define LIB_COLLATE_H

#include "lib/buf.h"
#include "lib/str.h"

#include <stdbool.h>

enum collation {
	COLLATE_UNICODE_CASEMAP,	/* RFC 5051; the default */
	COLLATE_ASCII_CASEMAP,		/* RFC 4790 section 9.2 */
	COLLATE_OCTET,			/* section 9.3 */
	COLLATIONS
};

/* "i;unicode-casemap" and so on. */
const char *collate_name(enum collation c);

/*
 * Does PATTERN mean it?  A pattern is a name in which "*" stands for any text
 * (RFC 4790 section 3.2), or "default".  Case matters in neither.
 */
bool collate_matches(enum collation c, struct str pattern);

/* Appends TEXT's key. */
void collate_key(enum collation c, struct str text, struct buf *key);

#endif
