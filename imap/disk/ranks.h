/*
 * ranks.h - cyrus.sort: in what order a mailbox's messages are by a text
 *
 * What SORT compares of a message, its subject, say, never changes, and so the
 * order of two messages by it never does.  The file has tables, one for each text
 * and collation that somebody has sorted a large mailbox by: the UIDs, rising, and
 * of each its rank, so that messages compare by the text as their ranks do; equal
 * texts have equal ranks.  Ranks may have gaps, and UIDs may be missing, or be of
 * messages that are gone.
 *
 * Nothing depends on the file: it follows from the messages and may be deleted at
 * any time.  It is replaced whole and never flushed; what is not right by its
 * checksums, of another mailbox, or made in another way is not there.
 *
 * Ownership: ranks_free() what ranks_read() has filled.
 * Limits: RANKS_MAX messages; a file of RANKS_FILE_MAX bytes.
 */
#ifndef IMAP_DISK_RANKS_H
#define IMAP_DISK_RANKS_H

#include "imap/disk/id128.h"
#include "lib/buf.h"
#include "lib/err.h"

#define RANKS_FILE	"cyrus.sort"

enum {
	RANKS_MAX = 1 << 24,
	RANKS_TABLES = 32,
	RANKS_FILE_MAX = 256 << 20,
};

/* Whose they are, and how they were made; another one's are of no use. */
struct ranks_origin {
	struct id128 mailbox;
	uint32_t uidvalidity;
	uint32_t keys;			/* the version of what makes the keys, */
	uint32_t unicode;		/*   and of the tables that it uses */
};

/* What a table is by: letters, imap/store/search/sort_key.c says which. */
struct ranks_by {
	char text, collation;
};

struct ranks {
	uint32_t *uid;			/* rising; the memory of both */
	uint32_t *rank;			/* of each, 1 to .highest */
	size_t n;
	uint32_t highest;		/* at most RANKS_MAX */
};

/* Room for N, to be filled. */
void ranks_new(struct ranks *r, size_t n);
void ranks_free(struct ranks *r);

/*
 * The table BY of the file in DIRFD.  ERR_NOTFOUND: there is none that is of use;
 * ERR_CORRUPT: the file is damaged; ERR_IO.
 */
enum err ranks_read(int dirfd, const struct ranks_origin *o, struct ranks_by by,
    struct ranks *r) MUST_CHECK;

struct ranks_table {
	struct ranks_by by;
	struct ranks ranks;
};

/*
 * Appends to FILE a file with these N tables and those others of the file in DIRFD that
 * are sound, and not mostly of messages that are gone: no more than twice as
 * long as the longest of T.
 */
void ranks_build(int dirfd, const struct ranks_origin *o, const struct ranks_table *t,
    size_t n, struct buf *file);

#endif
