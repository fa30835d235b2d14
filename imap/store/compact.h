/* compact.h - leaving out tombstones whose messages are gone */
#ifndef IMAP_STORE_COMPACT_H
#define IMAP_STORE_COMPACT_H

#include "imap/disk/index.h"
#include "imap/store/local.h"

/*
 * Under the mailbox's lock, nothing to repair: writes cyrus.index and
 * cyrus.cache anew without the reclaimed tombstones of at or before BEFORE
 * (unix seconds), if there are enough of them and nobody has a view of the
 * mailbox; else does nothing.  IX is stale afterwards: close it.  *DROPPED:
 * how many were left out.
 */
enum err compact_index(struct partition *part, struct index *ix, int64_t before,
    uint32_t *dropped) MUST_CHECK;

#endif
