/*
 * user_act.c - may somebody act as somebody else, and use this service?
 *
 * Who acts as an administrator is one.  So none but administrators without a
 * domain and proxyservers can act as one; who comes by loginuseacl gets the
 * mail that he has been given, and not the office.
 */
#include "imap/server/domain.h"
#include "imap/server/user_deny.h"
#include "imap/server/user_in.h"
#include "lib/arena.h"

#include <string.h>

enum { CONFIRM_ARENA = 1 << 20 };

/*
 * An identity with a realm, where users have no domains, is from another realm
 * than ours: fred@ELSEWHERE is not our fred, unless loginrealms says so.
 */
static bool
is_ours(const struct conf *conf, struct str authcid)
{
	size_t at = str_rchr(authcid, '@');
	const char *list = conf_string(conf, CONF_LOGINREALMS);
	const char *home = conf_string(conf, CONF_DEFAULTDOMAIN);
	const char *host = conf_string(conf, CONF_SERVERNAME);
	struct str realm = str_slice(authcid, at + 1, authcid.n);
	struct str rest = str_c(list != NULL ? list : ""), word;
	if (domain_enabled(conf) || at == authcid.n
	    || (home != NULL && str_ieq(realm, str_c(home)))
	    || (host != NULL && str_ieq(realm, str_c(host))))
		return true;
	while (str_next_word(&rest, &word))
		if (str_ieq(word, realm))
			return true;
	return false;
}

/* Is U, whoever he is, somebody that the administrator SELF is set over? */
static bool
is_over(const struct user *self, const struct user *u)
{
	return self->is_global_admin
	    || (self->id.is_admin && str_eq(self->domain, u->domain));
}

static enum err
decide(const struct conf *conf, struct user *self, struct user *u, struct buf *why)
{
	if (strcmp(self->id.userid, u->id.userid) == 0
	    && self->id.is_anonymous == u->id.is_anonymous)
		return OK;
	if (!self->id.is_anonymous && !u->id.is_anonymous) {
		if (is_over(self, u) || user_in_list(self, conf, CONF_PROXYSERVERS))
			return OK;
		if (conf_switch(conf, CONF_LOGINUSEACL)) {
			u->by_acl = true;
			u->id.is_admin = u->is_global_admin = false;
			return OK;
		}
	}
	buf_printf(why, "SASL(-14): authorization failure: user %s is not allowed to proxy",
	    self->name);
	return ERR_DENIED;
}

static enum err
impossible(struct buf *why, const char *text)
{
	buf_printf(why, "SASL(-13): authentication failure: %s", text);
	return ERR_AUTH;
}

static enum err
accept_as(const struct conf *conf, const struct user_claim *c, struct user *self,
    struct user **u, struct buf *why, struct buf *tell)
{
	struct str as = c->userid.n > 0 ? c->userid : c->authcid;
	if (user_new(conf, as, self->name, u) != OK)
		return impossible(why, "cannot act as such a user");
	enum err e = decide(conf, self, *u, why);
	/* Both: nobody goes round it as somebody else, nor by somebody else. */
	if (e == OK)
		e = user_denied(conf, self->name, c->service, tell);
	if (e == OK && strcmp(self->name, (*u)->name) != 0)
		e = user_denied(conf, (*u)->name, c->service, tell);
	if (e == ERR_DENIED && tell->n > 0)
		buf_printf(why, "user_deny.db has %s: %s", self->name, tell->p);
	if (e != OK) {
		user_free(*u);
		*u = NULL;
	}
	return e;
}

enum err
user_accept(const struct conf *conf, const struct user_claim *c, struct user **u,
    struct buf *why, struct buf *tell)
{
	struct user *self = NULL;
	*u = NULL;
	if (!is_ours(conf, c->authcid)) {
		buf_printf(why, "SASL(-13): authentication failure: cross-realm login %.*s denied",
		    STR_ARG(c->authcid));
		return ERR_DENIED;
	}
	if (user_new(conf, c->authcid, "", &self) != OK)
		return impossible(why, "not a possible user");
	enum err e = accept_as(conf, c, self, u, why, tell);
	if (e == OK && (*u)->by_acl)
		((struct user_inside *)*u)->self = self;
	else
		user_free(self);
	return e;
}

bool
user_is_denied(const struct conf *conf, const struct user *u, const char *service,
    struct buf *tell)
{
	if (u->id.is_admin)
		return false;
	return user_denied(conf, u->name, service, tell) == ERR_DENIED
	    || (*u->authcid != '\0' && strcmp(u->authcid, u->name) != 0
	    && user_denied(conf, u->authcid, service, tell) == ERR_DENIED);
}

/*
 * It is the rights of who proved himself that count; whose INBOX it is has
 * rights there by himself.
 */
enum err
user_confirm(struct user *u, struct store *s)
{
	struct user *self = ((struct user_inside *)u)->self;
	struct mbentry *inbox;
	if (!u->by_acl)
		return OK;
	if (self == NULL)
		return ERR_DENIED;
	struct arena *arena = arena_new(CONFIRM_ARENA);
	enum err e = mblist_lookup(s, arena, u->inbox, &inbox);
	if (e == ERR_NOTFOUND || (e == OK && !(user_rights(self, inbox) & ACL_ADMIN)))
		e = ERR_DENIED;
	u->by_acl = e != OK;
	arena_free(arena);
	return e;
}
