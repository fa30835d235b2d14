/* mbcreate.h - what is asked before a mailbox gets a special use */
#ifndef IMAP_STORE_NAMES_MBCREATE_H
#define IMAP_STORE_NAMES_MBCREATE_H

#include "imap/store/list/mblist.h"

/*
 * May the mailbox NAME have the special uses USE (NULL: none)?  ERR_DENIED: its
 * owner has another one, but EXCEPT (NULL: none), with one of them.  With
 * LOCK_NAMES.
 */
enum err mbcreate_check_use(struct store *s, struct str name, const char *use,
    const char *except) MUST_CHECK;

#endif
