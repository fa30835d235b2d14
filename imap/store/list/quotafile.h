/*
 * quotafile.h - quota/ROOT: the cached sum of one quota root
 *
 * Changed in place under LOCK_QUOTA, never flushed: it can always be counted
 * anew, and checks itself.  Text of a fixed length (doc/formats.md).
 */
#ifndef IMAP_STORE_LIST_QUOTAFILE_H
#define IMAP_STORE_LIST_QUOTAFILE_H

#include "imap/store/list/local.h"
#include "imap/store/list/quota.h"
#include "lib/str.h"

struct quotafile {
	uint64_t bytes, messages, annotation;	/* used */
	struct quota_limits limit;	/* for people; mailboxes.db decides */
	uint64_t changes;		/* counts writes, so that a recount sees them */
};

/*
 * A sum that nobody knows yet, written by who begins to count a root whose file is
 * missing or damaged.
 */
#define QUOTAFILE_UNKNOWN	UINT64_MAX	/* .bytes */

/*
 * Where .changes of a file begins that is made (again): at random, lest a count
 * that began with the one before take the two for one.
 */
uint64_t quotafile_first_change(void);

/* Opens and locks it; with CREATE makes an empty one if it is missing. */
enum err quotafile_lock(struct store *s, struct str root, bool create, int *fd) MUST_CHECK;
void quotafile_unlock(int fd);		/* and closes it */

/*
 * ERR_CORRUPT: new, torn or foreign; not logged.  ERR_STALE: all is right but the
 * sum, which has to be counted.
 */
enum err quotafile_read(int fd, struct quotafile *q) MUST_CHECK;
enum err quotafile_write(int fd, const struct quotafile *q) MUST_CHECK;

/*
 * Without a lock: what is in it is whole, or ERR_STALE, or ERR_CORRUPT, at once if
 * it is damage and not somebody who is writing.
 */
enum err quotafile_peek(struct store *s, struct str root, struct quotafile *q) MUST_CHECK;

/* To the disk: the limits in it are a copy that must not be lost. */
enum err quotafile_flush(struct store *s, struct str root) MUST_CHECK;

/* Whoever looks at it next counts anew.  Needs no lock. */
enum err quotafile_remove(struct store *s, struct str root) MUST_CHECK;

/* Can ROOT be a file's name? */
bool quotafile_possible(struct str root);

#endif
