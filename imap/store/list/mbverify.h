/*
 * mbverify.h - is mailboxes.db what was written?
 *
 * Every page, every value, and whether names, ids and directories agree.  With
 * LOCK_NAMES held.  ERR_CORRUPT (logged): it is not, and nobody uses it any more;
 * who opens it next builds it anew from the spool.
 */
#ifndef IMAP_STORE_LIST_MBVERIFY_H
#define IMAP_STORE_LIST_MBVERIFY_H

#include "imap/store/list/local.h"

enum err mbverify(struct store *s) MUST_CHECK;

#endif
