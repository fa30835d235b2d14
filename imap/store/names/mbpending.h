/*
 * mbpending.h - changing the list of mailboxes: the lock, and what follows
 *
 * A change of names is a transaction on mailboxes.db, made with LOCK_NAMES
 * held.  What has to be done to files because of it is put into the list by
 * the same transaction; mbpending_run() does it and takes it off.  So it does
 * not matter who does it, or how often: whoever changes names next finishes
 * what a process left that was killed.
 */
#ifndef IMAP_STORE_NAMES_MBPENDING_H
#define IMAP_STORE_NAMES_MBPENDING_H

#include "imap/store/list/mbdb.h"

/* Also finishes what a dead process left.  ERR_BUSY. */
enum err names_lock(struct store *s) MUST_CHECK;
void names_unlock(struct store *s);

/* That the files of E go, wherever its directory is when they do. */
enum err mbpending_add_reap(struct store *s, struct kv_txn *txn,
    const struct mbentry *e) MUST_CHECK;

/* Does all of it; what fails is logged and stays for the next time. */
void mbpending_run(struct store *s);

#endif
