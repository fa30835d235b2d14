/*
 * grant.h - a user as a sealed grant, and back
 *
 * What authd knows of who has logged in (user.h) goes into a grant
 * (lib/handover.h), and a worker makes the same user of it without looking
 * anything up.
 */
#ifndef IMAP_SERVER_GRANT_H
#define IMAP_SERVER_GRANT_H

#include "imap/server/user.h"
#include "lib/handover.h"

/*
 * Appends U, who has named FOLDER (login_folder()), sealed with KEY for SERVICE.
 * ERR_LIMIT, ERR_SYNTAX: no such name or groups.
 */
enum err grant_user(const uint8_t key[GRANT_KEY], const char *service, struct user *u,
    struct str folder, struct buf *out) MUST_CHECK;

/* The user, and *g, which points into SEALED.  Errors as grant_open(), and ERR_NAME. */
enum err granted_user(const uint8_t key[GRANT_KEY], const char *service, struct str sealed,
    const struct conf *conf, struct grant *g, struct user **u) MUST_CHECK;

#endif
