/* index_in.h - the inside of cyrus.index, for index*.c */
#ifndef IMAP_DISK_INDEX_IN_H
#define IMAP_DISK_INDEX_IN_H

#include "imap/disk/index.h"

#include <stdatomic.h>

#define INDEX_MAGIC	"chaparix"

enum { INDEX_GROW = 4096 };		/* by so much at least, and at first */

/* index_check.c: of the fixed part, of the sums (never 0), of a record. */
uint32_t index_header_crc(const struct index_header *h);
uint32_t index_sums_crc(const struct index_header *h);
uint32_t index_record_crc(const struct index_record *r);

/* index_file.c: E, or ERR_CORRUPT if it is the file's own fault. */
enum err index_read_failed(enum err e) MUST_CHECK;

/* index.c: maps the file as it is now and some room to grow into. */
enum err index_map(struct index *ix) MUST_CHECK;

/* index_cache.c */
void index_cache_close(struct index *ix);

static inline _Atomic uint64_t *
index_seq_of(const struct index *ix)
{
	return (_Atomic uint64_t *)&ix->h->seq;
}

#endif
