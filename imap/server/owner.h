/*
 * owner.h - the user to whom the mail belongs
 *
 * Everything but master(8) runs as this user, so that no file of the store is
 * ever anybody else's: the environment's CYRUS_USER and CYRUS_GROUP, options
 * cyrus_user and cyrus_group, and what was built in, in this order.
 */
#ifndef IMAP_SERVER_OWNER_H
#define IMAP_SERVER_OWNER_H

#include "lib/conf.h"

#include <sys/types.h>

struct owner {
	const char *user;
	uid_t uid;
	gid_t gid;
};

/* Ends the process if there is no such user. */
struct owner owner_find(const struct conf *conf);

/* If we are root: become the owner, for good.  Ends the process if refused. */
void owner_become(const struct conf *conf);

#endif
