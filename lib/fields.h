/*
 * fields.h - structs as messages between our own processes
 *
 * A message is one datagram: a version, a kind, and fields, each a tag, a
 * length and its bytes, in ascending order of tags.  What a kind has is said
 * by a table over a struct, and the same table writes and reads it; so nothing
 * is decoded by hand anywhere, and one fuzz target covers them all.
 *
 * The reader trusts nobody.  An unknown, repeated, misplaced, too long or
 * missing field, a text with a control character, and bytes behind the last
 * field are errors; a struct has exactly one encoding.
 *
 * Ownership.  What was decoded points into the message.
 */
#ifndef LIB_FIELDS_H
#define LIB_FIELDS_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Another one for messages that the processes of an older image could not read. */
enum { FIELDS_VERSION = 1 };

enum field_type {
	FIELD_END,
	FIELD_NUMBER,		/* uint64_t; 0 is not sent */
	FIELD_TEXT,		/* const char *: no control characters; NULL is not sent */
	FIELD_BYTES,		/* struct str: any bytes; a NULL .p is not sent */
};

struct field {
	enum field_type type;
	uint8_t tag;
	bool required;
	uint64_t max;		/* of the number, or of the length */
	size_t at;		/* in the struct */
};

/* Rows of a table, which ends with FIELDS_END. */
#define FIELD(type, tag, required, max, owner, member) \
	{ type, tag, required, max, offsetof(struct owner, member) }
#define FIELDS_END	{ FIELD_END, 0, false, 0, 0 }

/* Appends the message.  ERR_LIMIT, ERR_SYNTAX: it is none that could be read. */
enum err fields_encode(const struct field *table, uint8_t kind, const void *from,
    struct buf *out) MUST_CHECK;

/* The message's kind, 0 if it is none of ours. */
unsigned fields_kind(struct str message);

/* All of *TO that the table knows; what was not sent is 0 or NULL.  ERR_SYNTAX. */
enum err fields_decode(const struct field *table, struct str message, void *to) MUST_CHECK;

#endif
