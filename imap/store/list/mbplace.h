/*
 * mbplace.h - moving directories to where their mailboxes' names say
 *
 * Cosmetics: a mailbox works wherever its entry says that it lies.  With
 * LOCK_NAMES held.
 */
#ifndef IMAP_STORE_LIST_MBPLACE_H
#define IMAP_STORE_LIST_MBPLACE_H

#include "imap/store/list/mbdb.h"

/* Finishes, or gives up, the move that the list says is going on. */
enum err mbplace_finish(struct store *s) MUST_CHECK;

/*
 * Moves the directories of these mailboxes to their canonical places, as far
 * as they are not there.  Mailboxes that lie in a directory that is moved go
 * with it; if that is not their place, they are noted as pending.
 */
enum err mbplace_all(struct store *s, const struct id128 *ids, size_t n) MUST_CHECK;

#endif
