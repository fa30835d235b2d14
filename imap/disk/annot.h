/*
 * annot.h - cyrus.annotations: what people have noted on a mailbox and its messages
 *
 * An annotation is a value under a name ("/comment"), of the mailbox (UID 0) or
 * of a message, shared by all or one user's own.  A file holds all of one
 * mailbox and is small: it is read whole, changed in memory and replaced whole.
 * The same format serves for the server's own annotations (imap/store/names/notes.h).
 *
 * Text, one line an annotation, TAB between: UID, modseq, owner (empty: shared),
 * name, value, CRC-32C of what is before it in hex.  In the last two texts the bytes
 * 0-31, 127 and "%" are %XX.  A damaged line is told of and dropped.  The last
 * line is "end", the count of those before it, and its CRC: a file that was cut
 * off, even at the end of a line, is told of, too.
 *
 * Locks: who replaces the file has the mailbox's lock.
 */
#ifndef IMAP_DISK_ANNOT_H
#define IMAP_DISK_ANNOT_H

#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct annot {
	uint32_t uid;			/* 0: the mailbox's */
	uint64_t modseq;		/* of its last change */
	struct str owner;		/* {.n = 0}: shared */
	struct str entry;
	struct str value;		/* {NULL, 0} in a change: it is taken away */
};

/*
 * ENTRY's new VALUE; {NULL, 0} takes it away.  OWNER: whose own it is; empty:
 * shared.  The mailbox itself, or each message, may have at most MAX of one owner (of the shared
 * ones) when it is done: ERR_LIMIT; 0: any number.
 */
struct annotate_params {
	struct str entry, owner, value;
	size_t max;
};

/* Sorted by UID, entry, owner; owns all bytes in it. */
struct annots {
	struct annot *v;
	size_t n, size;
	bool missing;			/* there is no file */
};
#define ANNOTS_INIT	((struct annots){ NULL, 0, 0, false })

void annots_free(struct annots *a);	/* empty and usable again */

/*
 * FILE of the directory; none is empty.  Who knows that there has been one asks
 * a->missing.  ERR_IO, ERR_LIMIT (larger than we write).
 */
enum err annots_read(int dirfd, const char *file, struct annots *a) MUST_CHECK;

/* NULL if it is not there; borrowed until the next change. */
const struct annot *annots_find(const struct annots *a, uint32_t uid, struct str entry,
    struct str owner);

/* Their order: by UID, entry, owner. */
int annot_cmp(const struct annot *a, const struct annot *b);

/* The first of UID or a higher one; a->n: none. */
size_t annots_first(const struct annots *a, uint32_t uid);

/* Sets, or takes away, one; the bytes are copied. */
void annots_put(struct annots *a, const struct annot *change);

/* Drops those for which KEEP is false. */
typedef bool (*annots_keep_fn)(void *ctx, const struct annot *one);
void annots_filter(struct annots *a, annots_keep_fn keep, void *ctx);

/*
 * Is it the entry that PATTERN means?  "*" stands for one or more bytes, "%" for
 * one or more but "/" (RFC 5257 section 4.3).  Time is at most the product of
 * both lengths.
 */
bool annot_matches(struct str pattern, struct str entry);

/* What it takes of a quota: octets of its name and value. */
uint64_t annot_size(const struct annot *one);

/*
 * Replacing the file in two steps: annots_prepare() writes and flushes the new
 * one beside the old and may fail (ERR_LIMIT: larger than ANNOTS_MAX); annots_apply()
 * gives it the name; annots_cancel() removes it again.
 */
enum { ANNOTS_MAX = 64 << 20 };
enum err annots_prepare(int dirfd, const char *file, const struct annots *a) MUST_CHECK;
enum err annots_apply(int dirfd, const char *file) MUST_CHECK;
void annots_cancel(int dirfd, const char *file);

#define ANNOTS_FILE	"cyrus.annotations"

#endif
