#include "imap/server/user.h"
#include "lib/charset.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_USERID = 200,		/* leaves room for "user." and folders */
	MAX_GROUPS = 1024,
};

struct user_inside {
	struct user u;			/* first: what callers see */
	bool groups_known;
	const char *groups[MAX_GROUPS + 1];
	struct buf userid, name, authcid, inbox;
};

/* --- the name --- */

static bool
is_good(struct str name)
{
	if (name.n == 0 || name.n > MAX_USERID || !utf8_valid(name)
	    || name.p[0] == '-' || str_ieq(name, STR("anyone"))
	    || str_ieq(name, STR("anonymous"))
	    || (name.n >= 6 && str_ieq((struct str){ name.p, 6 }, STR("group:"))))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (c < ' ' || c == 127 || strchr("/^%*\"\\", c) != NULL)
			return false;
	}
	return true;
}

/*
 * A '.' in a user's name must not look like a level of the hierarchy: fred.a
 * is not somebody who owns fred's folder a.
 */
static enum err
canonical(const struct conf *conf, struct str userid, struct buf *out)
{
	const char *at = memchr(userid.p, '@', userid.n);
	bool domains = conf_enum(conf, CONF_VIRTDOMAINS) != 0;
	const char *home = conf_string(conf, CONF_DEFAULTDOMAIN);
	if (at != NULL) {
		size_t n = (size_t)(at - userid.p);
		struct str domain = { at + 1, userid.n - n - 1 };
		if (!domains || (home != NULL && str_ieq(domain, str_c(home))))
			userid.n = n;
	}
	if (!is_good(userid))
		return ERR_NAME;
	bool lower = conf_switch(conf, CONF_USERNAME_TOLOWER);
	for (size_t i = 0; i < userid.n; i++) {
		char c = userid.p[i];
		if (lower && c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		buf_addc(out, c == '.' ? '^' : c);
	}
	return OK;
}

bool
user_in_list(const struct conf *conf, enum conf_opt list, const char *userid)
{
	return conf_has_word(conf, list, userid);
}

bool
user_may_act(const struct conf *conf, const struct user *self, const struct user *u)
{
	(void)conf;
	return self->id.is_admin || strcmp(self->id.userid, u->id.userid) == 0;
}

/* --- groups --- */

static void
load_groups(struct user_inside *in)
{
	in->groups_known = true;
	in->u.id.groups = in->groups;
	struct passwd *pw = getpwnam(in->name.p);
	if (pw == NULL)
		return;
	gid_t gids[MAX_GROUPS];
	int n = MAX_GROUPS;
	if (getgrouplist(pw->pw_name, pw->pw_gid, gids, &n) < 0)
		n = MAX_GROUPS;
	size_t known = 0;
	for (int i = 0; i < n; i++) {
		const struct group *g = getgrgid(gids[i]);
		if (g != NULL)
			in->groups[known++] = mem_copy(g->gr_name);
	}
}

rights_t
user_rights(struct user *u, const struct mbentry *e)
{
	struct user_inside *in = (struct user_inside *)u;
	if (!in->groups_known && strstr(e->acl, "group:") != NULL)
		load_groups(in);
	return mblist_rights(e, &u->id);
}

/* --- life --- */

static struct user_inside *
new_inside(void)
{
	struct user_inside *in = mem_zero(1, sizeof(*in));
	buf_init(&in->userid);
	buf_init(&in->name);
	buf_init(&in->authcid);
	buf_init(&in->inbox);
	return in;
}

enum err
user_new(const struct conf *conf, struct str userid, const char *authcid,
    struct user **u)
{
	struct user_inside *in = new_inside();
	bool anonymous = str_eq(userid, STR("anonymous"))
	    && conf_switch(conf, CONF_ALLOWANONYMOUSLOGIN);
	if (anonymous)
		buf_add_str(&in->userid, userid);
	else if (canonical(conf, userid, &in->userid) != OK) {
		user_free(&in->u);
		return ERR_NAME;
	}
	for (size_t i = 0; i < in->userid.n; i++)
		buf_addc(&in->name, in->userid.p[i] == '^' ? '.' : in->userid.p[i]);
	buf_adds(&in->authcid, authcid);
	buf_adds(&in->inbox, "user.");
	buf_add_str(&in->inbox, buf_str(&in->userid));
	in->u = (struct user){
		.id.userid = in->userid.p,
		.id.is_admin = !anonymous
		    && user_in_list(conf, CONF_ADMINS, in->name.p),
		.id.is_anonymous = anonymous,
		.name = in->name.p,
		.authcid = in->authcid.p,
		.inbox = buf_str(&in->inbox),
	};
	*u = &in->u;
	return OK;
}

void
user_free(struct user *u)
{
	struct user_inside *in = (struct user_inside *)u;
	if (in == NULL)
		return;
	for (size_t i = 0; in->groups[i] != NULL; i++)
		free((char *)(uintptr_t)in->groups[i]);
	buf_free(&in->userid);
	buf_free(&in->name);
	buf_free(&in->authcid);
	buf_free(&in->inbox);
	free(in);
}

bool
user_owns(const struct user *u, struct str name)
{
	size_t n = u->inbox.n;
	return name.n >= n && memcmp(name.p, u->inbox.p, n) == 0
	    && (name.n == n || name.p[n] == '.');
}
