/*
 * reclaim.h - giving back the room of expunged messages
 *
 * An expunged message's record stays as a tombstone, its file until it is
 * reclaimed: with expunge_delayed when it is old enough (cyr_expire -X), else
 * at once if no other session has the mailbox open, and after expunge_grace
 * seconds if one has.
 *
 * Reclaiming is not logged: a tombstone whose file is gone without the mark is
 * met again and found to be done.
 */
#ifndef IMAP_STORE_UPKEEP_RECLAIM_H
#define IMAP_STORE_UPKEEP_RECLAIM_H

#include "imap/disk/index.h"
#include "imap/store/list/mblist.h"
#include "imap/store/list/params.h"

/*
 * Every session that has a view of the mailbox says so, with a shared lock on
 * cyrus.index itself that ends with the descriptor, before it looks into it.
 */
void reclaim_hold(struct index *ix);

/* May reclaim_files() be called for what is expunged now?  Expunged messages
 * are not kept, and no other process has such a lock; our own is kept. */
bool reclaim_may(const struct store *s, struct index *ix);

/* Under the mailbox's lock: unlinks the files of messages expunged at or
 * before BEFORE (unix seconds); how many. */
uint32_t reclaim_files(struct index *ix, int64_t before);
/*
 * The same for these messages, those of them that are expunged, durably: their
 * files do not come back.  An error: some may.
 */
enum err reclaim_uids(struct index *ix, const uint32_t *uids, size_t n) MUST_CHECK;

/*
 * For cyr_expire: the same for a mailbox by its entry, and then compact_index().
 * What was expunged since the last checkpoint stays: call store_checkpoint()
 * before.  ERR_NOTFOUND: it is deleted.
 */
enum err reclaim_mailbox(struct store *s, const struct mbentry *e, int64_t before,
    uint32_t *reclaimed) MUST_CHECK;

/*
 * Workers keep mailboxes small by themselves.  After a commit the mailbox is
 * noted if compact_due() or history_append() says so; between two commands
 * the noted ones are looked through: files of messages that have been expunged
 * for expunge_grace seconds go, unless they are kept for cyr_expire; then
 * compact_index().  Locked ones are passed over.
 */
void reclaim_note(struct store *s, const struct id128 *mailbox);
void reclaim_noted(struct store *s);

#endif
