/*
 * rec.h - change records: what a commit did
 *
 * A log frame's payload is one commit: a version, the commit's id and time,
 * then records.  A record states what is so afterwards, never a difference,
 * so that applying it twice is harmless.  Numbers are big-endian, nothing in
 * it is a path or depends on the machine; the encoding is described byte by
 * byte in doc/records.md and is what replication will ship.
 */
#ifndef IMAP_DISK_REC_H
#define IMAP_DISK_REC_H

#include "imap/disk/annot.h"
#include "imap/disk/index.h"
#include "lib/buf.h"
#include "lib/err.h"

enum { REC_VERSION = 1 };

enum rec_type {
	REC_BAD = 0,		/* of unknown type, or its body makes no sense */
	REC_MAILBOX = 'M',	/* the records that follow are of this mailbox */
	REC_HEAD = 'H',		/* its counters */
	REC_MESSAGE = 'A',	/* a message's whole record: it is there now */
	REC_FLAGS = 'F',	/* a message's flags, keywords, modseq; expunge too */
	REC_KEYWORD = 'K',	/* a keyword's number and name */
	REC_SEEN = 'S',		/* a user's \Seen set */
	REC_BLOB = 'B',		/* the bytes of a small message */
	REC_ANNOTS = 'N',	/* annotations that are set or taken away */
};

struct rec_head {
	uint32_t last_uid, recent_uid;
	uint64_t highestmodseq;
};

/*
 * Where the bytes of a REC_MESSAGE can be found again if its file was not
 * flushed: in a REC_BLOB of the same frame, in the stage directory under the
 * blob's id, or as message `uid` of mailbox `mailbox`.
 */
enum rec_source { SOURCE_INLINE = 1, SOURCE_STAGE = 2, SOURCE_COPY = 3 };

struct rec_message {
	struct index_record r;		/* cache_*, crc: not kept */
	enum rec_source source;
	struct id128 from_mailbox;	/* SOURCE_COPY */
	uint32_t from_uid;
};

struct rec_flags {
	uint32_t uid, flags;
	uint64_t keywords[2];
	uint64_t modseq;
	int64_t changed;
};

struct rec_keyword {
	uint8_t number;
	struct str name;
};

struct rec_seen {
	struct str user;
	uint32_t recent_uid;
	int64_t changed;
	struct str uids;		/* an IMAP sequence set, sorted: "1:4,7" */
};

struct rec_blob {
	struct id128 id;
	struct str bytes;
};

struct rec {
	enum rec_type type;
	union {
		struct id128 mailbox;
		struct rec_head head;
		struct rec_message message;
		struct rec_flags flags;
		struct rec_keyword keyword;
		struct rec_seen seen;
		struct rec_blob blob;
		struct str annots;	/* for rec_annot_next() */
	};
};

/* Starts a frame with a new commit id. */
void rec_begin(struct buf *frame, int64_t now);

void rec_add_mailbox(struct buf *frame, const struct id128 *id);
void rec_add_head(struct buf *frame, const struct rec_head *h);
void rec_add_message(struct buf *frame, const struct rec_message *m);
void rec_add_flags(struct buf *frame, const struct rec_flags *f);
void rec_add_keyword(struct buf *frame, const struct rec_keyword *k);
void rec_add_seen(struct buf *frame, const struct rec_seen *s);

/* N changes in one record: a value {NULL, 0} takes its annotation away. */
void rec_add_annots(struct buf *frame, const struct annot *change, size_t n);
/* The next of a record's; borrowed from the frame.  False at the end. */
bool rec_annot_next(struct str *annots, struct annot *change);

/* The record's head only: the caller puts the SIZE bytes behind it in the frame. */
void rec_add_blob_head(struct buf *frame, const struct id128 *id, size_t size);

/*
 * Reading: rec_first() checks the version and skips the commit's head;
 * rec_next() yields the records in order and false at the end.  A record
 * that cannot be read is yielded as REC_BAD: it may have named a mailbox, so
 * what follows up to the next REC_MAILBOX belongs to nobody known.  Where not
 * even its length can be right, the rest of the frame is one REC_BAD.
 */
bool rec_first(struct str *frame);
bool rec_next(struct str *frame, struct rec *r);

#endif
