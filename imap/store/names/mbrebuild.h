/*
 * mbrebuild.h - mailboxes.db anew from what every mailbox says of itself
 *
 * Reads cyrus.header of every directory of every partition and the limits in
 * quota/.  Two mailboxes of one name: the one in the name's canonical
 * directory keeps it, else the one with the higher UIDVALIDITY; the other is
 * called NAME-recovered-ID.  Two directories of one id: the one with the
 * higher modseq counts.  All such decisions are logged.  With LOCK_NAMES held;
 * killed in the middle of it, the next process that opens the store begins anew.
 */
#ifndef IMAP_STORE_NAMES_MBREBUILD_H
#define IMAP_STORE_NAMES_MBREBUILD_H

#include "imap/store/list/mblist.h"

enum err mblist_rebuild(struct store *s) MUST_CHECK;

#endif
