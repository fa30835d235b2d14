/* grant.c - see grant.h; groups go as C strings, one behind the other */
#include "imap/server/grant.h"
#include "lib/groups.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/pass.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 30 * 1000 };	/* of a worker: authd asks directories, and they others */

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
		.groups = pack(data.groups, &groups),
		.own_groups = pack(data.own_groups, &own),
		.folder = { folder.n > 0 ? folder.p : NULL, folder.n },
		.flags = (data.is_admin ? GRANT_ADMIN : 0u)
		    | (data.groups_later ? GRANT_GROUPS_LATER : 0u)
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
	const char **groups = unpack(g->groups);
	const char **own = unpack(g->own_groups);
	const struct user_grant data = {
		.userid = g->userid, .authcid = g->authcid, .groups = groups, .own_groups = own,
		.groups_later = g->flags & GRANT_GROUPS_LATER,
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

/* --- groups, when they are needed --- */

enum err
grant_groups(const uint8_t key[GRANT_KEY], const char *service, const struct conf *conf,
    struct str question, struct buf *out)
{
	struct str sealed;
	struct grant g;
	struct user *u;
	struct buf packed = BUF_INIT;
	enum err e = groups_ask_decode(question, &sealed);
	if (e == OK)
		e = grant_open(key, sealed, service, grant_clock(), &g);
	/* A session is longer than a grant is good, and this lets nobody in. */
	if (e != OK && e != ERR_TIMEOUT)
		return e;
	const struct user_grant data = {
		.userid = g.userid, .authcid = g.authcid, .groups_later = true,
	};
	e = user_from_grant(conf, &data, &u);
	if (e != OK)
		return e;
	const struct identity *id = user_identity(u);
	g.groups = pack(id->groups, &packed);
	g.flags = id->groups_doubtful ? GRANT_GROUPS_DOUBTFUL : 0;
	e = groups_seal(key, &g, out);
	user_free(u);
	buf_free(&packed);
	return e;
}

static enum err
await(int fd, struct buf *answer)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int fds[PASS_FDS], n;
	do
		n = poll(&wait, 1, PATIENCE_MS);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? ERR_TIMEOUT : ERR_IO;
	enum err e = pass_receive(fd, answer, fds);
	pass_close(fds);
	return e;
}

/* Over a pair of its own, whose other end goes to whoever will know. */
static enum err
ask(const struct grant_asker *a, struct buf *answer)
{
	struct buf question = BUF_INIT;
	int pair[2];
	enum err e = pass_pair(pair);
	if (e != OK)
		return e;
	e = groups_ask_encode(a->sealed, &question);
	if (e == OK)
		e = pass_send(a->control_fd, buf_str(&question), &pair[1], 1);
	close(pair[1]);
	if (e == OK)
		e = await(pair[0], answer);
	close(pair[0]);
	buf_free(&question);
	return e;
}

void
grant_ask_groups(void *ctx, struct groups *groups)
{
	const struct grant_asker *a = ctx;
	struct buf answer = BUF_INIT;
	struct grant g = { .flags = 0 };
	const char **names = NULL;
	enum err e = ask(a, &answer);
	if (e == OK)
		e = groups_open(a->key, buf_str(&answer), a->serial, &g);
	if (e == OK)
		names = unpack(g.groups);
	for (const char **n = names; n != NULL && *n != NULL; n++)
		groups_add(groups, str_c(*n));
	if (names == NULL)
		log_warning("authd does not say in which groups a user is: %s", err_text(e));
	if (names == NULL || (g.flags & GRANT_GROUPS_DOUBTFUL))
		groups->doubtful = true;
	free(names);
	buf_free(&answer);
}
