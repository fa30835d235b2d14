/*
 * autocreate.h - the first mailboxes of a new user
 *
 * With autocreate_quota 0 or more a user who has no INBOX gets one, with that
 * storage limit if it is more than 0, and the folders that
 * autocreate_inbox_folders names; autocreate_subscribe_folders of them are
 * subscribed.
 */
#ifndef IMAP_SERVER_AUTOCREATE_H
#define IMAP_SERVER_AUTOCREATE_H

#include "imap/server/user.h"
#include "imap/store/store.h"
#include "lib/arena.h"
#include "lib/conf.h"
#include "lib/err.h"

#include <stdbool.h>

/* Is this a user who may have an INBOX by himself? */
bool autocreate_allows(const struct conf *conf, const struct user *u);

/*
 * Makes what is missing if the INBOX is; OK also if nothing is to be done.
 * Failures are logged; a folder that fails does not keep the others out.
 */
enum err autocreate(struct store *s, struct arena *arena, const struct conf *conf,
    const struct user *u) MUST_CHECK;

#endif
