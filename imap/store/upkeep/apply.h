/*
 * apply.h - change records into a mailbox's files
 *
 * Records are absolute states, so applying one twice, or one that is older than
 * the file, is harmless.  With the mailbox's lock, between index_write_begin() and
 * apply_settle().
 */
#ifndef IMAP_STORE_UPKEEP_APPLY_H
#define IMAP_STORE_UPKEEP_APPLY_H

#include "imap/disk/history.h"
#include "imap/disk/index.h"
#include "imap/disk/rec.h"
#include "imap/store/upkeep/restore.h"

struct applier {
	struct restorer restore;
	struct history_list history;	/* of the mailbox's records so far in this frame */
	bool cold;			/* after a power cut: files may be missing, words old */
	enum err err;			/* the first failure */
};

/* For cyrus.history, once a record, before apply_record(). */
void apply_note(struct applier *a, const struct rec *r);
enum err apply_record(struct applier *a, struct index *ix, const struct rec *r) MUST_CHECK;

/* Tells of one that cannot be read.  False: what follows in its frame is nobody's. */
bool apply_bad_record(const struct partition *part, uint64_t lsn);

/*
 * The repaired state is whole: sums, no dirt, readers may come in.  A frame
 * that had been applied before has not moved the highest modseq: the next
 * commit's must be news to who has read the names and \Seen as of now.
 */
void apply_settle(struct index *ix);

#endif
