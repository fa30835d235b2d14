/*
 * cache.h - entries of cyrus.cache
 *
 * An entry holds of one message what clients ask for while listing, in the
 * form in which it is sent.  It names the message by its content hash and has
 * a checksum, so that it is either right or not there, and is made anew from
 * the message whenever it is not: nothing durable depends on it.
 *
 * CACHE_SECTIONS is a table of the parts in depth-first order, one of
 * CACHE_SECTION_SIZE bytes a part, numbers big-endian:
 *    0 u8 depth (root: 0)   1 u8 enum mime_kind   2 u8 enum cache_encoding
 *    3 u8 0   4 u32 header_start   8 u32 header_size
 *   12 u32 body_start   16 u32 body_size
 * It is empty for a message of 4 GiB or more.
 */
#ifndef IMAP_DISK_CACHE_H
#define IMAP_DISK_CACHE_H

#include "imap/disk/message.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"

enum { CACHE_SECTION_SIZE = 20 };

enum cache_encoding {
	CACHE_ENC_IDENTITY, CACHE_ENC_QP, CACHE_ENC_BASE64, CACHE_ENC_OTHER
};

struct cache_facts {			/* found on the way */
	uint32_t header_size;
	bool has_sentdate;
	int64_t sentdate;
};

/* Appends MESSAGE's entry to OUT. */
enum err cache_build(struct str message, const uint8_t guid[32], struct buf *out,
    struct cache_facts *facts) MUST_CHECK;

/* Is ENTRY whole and GUID's? */
bool cache_check(struct str entry, const uint8_t guid[32]);

/* An item of an entry that has passed cache_check(), borrowed from it. */
struct str cache_get(struct str entry, enum cache_item item);

#endif
