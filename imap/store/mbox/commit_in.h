/* commit_in.h - the inside of a commit, for commit*.c */
#ifndef IMAP_STORE_MBOX_COMMIT_IN_H
#define IMAP_STORE_MBOX_COMMIT_IN_H

#include "imap/store/mbox/txn_in.h"

struct commit {
	struct store *s;
	struct txn **txn;
	size_t txns;
	struct target *target;		/* by mailbox id */
	size_t targets;
	bool move;
	bool atomic;
	bool again;			/* plan it once more: UIDs were taken, a source was busy */
};

/*
 * Step 1 of a commit for one mailbox: message files under their names, cache
 * entries, room in the index, new keyword names, the new cyrus.seen under a
 * temporary name.  On error what it made is gone again, but for keyword names,
 * which do no harm.
 */
enum err commit_write_files(struct commit *c, struct target *tg) MUST_CHECK;

/* The same undone: nothing of it is in the log. */
void commit_undo_files(struct target *tg);

/*
 * The first message of this commit, before N, that put N's blob on TG's
 * partition, and its directory; NULL if N is the first.
 */
const struct new_message *commit_written_before(struct commit *c, const struct target *tg,
    const struct new_message *n, int *dirfd);

/* Will there be a record of the mailbox in the log? */
bool commit_has_work(const struct target *tg);

/*
 * Step 2 for the mailboxes of a partition: marks the headers, appends and
 * flushes.  *appended: undoing is too late.
 */
enum err commit_log(struct commit *c, struct partition *part, bool *appended) MUST_CHECK;

/*
 * Step 3 for one mailbox, but for its lock.  ERR_UNKNOWN: it is in the log, but
 * not everybody sees it yet.
 */
enum err commit_apply(struct target *tg) MUST_CHECK;

#endif
