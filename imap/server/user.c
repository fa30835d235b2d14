#include "imap/server/domain.h"
#include "imap/server/user_in.h"
#include "imap/server/username.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- groups --- */

static void
take_groups(struct user_inside *in)
{
	in->groups_known = true;
	in->u.id.groups = groups_names(&in->groups);
	in->u.id.groups_doubtful = in->groups.doubtful;
}

static void
need_groups(struct user_inside *in)
{
	if (in->groups_known)
		return;
	if (in->groups_fn != NULL)
		in->groups_fn(in->groups_ctx, &in->groups);
	else if (!in->u.id.is_anonymous)
		groups_find(in->conf, in->name.p, &in->groups);
	take_groups(in);
}

static bool
is_member(struct user_inside *in, struct str group)
{
	need_groups(in);
	for (size_t i = 0; i < in->groups.n; i++)
		if (str_eq(str_c(in->groups.name[i]), group))
			return true;
	return false;
}

bool
user_in_list(struct user *u, const struct conf *conf, enum conf_opt list)
{
	struct user_inside *in = (struct user_inside *)u;
	const char *text = conf_string(conf, list);
	struct str rest = str_c(text != NULL ? text : ""), word;
	while (str_next_word(&rest, &word)) {
		if (str_eq(word, str_c(u->name)))
			return true;
		if (str_starts(word, STR("group:")) && is_member(in, str_slice(word, 6, word.n)))
			return true;
	}
	return false;
}

/* --- rights --- */

/*
 * With virtdomains, what is in another domain is not there; with crossdomains
 * it is, if it is a user's.  Whom a domain has made its administrator is none
 * elsewhere.
 */
static bool
is_in_reach(const struct user_inside *in, struct str name)
{
	if (in->u.is_global_admin || !domain_enabled(in->conf)
	    || str_eq(domain_of(name, conf_string(in->conf, CONF_DELETEDPREFIX)), in->u.domain))
		return true;
	return conf_switch(in->conf, CONF_CROSSDOMAINS) && !in->u.id.is_admin
	    && str_starts(name, STR("user."));
}

rights_t
user_rights(struct user *u, const struct mbentry *e)
{
	struct user_inside *in = (struct user_inside *)u;
	if (!is_in_reach(in, str_c(e->name)))
		return 0;
	if (strstr(e->acl, "group:") != NULL)
		need_groups(in);
	return mblist_rights(e, &u->id);
}

const struct identity *
user_identity(struct user *u)
{
	need_groups((struct user_inside *)u);
	return &u->id;
}

bool
user_owns(const struct user *u, struct str name)
{
	size_t n = u->inbox.n;
	return name.n >= n && memcmp(name.p, u->inbox.p, n) == 0
	    && (name.n == n || name.p[n] == '.');
}

/* --- life --- */

static struct user_inside *
new_inside(const struct conf *conf)
{
	struct user_inside *in = mem_zero(1, sizeof(*in));
	in->conf = conf;
	buf_init(&in->userid);
	buf_init(&in->name);
	buf_init(&in->authcid);
	buf_init(&in->inbox);
	return in;
}

/* in->userid is there: all that follows from it. */
static void
fill(struct user_inside *in, const char *authcid, bool anonymous)
{
	username_external(buf_str(&in->userid), &in->name);
	buf_adds(&in->authcid, authcid);
	buf_adds(&in->inbox, "user.");
	buf_add_str(&in->inbox, buf_str(&in->userid));
	in->u = (struct user){
		.id.userid = in->userid.p,
		.id.is_anonymous = anonymous,
		.name = in->name.p,
		.authcid = in->authcid.p,
		.inbox = buf_str(&in->inbox),
	};
	if (domain_enabled(in->conf))
		in->u.domain = domain_of_user(buf_str(&in->userid));
}

static void
set_admin(struct user *u, bool is_admin)
{
	u->id.is_admin = is_admin;
	u->is_global_admin = is_admin && u->domain.n == 0;
}

enum err
user_new(const struct conf *conf, struct str userid, const char *authcid,
    struct user **u)
{
	struct user_inside *in = new_inside(conf);
	bool anonymous = str_eq(userid, STR("anonymous"))
	    && conf_switch(conf, CONF_ALLOWANONYMOUSLOGIN);
	if (anonymous)
		buf_add_str(&in->userid, userid);
	else if (username_internal(conf, userid, &in->userid) != OK) {
		user_free(&in->u);
		return ERR_NAME;
	}
	fill(in, authcid, anonymous);
	if (!anonymous)
		set_admin(&in->u, user_in_list(&in->u, conf, CONF_ADMINS));
	*u = &in->u;
	return OK;
}

void
user_free(struct user *u)
{
	struct user_inside *in = (struct user_inside *)u;
	if (in == NULL)
		return;
	user_free(in->self);
	groups_free(&in->groups);
	buf_free(&in->userid);
	buf_free(&in->name);
	buf_free(&in->authcid);
	buf_free(&in->inbox);
	free(in);
}

/* --- from one process to another --- */

void
user_to_grant(struct user *u, struct user_grant *g)
{
	struct user_inside *in = (struct user_inside *)u;
	/* Few sessions need them, and finding out may cost more than all the rest. */
	bool later = !in->groups_known && !u->by_acl && !u->id.is_anonymous;
	if (!later)
		need_groups(in);
	*g = (struct user_grant){
		.groups_later = later,
		.userid = u->id.userid, .authcid = u->authcid,
		.groups = u->id.groups, .groups_doubtful = u->id.groups_doubtful,
		.is_admin = u->id.is_admin, .is_anonymous = u->id.is_anonymous,
		.by_acl = u->by_acl,
	};
	if (in->self != NULL) {
		struct user_inside *self = (struct user_inside *)in->self;
		need_groups(self);
		g->own_groups = self->u.id.groups;
		g->own_groups_doubtful = self->u.id.groups_doubtful;
	}
}

/* Names that canonical ones are made of; the process that made it is trusted. */
static bool
is_userid(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || strchr("./%*", s.p[i]) != NULL)
			return false;
	return s.n > 0;
}

static void
grant_groups(struct user_inside *in, const char *const *names, bool doubtful)
{
	for (; names != NULL && *names != NULL; names++)
		groups_add(&in->groups, str_c(*names));
	in->groups.doubtful |= doubtful;
	take_groups(in);
}

/* Who acts by what an ACL says, with the groups that he has himself. */
static enum err
grant_self(struct user_inside *in, const struct user_grant *g)
{
	struct user_inside *self = new_inside(in->conf);
	in->self = &self->u;
	if (username_internal(in->conf, str_c(g->authcid), &self->userid) != OK)
		return ERR_NAME;
	fill(self, "", false);
	grant_groups(self, g->own_groups, g->own_groups_doubtful);
	return OK;
}

void
user_groups_by(struct user *u, user_groups_fn fn, void *ctx)
{
	struct user_inside *in = (struct user_inside *)u;
	in->groups_fn = fn;
	in->groups_ctx = ctx;
}

enum err
user_from_grant(const struct conf *conf, const struct user_grant *g, struct user **u)
{
	if (!is_userid(str_c(g->userid)))
		return ERR_NAME;
	struct user_inside *in = new_inside(conf);
	buf_adds(&in->userid, g->userid);
	fill(in, g->authcid, g->is_anonymous);
	if (!g->groups_later)
		grant_groups(in, g->groups, g->groups_doubtful);
	set_admin(&in->u, g->is_admin && !g->is_anonymous);
	in->u.by_acl = g->by_acl;
	if (g->by_acl && grant_self(in, g) != OK) {
		user_free(&in->u);
		return ERR_NAME;
	}
	*u = &in->u;
	return OK;
}
