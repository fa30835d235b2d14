/*
 * urlkeys.h - mailbox access keys of URLAUTH (RFC 4467 section 4)
 *
 * Whoever has the key of a user for a mailbox can write URLs that open its
 * messages to others.  user/J/USER.urlauth in the configuration directory has
 * a line a mailbox: its id (so a renamed one keeps its key), TAB, the key, both
 * in hex.  A key is made when it is first asked for, durably; one that is lost
 * makes URLs void, and nothing else.
 */
#ifndef IMAP_STORE_LIST_URLKEYS_H
#define IMAP_STORE_LIST_URLKEYS_H

#include "imap/store/list/params.h"
#include "lib/err.h"

enum { URLKEY_SIZE = 32 };

/* ERR_NOTFOUND without CREATE if there is none yet. */
enum err urlkeys_get(struct store *s, struct str user, const struct id128 *mailbox,
    bool create, uint8_t key[URLKEY_SIZE]) MUST_CHECK;

/* Forgets the key of a mailbox, of all of them for NULL. */
enum err urlkeys_reset(struct store *s, struct str user, const struct id128 *mailbox) MUST_CHECK;

#endif
