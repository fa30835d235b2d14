/* message.h - what is kept of a message beside its bytes */
#ifndef IMAP_DISK_MESSAGE_H
#define IMAP_DISK_MESSAGE_H

#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Message flags, the same bits on disk. */
enum msg_flags {
	MSG_SEEN = 1 << 0,
	MSG_ANSWERED = 1 << 1,
	MSG_FLAGGED = 1 << 2,
	MSG_DELETED = 1 << 3,
	MSG_DRAFT = 1 << 4,
	MSG_SYSTEM_FLAGS = 31,
};

enum { MBOX_KEYWORDS = 128 };		/* user flags a mailbox can have */

struct keywords {			/* bit i: keyword number i is set */
	uint64_t w[MBOX_KEYWORDS / 64];
};

/* What cyrus.cache keeps of a message, ready to be sent. */
enum cache_item {
	CACHE_ENVELOPE,		/* "(...)" as in FETCH */
	CACHE_BODYSTRUCTURE,
	CACHE_BODY,
	CACHE_HEADERS,		/* the fields cache_has_header() knows, in order, no final empty line */
	CACHE_SECTIONS,		/* offsets of parts, see cache.h */
	CACHE_PREVIEW,		/* the beginning of its text, UTF-8 (RFC 8970) */
	CACHE_ITEMS
};

/* Would a field of this name be in CACHE_HEADERS? */
bool cache_has_header(struct str name);

#endif
