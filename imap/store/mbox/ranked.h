/*
 * ranked.h - orders of a mailbox's messages that are kept for later sessions
 *
 * The tables of cyrus.sort (imap/disk/ranks.h) for those who sort an open mailbox.
 * What a session has found out it hands over with ranked_keep(); it is written by
 * ranked_write(), after the client has had his answer.  Neither waits for
 * anybody: if the mailbox is locked just then, it is tried again after the next
 * command, and if there is no room, it is left, without a word.
 *
 * Where there is no directory `stage` on the same file system as the mailbox's
 * directory (somebody has put a link in its place), nothing is ever kept.
 *
 * Limits: RANKED_KEPT tables wait to be written, others are dropped.
 * Locks: the mailbox's, if it is free, for a rename.
 */
#ifndef IMAP_STORE_MBOX_RANKED_H
#define IMAP_STORE_MBOX_RANKED_H

#include "imap/disk/ranks.h"
#include "imap/store/mbox/mbox.h"

enum { RANKED_KEPT = 4 };

/*
 * To be given back with ranks_free().  KEYS: the version of what makes the keys.
 * ERR_NOTFOUND: there is nothing of use.
 */
enum err ranked_read(struct mbox *m, uint32_t keys, struct ranks_by by, struct ranks *r) MUST_CHECK;

/* Takes R, which has no message that the session does not know; R is empty then. */
void ranked_keep(struct mbox *m, uint32_t keys, struct ranks_by by, struct ranks *r);

/* Is there something to be written? */
bool ranked_waits(const struct mbox *m);

/* Writes what was handed over.  Between two commands. */
void ranked_write(struct mbox *m);

/* Drops what was not written. */
void ranked_drop(struct mbox *m);

#endif
