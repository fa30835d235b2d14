/*
 * index.h - cyrus.index: the mapped list of a mailbox's messages
 *
 * One header page and one fixed-size record a message, in UID order; the file
 * is mapped and shared by all processes.  Writers hold the mailbox's lock,
 * which is flock(2) on the mailbox's directory.  Readers take no lock: the
 * header's sequence number is odd while a writer is changing the file, and a
 * reader who sees it change reads again (index_read_begin/index_read_retry).
 *
 * An expunged message's record stays as a tombstone with its blob locator.
 * Byte order on disk is little-endian; other machines are not supported.
 */
#ifndef IMAP_STORE_INDEX_H
#define IMAP_STORE_INDEX_H

#include "imap/store/mbox.h"
#include "imap/store/store.h"
#include "lib/err.h"

#include <assert.h>
#include <stdint.h>

enum {
	INDEX_VERSION = 1,
	INDEX_HEADER_SIZE = 512,
	INDEX_RECORD_SIZE = 160,
};

enum record_state {		/* besides MSG_*, in record.flags */
	REC_EXPUNGED = 1 << 8,	/* a tombstone */
	REC_RECLAIMED = 1 << 9,	/* and its message file is gone */
};

struct index_record {
	uint32_t uid;
	uint32_t flags;			/* MSG_* and REC_* */
	uint64_t modseq;
	int64_t internaldate;		/* unix seconds, as the next two */
	int64_t sentdate;
	int64_t savedate;
	uint64_t size;			/* octets of the message */
	uint64_t keywords[2];
	uint64_t cache_offset;		/* 0: none */
	uint32_t cache_len;
	uint32_t header_size;
	struct id128 blob;		/* locator: id, offset, length = size */
	uint64_t blob_offset;
	uint8_t guid[32];
	int64_t changed;		/* when it was last changed; a tombstone's age */
	uint64_t create_modseq;
	int16_t zone_minutes;
	uint16_t reserved;
	uint32_t crc;			/* CRC-32C of all before it */
};
static_assert(sizeof(struct index_record) == INDEX_RECORD_SIZE, "record layout");

struct index_header {
	char magic[8];			/* "chaparix" */
	uint32_t version;
	uint32_t header_size;
	uint32_t record_size;
	uint32_t uidvalidity;
	struct id128 id;
	uint64_t base_lsn;		/* all of the log before this is in the file, flushed */
	/* From here on it changes with commits. */
	uint64_t seq;			/* odd: a writer is inside */
	uint64_t dirty_lsn;		/* not 0: a commit may stand in the log from here on */
	uint64_t applied_lsn;		/* the last commit that is in the file */
	uint32_t records;		/* tombstones included */
	uint32_t exists;
	uint32_t last_uid;
	uint32_t recent_uid;		/* highest UID that some session was given as \Recent */
	uint64_t highestmodseq;
	uint64_t bytes;			/* sum of sizes of what exists */
	uint32_t unseen;		/* exists and not MSG_SEEN */
	uint32_t deleted;		/* exists and MSG_DELETED */
	uint32_t answered, flagged;
	uint64_t cache_size;		/* where the next cache entry goes */
	int64_t last_append;
	uint64_t keywords_changed;	/* modseq of the last new keyword */
	uint64_t seen_changed;		/* modseq of the last change of cyrus.seen */
	uint64_t reclaimed_modseq;	/* tombstones up to here may have been dropped */
	uint32_t state;			/* enum index_state */
	uint32_t crc;			/* of the fixed part before seq; see index.c */
};
static_assert(sizeof(struct index_header) <= INDEX_HEADER_SIZE, "header layout");

enum index_state {
	INDEX_REPLACED = 1,		/* a newer file took this one's name: reopen */
	INDEX_DELETED = 2,		/* the mailbox is gone */
};

/* Makes an empty cyrus.index in the directory, flushed if DURABLE. */
enum err index_create(int dirfd, const struct id128 *id, uint32_t uidvalidity, bool durable) MUST_CHECK;

/* Sums for quotas, from the header: ERR_NOTFOUND, ERR_CORRUPT. */
enum err index_usage(int dirfd, uint64_t *bytes, uint64_t *messages) MUST_CHECK;

/* Marks the mailbox deleted for all who have it open (under its lock). */
enum err index_mark_deleted(int dirfd) MUST_CHECK;

#endif
