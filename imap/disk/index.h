/*
 * index.h - cyrus.index: the mapped list of a mailbox's messages
 *
 * One header page and one fixed-size record a message, in UID order; the file
 * is mapped and shared by all processes.  Writers hold the mailbox's lock,
 * which is flock(2) on the mailbox's directory.  Readers take no lock: the
 * header's sequence number is odd while a writer is changing the file, and a
 * reader who sees it change reads again.
 *
 * An expunged message's record stays as a tombstone with its blob locator.
 * Byte order on disk is little-endian; other machines are not supported.
 */
#ifndef IMAP_DISK_INDEX_H
#define IMAP_DISK_INDEX_H

#include "imap/disk/message.h"
#include "imap/disk/id128.h"
#include "lib/buf.h"
#include "lib/err.h"

#include <assert.h>
#include <stdint.h>

enum {
	INDEX_VERSION = 1,
	INDEX_HEADER_SIZE = 512,
	INDEX_RECORD_SIZE = 160,
	INDEX_CACHE_START = 16,		/* of the first entry of cyrus.cache */
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
	uint32_t crc;			/* CRC-32C of all before it but cache_*, REC_RECLAIMED */
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
	uint64_t changed_modseq;	/* of the last change of a record that was there before */
	uint64_t keywords_changed;	/* modseq of the last new keyword */
	uint64_t seen_changed;		/* modseq of the last change of cyrus.seen */
	uint64_t reclaimed_modseq;	/* tombstones up to here may have been dropped */
	uint32_t state;			/* enum index_state */
	uint32_t crc;			/* of the fixed part before seq; see index.c */
	uint64_t annotation;		/* octets of annotations: the mailbox's, and those
					   of messages that exist */
	uint64_t annotations_changed;	/* modseq of the last change of cyrus.annotations */
	uint64_t writing_lsn;		/* where the log stood when ... */
	uint32_t writing_uid;		/* not 0: files up to this UID are being made */
	uint32_t zero;
	uint64_t settled_modseq;	/* all commits up to here are before a checkpoint */
	int64_t looked;			/* when somebody last looked what can be left out */
	int64_t compacted;		/* when the file was written anew */
	uint32_t unseen_from;		/* no record before this number is unseen */
	uint32_t pop3_next;		/* unix seconds: no POP3 login before; see mbox_pop3.h */
	uint32_t reserved[67];		/* 0; new fields come here, and are in sums_crc */
	uint32_t sums_crc;		/* of what changes with commits; 0: none yet */
};
static_assert(sizeof(struct index_header) == INDEX_HEADER_SIZE, "header layout");

enum index_state {
	INDEX_REPLACED = 1,		/* a newer file took this one's name: reopen */
	INDEX_DELETED = 2,		/* the mailbox is gone */
};

/* Makes an empty cyrus.index in the directory, flushed if DURABLE. */
enum err index_create(int dirfd, const struct id128 *id, uint32_t uidvalidity, bool durable) MUST_CHECK;

/*
 * Replaces cyrus.index by one with these N records, by rising UID, durably.
 * The sums and checks of H and the records are computed here.  Who has the
 * old one open must be told: index_state on the old descriptor.
 */
enum err index_replace(int dirfd, const struct index_header *h, struct index_record *r,
    uint32_t n) MUST_CHECK;

/* Is the record's checksum right?  For reading a damaged file. */
bool index_record_valid(const struct index_record *r);
bool index_header_valid(const struct index_header *h);

/*
 * Is the part that changes with commits what index_write_end() left?  In a
 * copy that index_snapshot() made, or under the lock.  While a writer is, or
 * has died, inside nobody can tell: true.
 */
bool index_sums_valid(const struct index_header *h);

/* The header's fixed part is right; the rest may be in the middle of a commit. */
enum err index_header_read(int dirfd, struct index_header *h) MUST_CHECK;

/*
 * For FILE, a copy that nobody has open yet of an index with nothing
 * outstanding: it belongs to another log from here on, of which all before
 * BASE_LSN is not about it.  Not flushed.
 */
enum err index_rebase(int dirfd, const char *file, uint64_t base_lsn) MUST_CHECK;

/*
 * Sums for quotas, from the header, without a lock: ERR_NOTFOUND, ERR_CORRUPT.
 * *in_commit: they are about to change, or their writer has died over it.
 */
struct index_usage {
	uint64_t bytes, messages;
	uint64_t annotation;		/* octets of annotations */
};
enum err index_usage(int dirfd, struct index_usage *u, bool *in_commit) MUST_CHECK;

/* The mailbox's id and UIDVALIDITY, from the header: ERR_NOTFOUND, ERR_CORRUPT. */
enum err index_identity(int dirfd, struct id128 *id, uint32_t *uidvalidity) MUST_CHECK;

/*
 * Marks the mailbox deleted (or replaced) for all who have it open (under its
 * lock), and flushes the mark: should mailboxes.db have to be built anew after a
 * power cut, it says which of the directories that are left are no mailboxes.
 */
enum err index_mark(int dirfd, enum index_state state) MUST_CHECK;

/*
 * An index in use.  The directory's descriptor belongs to it and is closed
 * with it.  NAME is for messages.
 */
struct index {
	int dirfd;
	int fd;
	int cachefd;			/* cyrus.cache; -1: not opened yet */
	int historyfd;			/* history.c's: cyrus.history; -1: not opened yet */
	int64_t history_retry;		/*   when it is tried again after a failure; or 0 */
	struct index_header *h;		/* the mapping */
	size_t map_len;			/* beyond the end of the file too */
	uint64_t file_len;		/* what may be touched */
	const char *cache_map;
	size_t cache_map_len, cache_file_len;
	char *name;
	bool locked;
};

enum err index_open(int dirfd, const char *name, struct index **ix) MUST_CHECK;
void index_close(struct index *ix);	/* NULL allowed */

/*
 * ERR_CORRUPT if the disk cannot read all of it, which whoever touches the mapping
 * does not survive (lib/sigbus.h).  For who must: a replay.
 */
enum err index_read_through(struct index *ix) MUST_CHECK;

/*
 * index_replace() in place of IX, under its lock.  Readers of IX find it replaced
 * as soon as it is, whoever is killed when.
 */
enum err index_succeed(struct index *ix, const struct index_header *h, struct index_record *r,
    uint32_t n) MUST_CHECK;

/* Lets go of all locks and of cyrus.cache: it may stand open for a long time. */
void index_rest(struct index *ix);

/* Lets go of the pages of a large one that was read through, lest they count as ours. */
void index_unload(struct index *ix);

/* A consistent copy of the header; ERR_BUSY only if a writer stays inside. */
enum err index_snapshot(struct index *ix, struct index_header *h) MUST_CHECK;

/* A few loads: has the header changed since the copy H? */
bool index_unchanged(const struct index *ix, const struct index_header *h);

/* What index_mark() has said so far: read at any time, without the lock. */
uint32_t index_state(const struct index *ix);

/*
 * Record number RECNO (from 0) in one piece.  ERR_CORRUPT: its checksum is
 * wrong; ERR_BUSY as of index_snapshot().
 */
enum err index_get(struct index *ix, uint32_t recno, struct index_record *r) MUST_CHECK;

/* The first record of the first COUNT whose UID is >= UID; COUNT: none. */
uint32_t index_find(struct index *ix, uint32_t count, uint32_t uid);

/* Without checks: for scans that look at one field and index_get() the rest. */
static inline const struct index_record *
index_peek(const struct index *ix, uint32_t recno)
{
	return (const struct index_record *)((const char *)ix->h + INDEX_HEADER_SIZE) + recno;
}

/*
 * The mailbox's lock.  ERR_STALE: deleted or replaced.  Whoever gets it asks
 * index_needs_repair() before anything else; see imap/store/upkeep/recover.h.
 */
enum err index_lock(struct index *ix) MUST_CHECK;

/* How many records the file has room for; those behind must not be looked at. */
uint32_t index_room(const struct index *ix);

/* Under the lock: ERR_CORRUPT (logged) if the header counts more than there is. */
enum err index_check_room(const struct index *ix) MUST_CHECK;

/* Without waiting and without looking; ERR_BUSY is not logged. */
enum err index_lock_if_free(struct index *ix) MUST_CHECK;

/* Without waiting: ERR_BUSY if it is held, or needs repair. */
enum err index_try_lock(struct index *ix) MUST_CHECK;
void index_unlock(struct index *ix);
bool index_needs_repair(const struct index *ix);

/* Room for N more records; under the lock. */
enum err index_reserve(struct index *ix, uint32_t n) MUST_CHECK;

/*
 * Changing it, under the lock: index_write_begin() keeps readers off,
 * index_write_end() computes the header's check and lets them in.  Between
 * the two nothing can fail.
 */
void index_write_begin(struct index *ix);
/* Puts R, with its checksum, at its UID's place: behind the last or over its own. */
void index_put(struct index *ix, const struct index_record *r);
/* Gives record number AT the cache place that R has; nothing else of it changes. */
void index_refer_cache(struct index *ix, uint32_t at, const struct index_record *r);
void index_write_end(struct index *ix);

/*
 * After a power cut: forgets what follows the first record that does not have
 * a higher UID than the one before it (between begin and end).  All such
 * records were added since the last checkpoint, so the log has them.
 */
void index_trim(struct index *ix);

/* How many records stand before the first that is out of order. */
uint32_t index_ordered(struct index *ix);

/*
 * Counts exists, bytes, unseen ... anew from the records (between begin and end),
 * and puts the end of cyrus.cache behind all their entries.
 */
void index_recount(struct index *ix);

/*
 * If the sums are not valid (index_mend.c), under the lock: puts them right
 * from the records, and the last UID and highest modseq from those and from
 * what KNOWN says.  ERR_CORRUPT, and nothing has changed: a record is damaged,
 * too.
 */
struct witness;
enum err index_mend(struct index *ix, const struct witness *known) MUST_CHECK;

/*
 * The same before the replay of a log: numbers that cannot be are corrected,
 * good records that are not counted are; damaged ones may be torn, and stay.
 */
void index_mend_cold(struct index *ix, const struct witness *known);

/*
 * Appends a cache entry's bytes, under the lock, before the commit: *offset is
 * for the record.  It counts only when a record refers to it.
 */
enum err index_cache_add(struct index *ix, struct str entry, uint64_t *offset) MUST_CHECK;

/* The entry's bytes, borrowed until the next call that opens or maps. */
enum err index_cache_get(struct index *ix, uint64_t offset, uint32_t len, struct str *entry) MUST_CHECK;

/*
 * A new cyrus.cache beside the old one, under the lock: entries are added in
 * turn, then it takes the old one's name, or is thrown away.  It is not flushed:
 * entries check themselves.
 */
struct new_cache {
	int dirfd, fd;
	struct buf b;			/* not written yet */
	uint64_t size;			/* with that */
};
enum err index_cache_begin(int dirfd, struct new_cache *c) MUST_CHECK;
enum err index_cache_put(struct new_cache *c, struct str entry, uint64_t *offset) MUST_CHECK;
enum err index_cache_end(struct new_cache *c, bool replace) MUST_CHECK;

#endif
