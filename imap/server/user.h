/*
 * user.h - who the client is, once it is known
 *
 * A struct user lives as long as its session.  Groups are those of the system
 * (getgrouplist), looked up when an ACL first names one.
 */
#ifndef IMAP_SERVER_USER_H
#define IMAP_SERVER_USER_H

#include "imap/store/list/mblist.h"
#include "lib/acl.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/str.h"

struct user {
	struct identity id;		/* .userid: internal form, as in user.X */
	const char *name;		/* as people write it: '.' where userid has '^' */
	const char *authcid;		/* who gave the password; may be an admin */
	struct str inbox;		/* "user.X", internal */
};

/*
 * USERID as the client gave it, put into its canonical form (lower case with
 * username_tolower, no '.', '/' ... that would not be one name component).
 * ERR_NAME for what cannot be a user.  SERVICE's admins are is_admin.
 */
enum err user_new(const struct conf *conf, struct str userid, const char *authcid,
    struct user **u) MUST_CHECK;
void user_free(struct user *u);		/* NULL allowed */

/*
 * May SELF, who has proved that it is he, act as U?  As himself, and an admin
 * as anybody.
 */
bool user_may_act(const struct conf *conf, const struct user *self, const struct user *u);

/* What the user may do with the mailbox. */
rights_t user_rights(struct user *u, const struct mbentry *e);

/* Is NAME the user's INBOX or something below it? */
bool user_owns(const struct user *u, struct str name);

/* Is USERID in the option's list of words (admins, lmtp_admins)? */
bool user_in_list(const struct conf *conf, enum conf_opt list, const char *userid);

#endif
