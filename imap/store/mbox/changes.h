/*
 * changes.h - what has changed in a mailbox since a state that a client knows
 *
 * For CONDSTORE and QRESYNC (RFC 7162).  Each commit that changes anything in
 * a mailbox gets the next modseq, one for all that it does.  It is given to
 * the messages that it adds, whose flags or keywords it changes, and to those
 * that it expunges.  A modseq that anybody has seen is never given again, and
 * none is lower than one before it, whatever is killed or cut off.
 *
 * Modseqs belong to the mailbox, not to a user (section 3.1 of the RFC speaks of
 * the mailbox's messages).  So a \Seen that is a user's own in a shared mailbox
 * changes the message's modseq for everybody: others find the message among
 * the changed ones, with the flags that they knew.  \Recent has no modseq.
 *
 * STORE with UNCHANGEDSINCE is struct store_params_flags in txn.h: the limit
 * is looked at under the mailbox's lock.
 */
#ifndef IMAP_STORE_MBOX_CHANGES_H
#define IMAP_STORE_MBOX_CHANGES_H

#include "imap/disk/uidset.h"
#include "imap/store/mbox/mbox.h"
#include "lib/arena.h"
#include "lib/err.h"

struct mbox_changes {
	uint32_t *changed;		/* sequence numbers in the view, rising */
	size_t changed_count;
	struct uidrange *expunged;	/* UIDs, rising, with gaps between */
	size_t expunged_count;
	bool exact;
};

/*
 * What is news to a client that knows the mailbox as of SINCE (a modseq that
 * it was told; 0: nothing) in relation to M's view: messages of the view with
 * a higher modseq, new ones too, and the UIDs that are not in the view because
 * they were expunged after SINCE.  A message that is expunged but still in the
 * view is in neither: the next mbox_refresh() tells of it.
 *
 * Not `exact`: what was expunged back then is not known any more, because a
 * file was lost or damaged.  Then `expunged` is all UIDs that were given and
 * are not in the view, which RFC 7162 section 3.2.5.1 allows as the answer to
 * a client whose state is too old.  `changed` is always exact.
 *
 * WITHIN limits the UIDs in `expunged`; NULL: all.  ERR_LIMIT: the arena is full.
 */
enum err mbox_changes_since(struct mbox *m, struct arena *arena, uint64_t since,
    const struct uidset *within, struct mbox_changes *c) MUST_CHECK;

#endif
