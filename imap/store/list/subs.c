/*
 * subs.c - subscriptions: user/J/USER.sub
 *
 * The file is small and is replaced whole; writers exclude each other by a
 * lock on its directory.  Readers read the file that has the name.
 */
#include "imap/store/list/subs.h"

#include "imap/store/list/local.h"
#include "imap/store/list/mbname.h"
#include "imap/store/list/topic.h"
#include "imap/store/list/userfile.h"
#include "lib/buf.h"
#include "lib/file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define EXT	".sub"

/*
 * The last line's end may be missing, if somebody has edited the file.  Empty
 * ones are what blank() leaves.
 */
static bool
next_name(struct str *text, struct str *line, struct str *name)
{
	do {
		if (text->n == 0)
			return false;
		*line = str_slice(*text, 0, str_chr(*text, '\n'));
		*text = str_slice(*text, line->n + 1, text->n);
		*name = *line;
		while (name->n > 0 && (name->p[name->n - 1] == '\t' ||
		    name->p[name->n - 1] == '\r'))
			name->n--;
	} while (name->n == 0);
	return true;
}

/*
 * As in mailboxes.db: a name, what is below it, the next.  A line that is no
 * mailbox's name may give the same key as one that is.
 */
static int
name_cmp(struct str a, struct str b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	int c;

	mbname_add_key(&x, a);
	mbname_add_key(&y, b);
	c = str_cmp(buf_str(&x), buf_str(&y));
	buf_free(&x);
	buf_free(&y);
	return c != 0 ? c : str_cmp(a, b);
}

/* TEXT with or without NAME in OUT; false if nothing changes. */
static bool
edit(struct str text, struct str name, bool subscribed, struct buf *out)
{
	struct str line, n;
	bool there = false, placed = false;

	while (next_name(&text, &line, &n)) {
		int c = name_cmp(n, name);

		there = there || c == 0;
		if (subscribed && !placed && c >= 0) {
			buf_printf(out, "%.*s\t\n", STR_ARG(name));
			placed = true;
		}
		if (c == 0)
			continue;
		buf_add_str(out, line);
		buf_addc(out, '\n');
	}
	if (subscribed && !placed)
		buf_printf(out, "%.*s\t\n", STR_ARG(name));
	return there != subscribed;
}

/*
 * On a full disk there is no room for a second file: the name is overwritten
 * with TABs, which mean nothing, until the file is written anew.
 */
static enum err
blank(struct store *s, const char *path, struct str text, struct str name)
{
	struct str rest = text, line, n;
	struct buf tabs = BUF_INIT;
	enum err e;
	int fd;

	while (next_name(&rest, &line, &n) && !str_eq(n, name))
		continue;
	for (size_t i = 0; i < line.n; i++)
		buf_addc(&tabs, '\t');
	e = file_open(s->config_fd, path, O_WRONLY, 0, &fd);
	if (e == OK) {
		e = file_write_at(fd, path, tabs.p, tabs.n, (uint64_t)(line.p - text.p));
		if (e == OK)
			e = file_fsync(fd, path);
		close(fd);
	}
	buf_free(&tabs);
	return e;
}

static enum err
set_locked(struct store *s, struct str user, struct str name, bool subscribed)
{
	struct buf old = BUF_INIT, new = BUF_INIT, path = BUF_INIT;
	enum err e = userfile_read(s, user, EXT, &old);

	if (e == OK && edit(buf_str(&old), name, subscribed, &new)) {
		userfile_path(user, EXT, &path);
		e = file_replace(s->config_fd, path.p, new.p, new.n, 0600, true);
		if (e == ERR_NOSPACE && !subscribed)
			e = blank(s, path.p, buf_str(&old), name);
	}
	buf_free(&old);
	buf_free(&new);
	buf_free(&path);
	return e;
}

enum err
subs_set(struct store *s, struct str user, struct str name, bool subscribed)
{
	enum err e;
	int fd;

	if (user.n == 0 || name.n == 0 || memchr(name.p, '\n', name.n) != NULL)
		return ERR_NAME;
	e = userfile_lock(s, user, &fd);
	if (e != OK)
		return e;
	e = set_locked(s, user, name, subscribed);
	userfile_unlock(fd);
	if (e == OK)
		topic_publish(s, TOPIC_SUBSCRIPTIONS, user);
	return e;
}

enum err
subs_walk(struct store *s, struct str user, struct str prefix, subs_each_fn each, void *ctx)
{
	struct buf b = BUF_INIT;
	struct str text, line, name;
	enum err e = userfile_read(s, user, EXT, &b);

	text = buf_str(&b);
	while (e == OK && next_name(&text, &line, &name))
		if (name.n >= prefix.n && memcmp(name.p, prefix.p, prefix.n) == 0 &&
		    !each(ctx, name))
			break;
	buf_free(&b);
	return e;
}

enum err
subs_has(struct store *s, struct str user, struct str name, bool *subscribed)
{
	struct buf b = BUF_INIT;
	struct str text, line, n;
	enum err e = userfile_read(s, user, EXT, &b);

	*subscribed = false;
	text = buf_str(&b);
	while (e == OK && !*subscribed && next_name(&text, &line, &n))
		*subscribed = str_eq(n, name);
	buf_free(&b);
	return e;
}
