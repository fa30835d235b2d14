/* index_check.c - cyrus.index: what its checksums are of */
#include "imap/disk/index_in.h"

#include "lib/crc.h"

#include <stddef.h>
#include <string.h>

uint32_t
index_header_crc(const struct index_header *h)
{
	return crc32c(0, h, offsetof(struct index_header, seq));
}

uint32_t
index_sums_crc(const struct index_header *h)
{
	const size_t from = offsetof(struct index_header, applied_lsn);
	struct index_header plain = *h;
	uint32_t crc;

	plain.recent_uid = plain.state = plain.pop3_next = 0;
	plain.cache_size = plain.writing_lsn = 0;
	plain.writing_uid = 0;
	crc = crc32c(0, &plain.applied_lsn, offsetof(struct index_header, sums_crc) - from);
	return crc != 0 ? crc : 1;
}

bool
index_sums_valid(const struct index_header *h)
{
	return (h->seq & 1) != 0 || h->sums_crc == 0 || h->sums_crc == index_sums_crc(h);
}

/*
 * Without what is written outside of commits, so that a power cut may tear it
 * from the rest and no log puts it back: the cache's place (the entry checks
 * itself) and REC_RECLAIMED.
 */
uint32_t
index_record_crc(const struct index_record *r)
{
	const size_t hole = offsetof(struct index_record, cache_offset);
	const size_t after = offsetof(struct index_record, header_size);
	struct index_record plain;

	if (r->flags & REC_RECLAIMED) {
		plain = *r;
		plain.flags &= ~(uint32_t)REC_RECLAIMED;
		r = &plain;
	}
	return crc32c(crc32c(0, r, hole), (const char *)r + after,
	    offsetof(struct index_record, crc) - after);
}

bool
index_header_valid(const struct index_header *h)
{
	return memcmp(h->magic, INDEX_MAGIC, sizeof(h->magic)) == 0 &&
	    h->version == INDEX_VERSION && h->header_size == INDEX_HEADER_SIZE &&
	    h->record_size == INDEX_RECORD_SIZE && h->crc == index_header_crc(h);
}

bool
index_record_valid(const struct index_record *r)
{
	return r->uid != 0 && r->crc == index_record_crc(r);
}
