/* mbpartition.h - moving a mailbox to another partition */
#ifndef IMAP_STORE_NAMES_MBPARTITION_H
#define IMAP_STORE_NAMES_MBPARTITION_H

#include "imap/store/list/mbdb.h"

/*
 * Copies the mailbox's files and changes its entry, with LOCK_NAMES held; the
 * old files are left for mbpending_run().  Sessions that have it open see it
 * deleted and may open it again.
 */
enum err mbpartition_move(struct store *s, const struct mbentry *e, const char *partition)
    MUST_CHECK;

#endif
