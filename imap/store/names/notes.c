/*
 * notes.c - annotations of the server itself
 *
 * Writers hold LOCK_NAMES.  The new files are written and flushed before the
 * first takes its name.
 */
#include "imap/store/names/notes.h"

#include "imap/store/list/mbname.h"
#include "imap/store/list/topic.h"
#include "imap/store/names/mbpending.h"
#include "lib/file.h"

static const char directory[] = "annotations";

static void
path_of(struct str owner, struct buf *path)
{
	buf_printf(path, "%s/%s", directory, owner.n > 0 ? "user." : "server");
	if (owner.n > 0)
		mbname_add_file(path, owner);
}

/* One file on its way to another content. */
struct note {
	struct str owner;
	struct buf path;
	struct annots annots;
	bool changed, prepared;
};

static enum err
load(struct store *s, struct note *n)
{
	path_of(n->owner, &n->path);
	return annots_read(s->config_fd, n->path.p, &n->annots);
}

static void
release(struct store *s, struct note *n)
{
	if (n->prepared)
		annots_cancel(s->config_fd, n->path.p);
	buf_free(&n->path);
	annots_free(&n->annots);
}

enum err
notes_read(struct store *s, struct str owner, struct annots *a)
{
	struct note n = { .owner = owner, .path = BUF_INIT };
	enum err e = load(s, &n);

	for (size_t i = 0; e == OK && i < n.annots.n; i++)
		annots_put(a, &n.annots.v[i]);
	release(s, &n);
	return e;
}

static enum err
apply_change(struct note *n, const struct annotate_params *p)
{
	const struct annot change = { .owner = p->owner, .entry = p->entry, .value = p->value };

	annots_put(&n->annots, &change);
	n->changed = true;
	return p->value.p != NULL && p->max > 0 && n->annots.n > p->max ? ERR_LIMIT : OK;
}

static enum err
make_directory(struct store *s)
{
	enum err e = file_mkdir(s->config_fd, directory, 0700);

	if (e == ERR_EXISTS)
		return OK;
	return e == OK ? file_fsync_dir(s->config_fd, ".") : e;
}

static enum err
put(struct store *s, struct note *note, size_t n)
{
	enum err e = make_directory(s);

	for (size_t i = 0; e == OK && i < n; i++) {
		if (!note[i].changed)
			continue;
		/* Also if it could be written and not flushed. */
		note[i].prepared = true;
		e = annots_prepare(s->config_fd, note[i].path.p, &note[i].annots);
	}
	for (size_t i = 0; e == OK && i < n; i++) {
		if (!note[i].changed)
			continue;
		e = annots_apply(s->config_fd, note[i].path.p);
		note[i].prepared = e != OK;
		if (e != OK && i > 0)
			e = ERR_UNKNOWN;
	}
	return e == OK && file_fsync_dir(s->config_fd, directory) != OK ? ERR_UNKNOWN : e;
}

static enum err
change_all(struct store *s, const struct annotate_params *p, size_t n)
{
	struct note note[2] = { { .path = BUF_INIT }, { .path = BUF_INIT } };
	enum err e;

	for (size_t i = 0; i < n; i++)
		if (p[i].owner.n > 0)
			note[1].owner = p[i].owner;
	e = load(s, &note[0]);
	if (e == OK && note[1].owner.n > 0)
		e = load(s, &note[1]);
	for (size_t i = 0; e == OK && i < n; i++)
		e = apply_change(&note[p[i].owner.n > 0], &p[i]);
	if (e == OK)
		e = put(s, note, 2);
	release(s, &note[0]);
	release(s, &note[1]);
	return e;
}

enum err
notes_change(struct store *s, const struct annotate_params *p, size_t n)
{
	enum err e = names_lock(s);

	if (e == OK) {
		e = change_all(s, p, n);
		names_unlock(s);
	}
	for (size_t i = 0; e == OK && i < n; i++)
		if (i == 0 || !str_eq(p[i].owner, p[i - 1].owner))
			topic_publish(s, TOPIC_NOTES, p[i].owner);
	return e;
}

enum err
notes_rename(struct store *s, struct str from, struct str to)
{
	struct buf old = BUF_INIT, new = BUF_INIT;
	enum err e = names_lock(s);

	if (e == OK) {
		path_of(from, &old);
		path_of(to, &new);
		e = file_rename(s->config_fd, old.p, s->config_fd, new.p);
		if (e == OK)
			e = file_fsync_dir(s->config_fd, directory);
		names_unlock(s);
	}
	buf_free(&old);
	buf_free(&new);
	return e == ERR_NOTFOUND ? OK : e;
}
