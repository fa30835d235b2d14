/*
 * reclaim.h - giving back the room of expunged messages
 *
 * An expunged message's record stays as a tombstone, its file until it is
 * reclaimed: with expunge_delayed when it is old enough (cyr_expire -X), else
 * at once if no other session has the mailbox open, or by cyr_expire.
 *
 * Reclaiming is not logged: a tombstone whose file is gone without the mark is
 * met again and found to be done.
 */
#ifndef IMAP_STORE_RECLAIM_H
#define IMAP_STORE_RECLAIM_H

#include "imap/disk/index.h"
#include "imap/store/mblist.h"
#include "imap/store/store.h"

/*
 * Every session that has a view of the mailbox says so, with a shared lock on
 * cyrus.index itself that ends with the descriptor, before it looks into it.
 */
void reclaim_hold(struct index *ix);

/* Has no other process such a lock?  Our own is kept. */
bool reclaim_alone(struct index *ix);

/* Under the mailbox's lock: unlinks the files of messages expunged at or
 * before BEFORE (unix seconds); how many. */
uint32_t reclaim_files(struct index *ix, int64_t before);
/* The same for one message, if it is expunged. */
void reclaim_uid(struct index *ix, uint32_t uid);

/*
 * For cyr_expire: the same for a mailbox by its entry, and then compact_index().
 * Call store_checkpoint() before the first, so that no copy still depends on an
 * original in the log.  ERR_NOTFOUND: it is deleted.
 */
enum err reclaim_mailbox(struct store *s, const struct mbentry *e, int64_t before,
    uint32_t *reclaimed) MUST_CHECK;

#endif
