/*
 * mbrename.c - renaming mailboxes
 *
 * One transaction takes out all old names and puts in the new ones, with ids
 * and directories as they are; its commit is the rename.  Headers and
 * directories follow (mbpending.h).
 */
#include "imap/store/names/mbrename.h"

#include "imap/store/list/mbname.h"
#include "imap/store/list/topic.h"
#include "imap/store/names/mbpartition.h"
#include "imap/store/names/mbpending.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- quota roots --- */

struct roots {
	struct arena *arena;
	struct str top;
	struct root {
		struct root *next;
		struct str name, limits;
	} *first, **last;
	enum err err;
};

static bool
root_add(void *ctx, struct str key, struct str value)
{
	struct roots *rs = ctx;
	struct buf name = BUF_INIT;
	struct root *r;

	mbname_from_key(&name, (struct str){ key.p + 1, key.n - 1 });
	if (mbname_is_in(buf_str(&name), rs->top)) {
		r = arena_new_obj(rs->arena, struct root);
		if (r != NULL) {
			r->name = (struct str){ arena_copy(rs->arena, name.p, name.n), name.n };
			r->limits = (struct str){ arena_copy(rs->arena, value.p, value.n), value.n };
		}
		if (r == NULL || r->name.p == NULL || r->limits.p == NULL) {
			rs->err = ERR_LIMIT;
		} else {
			*rs->last = r;
			rs->last = &r->next;
		}
	}
	buf_free(&name);
	return rs->err == OK;
}

/* The roots at or below TOP. */
static enum err
roots_of(struct kv_txn *txn, struct arena *arena, struct str top, struct roots *rs)
{
	struct buf key = BUF_INIT;
	enum err e;

	*rs = (struct roots){ .arena = arena, .top = top };
	rs->last = &rs->first;
	mbdb_name_key(&key, MBDB_QUOTA, top);
	e = kv_txn_walk(txn, buf_str(&key), buf_str(&key), root_add, rs);
	buf_free(&key);
	return e != OK ? e : rs->err;
}

static enum err
root_delete(struct kv_txn *txn, struct str name)
{
	struct buf key = BUF_INIT;
	enum err e;

	mbdb_name_key(&key, MBDB_QUOTA, name);
	e = kv_del(txn, buf_str(&key));
	buf_free(&key);
	return e == OK ? mbpending_add_sum(txn, name.p) : e;
}

/* A root that is at the new place already keeps its limits. */
static enum err
root_put(struct kv_txn *txn, const char *name, struct str limits)
{
	struct buf key = BUF_INIT;
	enum err e;

	mbdb_name_key(&key, MBDB_QUOTA, str_c(name));
	e = kv_txn_get(txn, buf_str(&key), NULL);
	if (e == ERR_NOTFOUND)
		e = kv_put(txn, buf_str(&key), limits);
	buf_free(&key);
	return e == OK ? mbpending_add_sum(txn, name) : e;
}

static enum err
rename_roots(struct kv_txn *txn, struct arena *arena, struct str top, struct str new_top)
{
	struct buf name = BUF_INIT;
	struct roots rs;
	enum err e = roots_of(txn, arena, top, &rs);

	for (struct root *r = rs.first; e == OK && r != NULL; r = r->next)
		e = root_delete(txn, r->name);
	for (struct root *r = rs.first; e == OK && r != NULL; r = r->next) {
		buf_reset(&name);
		buf_add_str(&name, new_top);
		buf_add(&name, r->name.p + top.n, r->name.n - top.n);
		e = root_put(txn, name.p, r->limits);
	}
	buf_free(&name);
	return e;
}

struct in_use {
	struct str root;
	size_t prefix;
	bool is;
};

static bool
note_use(void *ctx, struct str key, struct str value)
{
	struct in_use *u = ctx;

	(void)value;
	/* 1 stands for '.': the root itself or what is below it. */
	u->is = key.n == u->prefix || key.p[u->prefix] == '\1';
	return !u->is;
}

enum err
mbset_drop_roots(struct store *s, struct kv_txn *txn, struct str top)
{
	struct arena *arena = arena_new(MBSET_ARENA);
	struct buf key = BUF_INIT;
	struct roots rs;
	enum err e = roots_of(txn, arena, top, &rs);

	(void)s;
	for (struct root *r = rs.first; e == OK && r != NULL; r = r->next) {
		struct in_use u = { .root = r->name };

		buf_reset(&key);
		mbdb_name_key(&key, MBDB_NAME, r->name);
		u.prefix = key.n;
		e = kv_txn_walk(txn, buf_str(&key), buf_str(&key), note_use, &u);
		if (e == OK && !u.is)
			e = root_delete(txn, r->name);
	}
	buf_free(&key);
	arena_free(arena);
	return e;
}

/* --- the transaction --- */

static enum err
put_renamed(struct kv_txn *txn, struct mbentry *e, const char *to)
{
	const char *old_root = e->quotaroot;
	struct buf own = BUF_INIT;
	struct str root;
	enum err err = mbdb_root_of(txn, str_c(to), &root);

	if (err != OK && err != ERR_NOTFOUND)
		return err;
	e->name = to;
	e->quotaroot = NULL;
	/* ROOT is a piece of TO; the entry needs a string of its own. */
	if (err == OK) {
		buf_add_str(&own, root);
		e->quotaroot = own.p;
	}
	err = mbdb_put(txn, e);
	if (err == OK && e->quotaroot != NULL)
		err = mbpending_add_sum(txn, e->quotaroot);
	if (err == OK && old_root != NULL)
		err = mbpending_add_sum(txn, old_root);
	if (err == OK)
		err = mbpending_add(txn, PENDING_PLACE, &e->id, NULL, NULL);
	e->quotaroot = NULL;
	buf_free(&own);
	return err;
}

enum err
mbset_rename(struct store *s, struct mbset *set, const char *const *to, struct str top,
    struct str new_top)
{
	struct kv_txn *txn;
	enum err e = mbdb_begin_small(s, &txn);

	if (e != OK)
		return e;
	for (size_t i = 0; e == OK && i < set->n; i++)
		e = mbdb_remove(txn, set->e[i]);
	if (e == OK && new_top.p != NULL)
		e = rename_roots(txn, set->arena, top, new_top);
	for (size_t i = 0; e == OK && i < set->n; i++)
		e = put_renamed(txn, set->e[i], to[i]);
	if (e == OK && new_top.p == NULL)
		e = mbset_drop_roots(s, txn, top);
	return mbdb_end(s, txn, e);
}

/* --- mblist_rename --- */

struct collecting {
	struct str top;
	struct mbset *set;
};

static bool
collect(void *ctx, const struct mbentry *e)
{
	struct collecting *c = ctx;

	return !mbname_is_in(str_c(e->name), c->top) || mbset_add(c->set, e);
}

/* ERR_EXISTS; one that is itself being renamed away, from FROM, does not count. */
static enum err
must_be_free(struct store *s, struct arena *arena, struct str name, struct str from)
{
	struct mbentry *there;
	enum err e;

	if (mbname_is_in(name, from))
		return OK;
	e = mblist_lookup(s, arena, name, &there);
	return e == OK ? ERR_EXISTS : e == ERR_NOTFOUND ? OK : e;
}

/*
 * Makes the new names; each must be possible and free, and so must TO, though
 * FROM may be no mailbox itself.
 */
static enum err
new_names(struct store *s, struct mbset *set, struct str from, struct str to,
    const char **names)
{
	struct buf name = BUF_INIT;
	enum err e = must_be_free(s, set->arena, to, from);

	for (size_t i = 0; e == OK && i < set->n; i++) {
		buf_reset(&name);
		buf_add_str(&name, to);
		buf_adds(&name, set->e[i]->name + from.n);
		e = mblist_check_name(buf_str(&name));
		if (e != OK)
			break;
		names[i] = arena_copy(set->arena, name.p, name.n);
		e = names[i] == NULL ? ERR_LIMIT :
		    must_be_free(s, set->arena, buf_str(&name), from);
	}
	buf_free(&name);
	return e;
}

static enum err
rename_set(struct store *s, struct mbset *set, struct str from, struct str to,
    const char *partition)
{
	const char **names = mem_zero(set->n, sizeof(*names));
	bool moves = partition != NULL && strcmp(partition, set->e[0]->partition) != 0;
	bool renames = !str_eq(from, to);
	enum err e = OK;

	if (renames)
		e = new_names(s, set, from, to, names);
	if (e == OK && moves)
		e = mbpartition_move(s, set->e[0], partition);
	if (e == OK && moves)
		e = mblist_lookup(s, set->arena, from, &set->e[0]);
	if (e == OK && renames)
		e = mbset_rename(s, set, names, from, to);
	free(names);
	return e;
}

enum err
mblist_rename(struct store *s, struct str from, struct str to, const char *partition)
{
	struct mbset set = { .arena = arena_new(MBSET_ARENA) };
	struct collecting c = { .top = from, .set = &set };
	enum err e = mblist_check_name(to);

	/* Below itself it would have to be its own parent. */
	if (e == OK && to.n > from.n && mbname_is_in(to, from))
		e = ERR_NAME;
	if (e == OK && partition != NULL && store_partition_of(s, partition) == NULL)
		e = ERR_NOTFOUND;
	if (e == OK)
		e = names_lock(s);
	if (e != OK) {
		arena_free(set.arena);
		return e;
	}
	e = mblist_walk(s, from, collect, &c);
	if (e == OK)
		e = set.err;
	if (e == OK && (set.n == 0
	    || (partition != NULL && strlen(set.e[0]->name) != from.n)))
		e = ERR_NOTFOUND;
	if (e == OK)
		e = rename_set(s, &set, from, to, partition);
	if (e == OK)
		mbpending_run(s);
	names_unlock(s);
	if (e == OK) {
		mbset_publish(s, &set);
		topic_publish(s, TOPIC_NAMES, from);
		topic_publish(s, TOPIC_NAMES, to);
	}
	mbset_free(&set);
	return e;
}
