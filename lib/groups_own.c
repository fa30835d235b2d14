/* groups_own.c - the server's own groups: configdirectory/groups */
#include "lib/groups_own.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/utf8.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LOCK_MS = 30000 };

static const char file_name[] = "groups";
static const char lock_name[] = "groups.lock";

/* --- reading --- */

static bool
is_name(struct str s)
{
	if (s.n == 0 || s.n > GROUPS_NAME_MAX || *s.p == '-' || *s.p == '#' || !utf8_valid(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127)
			return false;
	return true;
}

/* No file is an empty one. */
static enum err
load(int dirfd, struct buf *text)
{
	enum err e = file_slurp(dirfd, file_name, GROUPS_OWN_MAX, text);
	return e == ERR_NOTFOUND ? OK : e;
}

/* Moves *text past one line; *members is what is behind the name. */
static bool
next_line(struct str *text, struct str *name, struct str *members)
{
	struct str line;
	while (text->p != NULL && text->n > 0 && str_next_field(text, '\n', &line)) {
		size_t n = str_chr(line, '\t');
		*name = str_slice(line, 0, n);
		*members = str_slice(line, n + 1, line.n);
		if (is_name(*name))
			return true;
	}
	return false;
}

static bool
is_in(struct str members, struct str user)
{
	struct str m;
	while (str_next_field(&members, '\t', &m))
		if (m.n > 0 && str_eq(m, user))
			return true;
	return false;
}

enum err
groups_own_walk(int dirfd, groups_own_each_fn each, void *ctx)
{
	struct buf text = BUF_INIT;
	enum err e = load(dirfd, &text);
	struct str rest = buf_str(&text), name, members;
	while (e == OK && next_line(&rest, &name, &members))
		each(ctx, name, members);
	buf_free(&text);
	return e;
}

struct finder {
	struct str user;
	struct groups *groups;
};

static void
note(void *ctx, struct str name, struct str members)
{
	struct finder *f = ctx;
	if (is_in(members, f->user))
		groups_add(f->groups, name);
}

enum err
groups_own_find(int dirfd, struct str user, struct groups *g)
{
	struct finder f = { user, g };
	return groups_own_walk(dirfd, note, &f);
}

/* --- changes --- */

/* What becomes of a line: appends its members, each led by a TAB. */
struct change {
	struct str name;		/* of the group; .n == 0: of all */
	const struct str *member;
	size_t members;
	bool add, delete_group;
	struct str new;			/* name for a member that is found; or gone */
	bool found, done;
};

static bool
names(const struct change *c, struct str member)
{
	for (size_t i = 0; i < c->members; i++)
		if (str_eq(c->member[i], member))
			return true;
	return false;
}

static void
add_member(struct buf *line, size_t start, struct str member)
{
	struct str so_far = { line->p + start, line->n - start };
	if (member.n == 0 || (so_far.n > 0 && is_in(str_slice(so_far, 1, so_far.n), member)))
		return;
	buf_addc(line, '\t');
	buf_add_str(line, member);
}

static void
write_line(struct buf *out, struct str name, struct str members, struct change *c)
{
	struct str m;
	buf_add_str(out, name);
	size_t start = out->n;
	bool concerned = c->name.n == 0 || str_eq(name, c->name);
	while (str_next_field(&members, '\t', &m)) {
		bool named = concerned && names(c, m);
		c->done |= named;
		add_member(out, start, named && !c->add ? c->new : m);
	}
	for (size_t i = 0; concerned && c->add && i < c->members; i++)
		add_member(out, start, c->member[i]);
	buf_addc(out, '\n');
}

/* All lines anew, in order. */
static void
rewrite(struct str text, struct change *c, struct buf *out)
{
	struct str name, members;
	while (next_line(&text, &name, &members)) {
		int order = str_cmp(name, c->name);
		if (c->add && !c->found && order > 0) {
			write_line(out, c->name, STR(""), c);
			c->found = true;
		}
		c->found |= order == 0;
		if (!(c->delete_group && order == 0))
			write_line(out, name, members, c);
	}
	if (c->add && !c->found)
		write_line(out, c->name, STR(""), c);
}

static enum err
lock(int dirfd, int *fd)
{
	enum err e = file_open(dirfd, lock_name, O_RDWR | O_CREAT, 0600, fd);
	if (e == OK && (e = lock_exclusive(*fd, LOCK_OPEN, LOCK_MS)) != OK)
		close(*fd);
	return e;
}

static enum err
change(int dirfd, struct change *c)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	int fd;
	if (c->name.n > 0 && !is_name(c->name))
		return ERR_NAME;
	for (size_t i = 0; i < c->members; i++)
		if (!is_name(c->member[i]))
			return ERR_NAME;
	enum err e = lock(dirfd, &fd);
	if (e != OK)
		return e;
	e = load(dirfd, &text);
	if (e == OK) {
		rewrite(buf_str(&text), c, &out);
		bool missing = !c->add && (c->delete_group ? !c->found : !c->done);
		e = missing ? ERR_NOTFOUND : out.n > GROUPS_OWN_MAX ? ERR_LIMIT
		    : file_replace(dirfd, file_name, out.p, out.n, 0600, true);
	}
	lock_release(fd, LOCK_OPEN);
	close(fd);
	buf_free(&text);
	buf_free(&out);
	return e;
}

enum err
groups_own_add(int dirfd, struct str name, const struct str *member, size_t members)
{
	struct change c = { .name = name, .member = member, .members = members, .add = true };
	return name.n > 0 ? change(dirfd, &c) : ERR_NAME;
}

enum err
groups_own_remove(int dirfd, struct str name, const struct str *member, size_t members)
{
	struct change c = { .name = name, .member = member, .members = members };
	return name.n > 0 ? change(dirfd, &c) : ERR_NAME;
}

enum err
groups_own_delete(int dirfd, struct str name)
{
	struct change c = { .name = name, .delete_group = true };
	return name.n > 0 ? change(dirfd, &c) : ERR_NAME;
}

enum err
groups_own_rename_user(int dirfd, struct str old, struct str new)
{
	struct change c = { .member = &old, .members = 1, .new = new };
	if (new.n > 0 && !is_name(new))
		return ERR_NAME;
	return change(dirfd, &c);
}
