/*
 * history_pack.h - the old part of cyrus.history: expunged UIDs in few bytes
 *
 * Blocks, each with its checksum, of runs of ranges; a robot's mailbox, in
 * which each message is expunged by itself in turn, takes some bytes for all
 * of them, others two to five bytes an entry.
 */
#ifndef IMAP_DISK_HISTORY_PACK_H
#define IMAP_DISK_HISTORY_PACK_H

#include "imap/disk/uidset.h"
#include "lib/buf.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

/* What happened to some UIDs at a modseq. */
enum history_kind {
	HISTORY_NOTHING = 0,		/* no UID: a commit that concerned no message */
	HISTORY_CHANGED = 1,		/* new, or with other flags */
	HISTORY_EXPUNGED = 2,
};

struct history_entry {
	uint64_t modseq;
	struct uidrange uids;
	enum history_kind kind;
	bool more;			/* the next one has the same modseq */
};

/* Those of the N entries that are expunges, in rising modseqs, behind what is in OUT. */
void history_pack(struct buf *out, const struct history_entry *e, size_t n);

/*
 * Calls EACH for all entries of the blocks that hold one with a higher modseq
 * than SINCE, and for no damaged one.  False: something is damaged.
 */
typedef void (*history_each_fn)(void *ctx, const struct history_entry *e);
bool history_unpack(struct str blocks, uint64_t since, history_each_fn each, void *ctx);

#endif
