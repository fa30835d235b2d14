/*
 * mbrebuild.c - mailboxes.db anew from what every mailbox says of itself
 *
 * Order: empty the list; collect all mailboxes of the spool in memory; settle
 * conflicts; write quota roots and entries in batches; last of all the mark
 * that the list is whole ('F').  Without that mark mblist_open() comes here
 * again, so a kill in between costs time only.
 */
#include "imap/store/names/mbrebuild.h"

#include "imap/disk/header.h"
#include "imap/disk/index.h"
#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbdir.h"
#include "imap/store/list/mbname.h"
#include "imap/store/list/quotafile.h"
#include "imap/store/list/topic.h"
#include "imap/store/names/mbpending.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BATCH = 1000,
	DEPTH_MAX = 300,
};
static const size_t REBUILD_ARENA = (size_t)1 << 32;	/* a bound, not what is taken */

struct found {
	struct mbentry e;
	uint64_t modseq;
	bool dropped;
};

struct rebuild {
	struct store *s;
	struct arena *arena;
	struct partition *part;
	struct found *v;
	size_t n, size;
	uint32_t uidvalidity;		/* the highest */
	bool anew;			/* the whole list, not what it lacks */
	enum err err;
};

/* --- emptying --- */

struct keys {
	struct kv_txn *txn;
	size_t n;
	enum err err;
};

static bool
delete_key(void *ctx, struct str key, struct str value)
{
	struct keys *k = ctx;
	struct buf copy = BUF_INIT;

	(void)value;
	buf_add_str(&copy, key);
	k->err = kv_del(k->txn, buf_str(&copy));
	buf_free(&copy);
	return k->err == OK && ++k->n < BATCH;
}

static enum err
empty_list(struct store *s)
{
	struct keys k;
	enum err e;

	do {
		k = (struct keys){ .n = 0 };
		e = mbdb_begin(s, &k.txn);
		if (e != OK)
			return e;
		e = kv_txn_walk(k.txn, STR(""), STR(""), delete_key, &k);
		e = mbdb_end(s, k.txn, e != OK ? e : k.err);
	} while (e == OK && k.n > 0);
	return e;
}

/* --- collecting --- */

static void
keep(struct rebuild *r, const struct mailbox_header *h, uint64_t modseq, const char *dir)
{
	struct found *f;

	if (r->n == r->size) {
		r->size = r->size == 0 ? 256 : r->size * 2;
		r->v = mem_grow(r->v, r->size * sizeof(*r->v));
	}
	f = &r->v[r->n++];
	*f = (struct found){ .modseq = modseq, .e = {
		.name = h->name, .id = h->id, .partition = r->part->name,
		.dir = arena_copy(r->arena, dir, strlen(dir)),
		.uidvalidity = h->uidvalidity, .flags = h->flags, .acl = h->acl,
		.specialuse = h->specialuse,
	} };
	if (h->uidvalidity > r->uidvalidity)
		r->uidvalidity = h->uidvalidity;
	if (f->e.dir == NULL)
		r->err = ERR_LIMIT;
}

/* The name whose canonical directory DIR is, or NULL. */
static const char *
name_of_dir(struct rebuild *r, const char *dir)
{
	struct buf name = BUF_INIT, canonical = BUF_INIT;
	const char *text = NULL;

	mbname_from_file(&name, str_c(dir + (r->s->params.hash_spool && dir[1] == '/' ? 2 : 0)));
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '/')
			name.p[i] = '.';
	mbname_add_dir(&canonical, buf_str(&name), r->s->params.hash_spool);
	if (strcmp(canonical.p, dir) == 0 && mblist_check_name(buf_str(&name)) == OK)
		text = arena_copy(r->arena, name.p, name.n);
	buf_free(&name);
	buf_free(&canonical);
	return text;
}

/*
 * For a mailbox without a readable cyrus.header, of what its index and its
 * place say.  Its rights are lost: a user has all to his own, and others'
 * folders are given to nobody, so that nothing becomes public.
 */
static bool
guess_header(struct rebuild *r, int dirfd, const char *dir, struct mailbox_header *h)
{
	struct index_header ix;
	struct buf acl = BUF_INIT;
	struct str owner;

	memset(h, 0, sizeof(*h));
	if (index_header_read(dirfd, &ix) != OK || (ix.state & INDEX_DELETED))
		return false;
	h->id = ix.id;
	h->uidvalidity = ix.uidvalidity;
	h->name = name_of_dir(r, dir);
	if (h->name == NULL) {
		log_err("%s/%s: its cyrus.header cannot be read and its place does not say its "
		    "name; the mailbox is left out of the list", r->part->path, dir);
		return false;
	}
	owner = mblist_owner(str_c(h->name));
	if (owner.n > 0 && acl_change(STR(""), owner, '=', ACL_ALL, &acl) == OK)
		h->acl = arena_copy(r->arena, acl.p, acl.n);
	else
		h->acl = "";
	buf_free(&acl);
	log_warning("mailbox %s: its cyrus.header is lost; it belongs to %s now, other rights "
	    "must be given again", h->name, owner.n > 0 ? "its user" : "nobody");
	return h->acl != NULL;
}

static void
read_mailbox(struct rebuild *r, int dirfd, const char *dir)
{
	struct index_header ix = { 0 };
	struct mailbox_header h;
	enum err e = header_read(dirfd, r->arena, &h);

	if (e == ERR_NOTFOUND && faccessat(dirfd, "cyrus.index", F_OK, 0) != 0)
		return;
	/* A creation that was not finished: nobody was told of it, and nothing is in it. */
	if (e == ERR_NOTFOUND && index_header_read(dirfd, &ix) == OK && ix.last_uid == 0) {
		log_notice("%s/%s: without cyrus.header and messages; not put into the list",
		    r->part->path, dir);
		return;
	}
	if (e == ERR_NOTFOUND || e == ERR_CORRUPT) {
		if (!guess_header(r, dirfd, dir, &h))
			return;
		e = OK;
	}
	if (e == OK && mblist_check_name(str_c(h.name)) != OK)
		log_warning("%s/%s: strange mailbox name", r->part->path, dir);
	if (index_header_read(dirfd, &ix) == OK && (ix.state & INDEX_DELETED)) {
		log_notice("%s/%s: left by a deletion; not put into the list", r->part->path, dir);
		return;
	}
	if (e == OK)
		keep(r, &h, ix.highestmodseq, dir);
	else
		r->err = e;
}

static bool
is_directory(struct rebuild *r, int dirfd, const struct dirent *de)
{
	struct stat st;

	if (de->d_type != DT_UNKNOWN)
		return de->d_type == DT_DIR;
	if (fstatat(dirfd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode);
	if (errno != ENOENT) {
		log_io(de->d_name, "stat");
		r->err = ERR_IO;
	}
	return false;
}

static bool
is_stores_own(const char *dir)
{
	return strcmp(dir, "wal") == 0 || strcmp(dir, "stage") == 0 ||
	    strcmp(dir, "lost+found") == 0;
}

static void walk_dir(struct rebuild *r, int dirfd, struct buf *path, int depth);

static void
walk_entry(struct rebuild *r, int dirfd, const struct dirent *de, struct buf *path, int depth)
{
	size_t n = path->n;
	enum err e;
	int fd;

	if (de->d_name[0] == '.' || (n == 0 && is_stores_own(de->d_name)) ||
	    depth == DEPTH_MAX || !is_directory(r, dirfd, de))
		return;
	if (n > 0)
		buf_addc(path, '/');
	buf_adds(path, de->d_name);
	e = file_open_dir(dirfd, de->d_name, &fd);
	if (e == OK) {
		walk_dir(r, fd, path, depth + 1);
		close(fd);
	} else if (e != ERR_NOTFOUND) {
		r->err = e;
	}
	buf_truncate(path, n);
}

/* What cannot be read is no reason to make a list without it. */
static void
walk_dir(struct rebuild *r, int dirfd, struct buf *path, int depth)
{
	const struct dirent *de;
	enum err e;
	DIR *d;

	e = file_dir_open(dirfd, path->p, &d);
	if (e != OK) {
		r->err = e;
		return;
	}
	if (path->n > 0)
		read_mailbox(r, dirfd, path->p);
	while (r->err == OK && (e = file_dir_next(d, path->p, &de)) == OK && de != NULL)
		walk_entry(r, dirfd, de, path, depth);
	if (r->err == OK)
		r->err = e;
	closedir(d);
}

static enum err
collect(struct rebuild *r)
{
	struct buf path = BUF_INIT;
	enum err e = OK;
	int fd;

	for (size_t i = 0; e == OK && i < r->s->parts; i++) {
		r->part = &r->s->part[i];
		e = file_open_dir(r->part->dirfd, ".", &fd);
		if (e == OK) {
			walk_dir(r, fd, &path, 0);
			close(fd);
			e = r->err;
		}
	}
	buf_free(&path);
	return e;
}

/* --- conflicts --- */

static int
by_id(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int c = memcmp(x->e.id.b, y->e.id.b, sizeof(x->e.id.b));

	if (c == 0)
		c = (x->modseq < y->modseq) - (x->modseq > y->modseq);
	if (c == 0)
		c = strcmp(x->e.partition, y->e.partition);
	return c != 0 ? c : strcmp(x->e.dir, y->e.dir);
}

static bool
in_place(const struct rebuild *r, const struct found *f)
{
	struct buf dir = BUF_INIT;
	bool is;

	mbname_add_dir(&dir, str_c(f->e.name), r->s->params.hash_spool);
	is = strcmp(dir.p, f->e.dir) == 0;
	buf_free(&dir);
	return is;
}

static void
exchange(struct found *x, struct found *y)
{
	struct found old = *x;

	*x = *y;
	*y = old;
}

static void
drop_same_ids(struct rebuild *r)
{
	if (r->n == 0)
		return;
	qsort(r->v, r->n, sizeof(*r->v), by_id);
	for (size_t i = 1, first = 0; i < r->n; i++) {
		struct found *x = &r->v[first], *y = &r->v[i];

		if (!id128_eq(&x->e.id, &y->e.id)) {
			first = i;
			continue;
		}
		if (y->modseq == x->modseq && in_place(r, y) && !in_place(r, x))
			exchange(x, y);
		y->dropped = true;
		log_warning("mailbox %s: a copy of it in %s of partition %s is left out; "
		    "that in %s counts", y->e.name, y->e.dir, y->e.partition, x->e.dir);
	}
}

/* Whose name it is: the first of them. */
static bool
goes_before(const struct rebuild *r, const struct found *x, const struct found *y)
{
	bool a = in_place(r, x), b = in_place(r, y);

	if (a != b)
		return a;
	if (x->e.uidvalidity != y->e.uidvalidity)
		return x->e.uidvalidity > y->e.uidvalidity;
	return memcmp(x->e.id.b, y->e.id.b, sizeof(x->e.id.b)) < 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return strcmp(x->e.name, y->e.name);
}

static void
recover_name(struct rebuild *r, struct found *f)
{
	struct buf name = BUF_INIT;
	char hex[33];

	id128_hex(&f->e.id, hex);
	buf_printf(&name, "%s-recovered-%.8s", f->e.name, hex);
	log_warning("two mailboxes are called %s; that of %s is now %s", f->e.name,
	    f->e.dir, name.p);
	f->e.name = arena_copy(r->arena, name.p, name.n);
	if (f->e.name == NULL)
		r->err = ERR_LIMIT;
	buf_free(&name);
}

static void
part_same_names(struct rebuild *r)
{
	if (r->n == 0)
		return;
	qsort(r->v, r->n, sizeof(*r->v), by_name);
	for (size_t i = 1, first = 0; i < r->n; i++) {
		struct found *x = &r->v[first], *y = &r->v[i];

		if (x->dropped || strcmp(x->e.name, y->e.name) != 0) {
			first = i;
			continue;
		}
		if (y->dropped)
			continue;
		if (goes_before(r, y, x))
			exchange(x, y);
		recover_name(r, y);
	}
}

/* --- writing --- */

static enum err
put_root(struct kv_txn *txn, struct str root, const struct quotafile *q)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	enum err e;

	mbdb_name_key(&key, MBDB_QUOTA, root);
	mbdb_add_limits(&value, &q->limit);
	e = kv_put(txn, buf_str(&key), buf_str(&value));
	if (e == OK)
		e = mbpending_add_sum(txn, root.p);
	buf_free(&key);
	buf_free(&value);
	return e;
}

/* Limits that cannot be read are lost: without a limit mail goes on. */
static enum err
put_roots(struct rebuild *r, struct kv_txn *txn)
{
	struct buf root = BUF_INIT;
	struct quotafile q;
	const struct dirent *de;
	enum err e;
	DIR *d;
	int fd;

	e = file_open_dir(r->s->config_fd, "quota", &fd);
	if (e != OK)
		return e == ERR_NOTFOUND ? OK : e;
	e = file_dir_open(fd, "quota", &d);
	close(fd);
	if (e != OK)
		return e;
	while ((e = file_dir_next(d, "quota", &de)) == OK && de != NULL) {
		if (de->d_name[0] == '.')
			continue;
		buf_reset(&root);
		mbname_from_file(&root, str_c(de->d_name));
		e = quotafile_peek(r->s, buf_str(&root), &q);
		if (e == ERR_CORRUPT || e == ERR_NOTFOUND)
			log_err("quota/%s cannot be read; set the quota of %s again",
			    de->d_name, root.p);
		else if (e == OK || e == ERR_STALE)	/* the limits are right */
			e = put_root(txn, buf_str(&root), &q);
		if (e != OK && e != ERR_CORRUPT && e != ERR_NOTFOUND)
			break;
	}
	closedir(d);
	buf_free(&root);
	return e;
}

/* The root by what put_roots() has put. */
static enum err
put_entry(struct rebuild *r, struct kv_txn *txn, struct mbentry *e)
{
	struct str root;
	enum err err = mbdb_root_of(txn, str_c(e->name), &root);

	e->quotaroot = NULL;
	if (err == OK)
		e->quotaroot = arena_copy(r->arena, root.p, root.n);
	else if (err != ERR_NOTFOUND)
		return err;
	err = mbdb_put(txn, e);
	return err == OK ? mbpending_add(txn, PENDING_HEADER, &e->id, NULL, NULL) : err;
}

static enum err
put_batch(struct rebuild *r, size_t from, size_t to)
{
	struct kv_txn *txn;
	enum err e = mbdb_begin(r->s, &txn);

	if (e != OK)
		return e;
	if (from == 0 && r->anew)
		e = put_roots(r, txn);
	for (size_t i = from; e == OK && i < to; i++)
		if (!r->v[i].dropped)
			e = put_entry(r, txn, &r->v[i].e);
	if (e == OK)
		e = mbdb_note_uidvalidity(txn, r->uidvalidity);
	if (e == OK && to == r->n && r->anew)
		e = kv_put(txn, STR("F"), STR("1"));
	e = mbdb_end(r->s, txn, e);
	for (size_t i = from; e == OK && !r->anew && i < to; i++)
		if (!r->v[i].dropped)
			topic_publish(r->s, TOPIC_NAMES, str_c(r->v[i].e.name));
	return e;
}

static enum err
put_all(struct rebuild *r)
{
	size_t from = 0;
	enum err e;

	do {
		size_t to = r->n - from > BATCH ? from + BATCH : r->n;

		e = put_batch(r, from, to);
		from = to;
	} while (e == OK && from < r->n);
	return e;
}

enum err
mblist_rebuild(struct store *s)
{
	struct rebuild r = { .s = s, .arena = arena_new(REBUILD_ARENA), .anew = true };
	enum err e = empty_list(s);

	if (e == OK)
		e = collect(&r);
	if (e == OK) {
		drop_same_ids(&r);
		part_same_names(&r);
		e = r.err;
	}
	if (e == OK)
		e = put_all(&r);
	if (e == OK && r.n > 0)
		log_notice("mailboxes.db: built anew, %zu mailboxes found in the spool", r.n);
	free(r.v);
	arena_free(r.arena);
	return e;
}

/* --- what the list lacks --- */

/* Leaves those that are not in the list; one whose name is taken gets another. */
static enum err
keep_unlisted(struct rebuild *r, mblist_each_fn wanted, void *ctx)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct arena_mark mark = arena_mark(arena);
	struct mbentry *there;
	enum err e = OK;

	for (size_t i = 0; e == OK && i < r->n; i++) {
		struct found *f = &r->v[i];

		if (f->dropped)
			continue;
		e = mblist_lookup_id(r->s, arena, &f->e.id, &there);
		f->dropped = e == OK || (wanted != NULL && !wanted(ctx, &f->e));
		if (e == ERR_NOTFOUND)
			e = mblist_lookup(r->s, arena, str_c(f->e.name), &there);
		if (e == OK && !f->dropped)
			recover_name(r, f);
		if (e == ERR_NOTFOUND)
			e = OK;
		arena_rewind(arena, mark);
	}
	arena_free(arena);
	return e == OK ? r->err : e;
}

static enum err
adopt(struct rebuild *r, mblist_each_fn wanted, bool add, mblist_each_fn each, void *ctx)
{
	enum err e = collect(r);

	if (e == OK) {
		drop_same_ids(r);
		e = keep_unlisted(r, wanted, ctx);
	}
	if (e == OK) {
		part_same_names(r);
		e = r->err;
	}
	if (e == OK && add)
		e = put_all(r);
	for (size_t i = 0; e == OK && i < r->n; i++)
		if (!r->v[i].dropped && !each(ctx, &r->v[i].e))
			break;
	return e;
}

enum err
mblist_adopt(struct store *s, mblist_each_fn wanted, bool add, mblist_each_fn each, void *ctx)
{
	struct rebuild r = { .s = s };
	enum err e = names_lock(s);

	if (e != OK)
		return e;
	r.arena = arena_new(REBUILD_ARENA);
	e = adopt(&r, wanted, add, each, ctx);
	if (e == OK && add)
		mbpending_run(s);
	names_unlock(s);
	free(r.v);
	arena_free(r.arena);
	return e;
}
