/*
 * annotwatch.h - which annotations of messages others have changed
 *
 * For a session that has asked for it (mbox_watch_annots()): it keeps a copy of the
 * annotations that its user may see, as far as it was told, and compares.  So an
 * annotation that was taken away is noticed, too.
 */
#ifndef IMAP_STORE_MBOX_ANNOTWATCH_H
#define IMAP_STORE_MBOX_ANNOTWATCH_H

#include "imap/store/mbox/mbox_in.h"

/*
 * Puts into U what has changed since the last time; in the place of numbers it has
 * UIDs, of which some may not be in the view.  H is a snapshot.
 */
enum err annotwatch_news(struct mbox *m, const struct index_header *h, struct arena *arena,
    struct mbox_update *u) MUST_CHECK;

/* Of these N changes M's session needs not be told: it has made them. */
void annotwatch_own(struct mbox *m, const struct annot *change, size_t n);

#endif
