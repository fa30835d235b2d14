/* user_in.h - the inside of a struct user, for user*.c */
#ifndef IMAP_SERVER_USER_IN_H
#define IMAP_SERVER_USER_IN_H

#include "imap/server/user.h"
#include "lib/buf.h"
#include "lib/groups.h"

struct user_inside {
	struct user u;			/* first: what callers see */
	const struct conf *conf;
	bool groups_known;
	struct groups groups;
	user_groups_fn groups_fn;	/* NULL: they are looked up here */
	void *groups_ctx;
	struct user *self;		/* with by_acl: who acts */
	struct buf userid, name, authcid, inbox;
};

#endif
