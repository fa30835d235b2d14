/* grant.c - see grant.h; groups go as C strings, one behind the other */
#include "imap/server/grant.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

static struct str
pack(const char *const *groups, struct buf *b)
{
	for (; groups != NULL && *groups != NULL; groups++)
		buf_add(b, *groups, strlen(*groups) + 1);
	return (struct str){ b->n > 0 ? b->p : NULL, b->n };
}

/* An array over PACKED, to be freed.  NULL: its last string has no end. */
static const char **
unpack(struct str packed)
{
	size_t n = 0;
	if (packed.n > 0 && packed.p[packed.n - 1] != '\0')
		return NULL;
	for (size_t i = 0; i < packed.n; i++)
		n += packed.p[i] == '\0';
	const char **groups = mem_zero(n + 1, sizeof(*groups));
	for (size_t i = 0, at = 0; i < n; i++) {
		groups[i] = packed.p + at;
		at += strlen(groups[i]) + 1;
	}
	return groups;
}

enum err
grant_user(const uint8_t key[GRANT_KEY], const char *service, struct user *u,
    struct str folder, struct buf *out)
{
	struct user_grant data;
	struct buf groups = BUF_INIT, own = BUF_INIT;
	user_to_grant(u, &data);
	const struct grant g = {
		.service = service, .userid = data.userid, .authcid = data.authcid,
		.groups = pack(data.groups, &groups), .own_groups = pack(data.own_groups, &own),
		.folder = { folder.n > 0 ? folder.p : NULL, folder.n },
		.flags = (data.is_admin ? GRANT_ADMIN : 0u)
		    | (data.is_anonymous ? GRANT_ANONYMOUS : 0u)
		    | (data.by_acl ? GRANT_BY_ACL : 0u)
		    | (data.groups_doubtful ? GRANT_GROUPS_DOUBTFUL : 0u)
		    | (data.own_groups_doubtful ? GRANT_OWN_GROUPS_DOUBTFUL : 0u),
	};
	enum err e = grant_seal(key, &g, out);
	buf_free(&groups);
	buf_free(&own);
	return e;
}

enum err
granted_user(const uint8_t key[GRANT_KEY], const char *service, struct str sealed,
    const struct conf *conf, struct grant *g, struct user **u)
{
	enum err e = grant_open(key, sealed, service, grant_clock(), g);
	if (e != OK)
		return e;
	const char **groups = unpack(g->groups), **own = unpack(g->own_groups);
	const struct user_grant data = {
		.userid = g->userid, .authcid = g->authcid, .groups = groups, .own_groups = own,
		.is_admin = g->flags & GRANT_ADMIN, .is_anonymous = g->flags & GRANT_ANONYMOUS,
		.by_acl = g->flags & GRANT_BY_ACL,
		.groups_doubtful = g->flags & GRANT_GROUPS_DOUBTFUL,
		.own_groups_doubtful = g->flags & GRANT_OWN_GROUPS_DOUBTFUL,
	};
	e = groups != NULL && own != NULL ? user_from_grant(conf, &data, u) : ERR_SYNTAX;
	free(groups);
	free(own);
	return e;
}
