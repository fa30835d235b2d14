/*
 * user.h - who the client is, once it is known
 *
 * A struct user lives as long as its session.  Its groups (lib/groups.h) are
 * looked up when an ACL, or a list of users in imapd.conf, first names one;
 * who comes from a grant brings them along.
 *
 * Domains.  With virtdomains a user of a domain sees his domain and nothing
 * else but, with crossdomains, what users of other domains share; an administrator
 * of a domain that domain only.  Users without one, who are those of
 * defaultdomain, see what is in no domain; administrators without one all.
 * user_rights() is where this is decided, whatever name was found by.
 */
#ifndef IMAP_SERVER_USER_H
#define IMAP_SERVER_USER_H

#include "imap/store/list/mblist.h"
#include "lib/acl.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/groups.h"
#include "lib/str.h"

struct user {
	struct identity id;		/* .userid: internal form, as in user.X */
	const char *name;		/* as people write it: '.' where userid has '^' */
	const char *authcid;		/* who gave the password; may be an admin */
	struct str inbox;		/* "user.X", internal */
	struct str domain;		/* internal form; .n == 0: none */
	bool is_global_admin;		/* an administrator, and not of a domain only */
	bool by_acl;			/* user_confirm() has to be asked yet */
};

/*
 * USERID as the client gave it, put into its canonical form (username.h).
 * ERR_NAME for what cannot be a user.
 */
enum err user_new(const struct conf *conf, struct str userid, const char *authcid,
    struct user **u) MUST_CHECK;
void user_free(struct user *u);		/* NULL allowed */

/* --- who may be whom --- */

/* Somebody has proved to be AUTHCID. */
struct user_claim {
	const char *service;		/* as cyrus.conf calls it, for cyr_deny(8) */
	struct str authcid;
	struct str userid;		/* as whom he wants to act; .n == 0: himself */
};

/*
 * May he?  As himself; as anybody if he is an administrator, of his domain
 * only if he has one, or in proxyservers; with loginuseacl as somebody on whose
 * INBOX he has the right a.  That last cannot be told without the store: by_acl
 * is set then, and user_confirm() must say yes before anything is done for him.
 *
 * ERR_AUTH: not a possible user.  ERR_DENIED: he may not, or cyr_deny(8) says
 * that this user may not use the service.  WHY is then for the log, TELL for
 * the client; if it is empty it gets to know the usual.
 */
enum err user_accept(const struct conf *conf, const struct user_claim *claim,
    struct user **u, struct buf *why, struct buf *tell) MUST_CHECK;

/*
 * Has cyr_deny(8) since said that U, or who acts as him, may not use SERVICE?  Then
 * TELL is why.  An administrator's session goes on, as in Cyrus.
 */
bool user_is_denied(const struct conf *conf, const struct user *u, const char *service,
    struct buf *tell);

/* For by_acl: OK, ERR_DENIED or an error of the store. */
enum err user_confirm(struct user *u, struct store *s) MUST_CHECK;

/*
 * A user as data that can be made in one process and used in another, which
 * looks nothing up then.  Strings are borrowed: from U until it is freed.
 */
struct user_grant {
	const char *userid, *authcid;	/* userid in internal form */
	bool groups_later;		/* .groups: nobody has looked */
	const char *const *groups;	/* all; NULL at the end */
	bool groups_doubtful;		/* as struct identity has it */
	bool is_admin, is_anonymous, by_acl;
	const char *const *own_groups;	/* with by_acl: those of AUTHCID */
	bool own_groups_doubtful;
};

void user_to_grant(struct user *u, struct user_grant *g);
/* ERR_NAME: the userid cannot be one. */
enum err user_from_grant(const struct conf *conf, const struct user_grant *g,
    struct user **u) MUST_CHECK;

/* Where one with .groups_later has his groups from, when they are needed. */
typedef void (*user_groups_fn)(void *ctx, struct groups *groups);
void user_groups_by(struct user *u, user_groups_fn fn, void *ctx);

/* --- what he may do --- */

/* What the user may do with the mailbox; nothing if it is in another domain. */
rights_t user_rights(struct user *u, const struct mbentry *e);

/* His identity with his groups looked up: for who asks mblist_rights() himself. */
const struct identity *user_identity(struct user *u);

/* Is NAME the user's INBOX or something below it? */
bool user_owns(const struct user *u, struct str name);

/*
 * Is the user in the option's list of words (admins, lmtp_admins), by name or
 * as a member of a group:NAME there?
 */
bool user_in_list(struct user *u, const struct conf *conf, enum conf_opt list);

#endif
