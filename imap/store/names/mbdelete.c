/*
 * mbdelete.c - deleting mailboxes
 *
 * At once: one transaction takes the names out of the list and notes the
 * directories; then mbpending_run() removes the files.  Delayed: a rename
 * (mbrename.h) to deleted_prefix.NAME.HEXTIME.
 *
 * A quota root goes with the last mailbox at or below it.
 */
#include "imap/store/list/mbname.h"
#include "imap/store/list/topic.h"
#include "imap/store/names/mbpending.h"
#include "imap/store/names/mbrename.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct collecting {
	struct str top;
	bool tree;
	struct mbset *set;
};

static bool
collect(void *ctx, const struct mbentry *e)
{
	struct collecting *c = ctx;

	if (mbname_is_in(str_c(e->name), c->top) && (c->tree || strlen(e->name) == c->top.n))
		return mbset_add(c->set, e);
	return c->tree || strlen(e->name) < c->top.n;
}

static enum err
remove_one(struct store *s, struct kv_txn *txn, const struct mbentry *e)
{
	enum err err = mbdb_remove(txn, e);

	if (err == OK)
		err = mbpending_add_reap(s, txn, e);
	if (err == OK && e->quotaroot != NULL)
		err = mbpending_add_sum(txn, e->quotaroot);
	return err;
}

static enum err
delete_now(struct store *s, const struct mbset *set, struct str top)
{
	struct kv_txn *txn;
	enum err e = mbdb_begin_small(s, &txn);

	if (e != OK)
		return e;
	for (size_t i = 0; e == OK && i < set->n; i++)
		e = remove_one(s, txn, set->e[i]);
	if (e == OK)
		e = mbset_drop_roots(s, txn, top);
	return mbdb_end(s, txn, e);
}

static enum err
delete_later(struct store *s, struct arena *arena, struct mbset *set, struct str top)
{
	const char **to = mem_zero(set->n, sizeof(*to));
	struct buf name = BUF_INIT;
	uint32_t now = (uint32_t)time(NULL);
	struct mbentry *there;
	enum err e = OK;

	for (size_t i = 0; e == OK && i < set->n; i++) {
		/* Deleted, made again and deleted within a second. */
		for (uint32_t t = now; e == OK; t++) {
			buf_reset(&name);
			buf_printf(&name, "%s.%s.%08X", s->params.deleted_prefix,
			    set->e[i]->name, t);
			e = mblist_lookup(s, arena, buf_str(&name), &there);
		}
		if (e != ERR_NOTFOUND)
			break;
		to[i] = arena_copy(arena, name.p, name.n);
		e = to[i] != NULL ? OK : ERR_LIMIT;
	}
	if (e == OK)
		e = mbset_rename(s, set, to, top, (struct str){ NULL, 0 });
	buf_free(&name);
	free(to);
	return e;
}

/* What lies there has been deleted already. */
static bool
is_deleted(struct store *s, struct str name)
{
	return s->params.deleted_prefix != NULL &&
	    mbname_is_in(name, str_c(s->params.deleted_prefix));
}

static enum err
delete(struct store *s, struct str name, bool now, bool tree)
{
	struct mbset set = { .arena = arena_new(MBSET_ARENA) };
	struct collecting c = { .top = name, .tree = tree, .set = &set };
	enum err e = names_lock(s);

	if (e != OK) {
		arena_free(set.arena);
		return e;
	}
	e = mblist_walk(s, name, collect, &c);
	if (e == OK)
		e = set.err;
	if (e == OK && (set.n == 0 || (!tree && strlen(set.e[0]->name) != name.n)))
		e = ERR_NOTFOUND;
	if (e == OK) {
		now = now || !s->params.delete_delayed || is_deleted(s, name);
		e = now ? delete_now(s, &set, name) :
		    delete_later(s, set.arena, &set, name);
	}
	if (e == OK)
		mbpending_run(s);
	names_unlock(s);
	if (e == OK) {
		mbset_publish(s, &set);
		topic_publish(s, TOPIC_NAMES, name);
		if (!now)
			topic_publish(s, TOPIC_NAMES, str_c(s->params.deleted_prefix));
	}
	mbset_free(&set);
	return e;
}

enum err
mblist_delete(struct store *s, struct str name, bool now)
{
	return delete(s, name, now, false);
}

enum err
mblist_delete_tree(struct store *s, struct str name, bool now)
{
	return delete(s, name, now, true);
}
