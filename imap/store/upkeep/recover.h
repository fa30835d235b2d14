/*
 * recover.h - what a dead writer left unfinished
 *
 * Change records from the log into one mailbox's files, when its next writer finds
 * that the last one died between log and files.  Idempotent.  After a power cut it
 * is replay.h's affair.
 */
#ifndef IMAP_STORE_UPKEEP_RECOVER_H
#define IMAP_STORE_UPKEEP_RECOVER_H

#include "imap/disk/index.h"
#include "imap/store/list/local.h"
#include "imap/store/list/mblist.h"

/*
 * index_lock(), then the repair if it is needed.  On anything but OK the lock
 * is not held.
 */
enum err mailbox_lock(struct store *s, struct partition *part, struct index *ix,
    const struct mbentry *e) MUST_CHECK;

/*
 * With the lock: the index seems to know less than it should (stale.h).  Puts
 * into it what the log has, and raises its last UID above all that witness and
 * files speak of.
 */
enum err mailbox_catch_up(struct store *s, struct partition *part, struct index *ix,
    const struct mbentry *e) MUST_CHECK;

/*
 * For a reader: what a writer that is gone has left is finished, if that is so
 * and goes without waiting for anybody; else it is as it was.
 */
void mailbox_look_after(struct store *s, struct partition *part, struct index *ix,
    const struct mbentry *e);

#endif
