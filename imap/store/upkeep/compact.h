/*
 * compact.h - leaving out tombstones whose messages are gone
 *
 * cyrus.index and cyrus.cache are written anew without them, whoever has the
 * mailbox open: sessions find out at their next refresh, or when they want to
 * write, and go over to the new file with their view as it is (mbox_reopen()).
 * What was expunged stays in cyrus.history.
 */
#ifndef IMAP_STORE_UPKEEP_COMPACT_H
#define IMAP_STORE_UPKEEP_COMPACT_H

#include "imap/disk/index.h"
#include "imap/store/list/local.h"

/*
 * The commits up to this modseq are before a checkpoint: their files and
 * records are on the disk, and no replay looks at them.  Under the lock.
 */
uint64_t compact_settled(const struct partition *part, const struct index *ix);

/* Is it time to look?  Few loads: for every commit.  Under the lock. */
bool compact_due(const struct index *ix, int64_t now);

/*
 * Under the mailbox's lock, nothing to repair: leaves out the tombstones that
 * are reclaimed and settled, if there are enough of them.  IX is replaced
 * afterwards: close it.  *DROPPED: how many were left out.  After an error the
 * mailbox is as it was.
 */
enum err compact_index(struct partition *part, struct index *ix, uint32_t *dropped) MUST_CHECK;

#endif
