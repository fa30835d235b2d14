/*
 * user_deny.h - users who may not use a service: user_deny.db
 *
 * The file is Cyrus's, userdeny_db: flat (its default).  A line is
 *
 *	USER TAB 2 TAB SERVICES TAB MESSAGE LF
 *
 * in the order of the users' names, as people write them.  SERVICES are
 * wildcard patterns of names in cyrus.conf, separated by commas; of those that
 * match the last one counts, and "!" before it means that the service is
 * allowed.  Version 1 has no message.
 *
 * It is read at each login, so a change counts at once.  It is replaced whole,
 * and flushed before it gets its name.
 */
#ifndef IMAP_SERVER_USER_DENY_H
#define IMAP_SERVER_USER_DENY_H

#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

/*
 * ERR_DENIED, with the words for the client in TELL: USER may not use SERVICE.
 * ERR_IO (logged): the list is there and cannot be read, so nobody can tell.
 */
enum err user_denied(const struct conf *conf, const char *user, const char *service,
    struct buf *tell) MUST_CHECK;

/* Puts a line there, or takes USER's away (SERVICES NULL; ERR_NOTFOUND). */
enum err user_deny(const struct conf *conf, const char *user, const char *services,
    const char *message) MUST_CHECK;

/* Each line, MESSAGE "" if there is none. */
typedef void (*user_deny_each_fn)(void *ctx, struct str user, struct str services,
    struct str message);
enum err user_deny_walk(const struct conf *conf, user_deny_each_fn each, void *ctx) MUST_CHECK;

#endif
