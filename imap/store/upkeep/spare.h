/*
 * spare.h - indexes kept open for the next who needs them
 *
 * A mailbox that was selected, asked for its STATUS, appended or copied to is
 * likely to be needed again by the same process.  Its directory and index stay
 * open, the last SPARES of them, without any lock.
 *
 * Whoever takes one gets what opening anew would give: by its path it is made
 * sure that the same file is still there, of no less than the length known.
 */
#ifndef IMAP_STORE_UPKEEP_SPARE_H
#define IMAP_STORE_UPKEEP_SPARE_H

#include "imap/disk/index.h"
#include "imap/store/list/local.h"
#include "imap/store/list/mblist.h"

/* NULL if there is none; else it is the caller's. */
struct index *spare_take(struct store *s, const struct partition *part,
    const struct mbentry *e);

/* Instead of index_close(). */
void spare_keep(struct store *s, struct index *ix);

/* Closes all. */
void spare_drop(struct store *s);

#endif
