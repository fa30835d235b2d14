/*
 * mbrename.h - giving a set of mailboxes other names
 */
#ifndef IMAP_STORE_NAMES_MBRENAME_H
#define IMAP_STORE_NAMES_MBRENAME_H

#include "imap/store/list/mbset.h"

/*
 * One transaction that gives entry i the name TO[i].  TOP is the old name
 * above them all.  Quota roots at or below it become those at or below NEW_TOP;
 * if that is {NULL, 0} they stay, as far as mailboxes do.
 */
enum err mbset_rename(struct store *s, struct mbset *set, const char *const *to,
    struct str top, struct str new_top) MUST_CHECK;

/* Takes away the quota roots at or below TOP that have no mailbox any more. */
enum err mbset_drop_roots(struct store *s, struct kv_txn *txn, struct str top) MUST_CHECK;

#endif
