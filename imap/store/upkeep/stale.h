/*
 * stale.h - an index that knows less than its mailbox has been through
 *
 * Put back from a backup, or by rot, cyrus.index may be an older one of itself.
 * Then UIDs that it takes for free are those of messages.  What tells is the
 * witness in cyrus.header (imap/disk/witness.h), and the message files: one of
 * a UID that was never given is left by a commit that was never finished, or a
 * message.  Nobody can say which, so neither the file nor its UID is touched:
 * reconstruct makes it a message again.  Only what a living system's own mark
 * (index_header.writing_uid) calls unfinished is removed, and what a power cut
 * has left empty or torn (spool_is_torn()) beside an index that is as old as its
 * mailbox: that was acknowledged to nobody, for then the log would have it.
 *
 * All under the mailbox's lock, when no commit is to be finished.
 */
#ifndef IMAP_STORE_UPKEEP_STALE_H
#define IMAP_STORE_UPKEEP_STALE_H

#include "imap/disk/index.h"

/* Is it older than the witness says?  Without the lock, too. */
bool stale_is_old(struct index *ix);

/* If it is, raises its last UID and highest modseq to the witness's; logged. */
void stale_raise(struct index *ix);

/*
 * Raises the last UID above all message files that no record knows; logged.
 * IS_CURRENT: the index was not an old one, so torn files go.
 */
enum err stale_pass_over(struct index *ix, bool is_current) MUST_CHECK;

/* Removes the files of a commit whose writer died before the log had it. */
void stale_remove_unwritten(struct index *ix);

#endif
