/* checkpoint.h - bringing a partition's files up to its log */
#ifndef IMAP_STORE_UPKEEP_CHECKPOINT_H
#define IMAP_STORE_UPKEEP_CHECKPOINT_H

#include "imap/store/list/local.h"

/*
 * Makes sure that all commits so far are in the files and the files on the
 * disk, then lets the log go.  ERR_BUSY: another process is at it.
 */
enum err checkpoint_partition(struct store *s, struct partition *part) MUST_CHECK;

/*
 * The same; all files that are there now are flushed, even if the log has nothing
 * new, and another process's is waited for.  ERR_BUSY: for too long, or a mailbox or
 * the list could not be looked at.
 */
enum err checkpoint_and_flush(struct store *s, struct partition *part) MUST_CHECK;

/*
 * Under a mailbox's lock: flushes all of the partition's files.  Of what is in
 * the log before *LSN replay needs nothing any more for this mailbox, whose
 * index may be replaced by one with this base_lsn.
 */
enum err checkpoint_settle(struct partition *part, uint64_t *lsn) MUST_CHECK;

/* Has the log grown enough that it should be done? */
bool checkpoint_due(const struct partition *part);

/* Removes what is in the stage directory; only when nobody else has the store open. */
void checkpoint_clear_stage(struct partition *part);

#endif
