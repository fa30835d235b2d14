/*
 * quota_set.c - making and removing quota roots
 *
 * One transaction changes the root and the entries of all mailboxes that come
 * to it or fall to the next one above.
 */
#include "imap/store/list/quota.h"

#include "imap/store/list/mbname.h"
#include "imap/store/list/mbset.h"
#include "imap/store/list/quotafile.h"
#include "imap/store/names/mbpending.h"

#include <string.h>

struct collecting {
	struct str root;
	struct mbset *set;
};

static bool
collect(void *ctx, const struct mbentry *e)
{
	struct collecting *c = ctx;

	return !mbname_is_in(str_c(e->name), c->root) || mbset_add(c->set, e);
}

/* Gives the entry the root that it has now. */
static enum err
assign(struct kv_txn *txn, struct mbentry *e)
{
	struct str root, was = e->quotaroot != NULL ? str_c(e->quotaroot) : STR("");
	struct buf own = BUF_INIT;
	enum err err = mbdb_root_of(txn, str_c(e->name), &root);

	if (err == ERR_NOTFOUND)
		root = STR("");
	else if (err != OK)
		return err;
	if (str_eq(root, was))
		return OK;
	buf_add_str(&own, root);
	err = was.n > 0 ? mbpending_add_sum(txn, was.p) : OK;
	e->quotaroot = own.n > 0 ? own.p : NULL;
	if (err == OK && own.n > 0)
		err = mbpending_add_sum(txn, own.p);
	if (err == OK)
		err = mbdb_put(txn, e);
	if (err == OK)
		err = mbpending_add(txn, PENDING_HEADER, &e->id, NULL, NULL);
	e->quotaroot = NULL;
	buf_free(&own);
	return err;
}

static enum err
change(struct store *s, struct str root, const struct buf *limits, struct mbset *set)
{
	struct buf key = BUF_INIT, name = BUF_INIT;
	struct kv_txn *txn;
	enum err e = mbdb_begin(s, &txn);

	if (e != OK)
		return e;
	mbdb_name_key(&key, MBDB_QUOTA, root);
	buf_add_str(&name, root);
	if (limits != NULL)
		e = kv_put(txn, buf_str(&key), buf_str(limits));
	else
		e = kv_del(txn, buf_str(&key));
	if (e == OK)
		e = mbpending_add_sum(txn, name.p);
	for (size_t i = 0; e == OK && i < set->n; i++)
		e = assign(txn, set->e[i]);
	buf_free(&key);
	buf_free(&name);
	return mbdb_end(s, txn, e);
}

/* LIMITS NULL: the root goes. */
static enum err
set_root(struct store *s, struct str root, const struct buf *limits)
{
	struct mbset set = { .arena = arena_new(MBSET_ARENA) };
	struct collecting c = { .root = root, .set = &set };
	enum err e = names_lock(s);

	if (e != OK) {
		mbset_free(&set);
		return e;
	}
	e = mblist_walk(s, root, collect, &c);
	if (e == OK)
		e = set.err;
	if (e == OK)
		e = change(s, root, limits, &set);
	if (e == OK)
		mbpending_run(s);
	names_unlock(s);
	mbset_free(&set);
	return e;
}

enum err
quota_set(struct store *s, struct str root, const struct quota_limits *l)
{
	struct buf limits = BUF_INIT;
	enum err e = mblist_check_name(root);

	if (e != OK || !quotafile_possible(root))
		return ERR_NAME;
	mbdb_add_limits(&limits, l);
	e = set_root(s, root, &limits);
	buf_free(&limits);
	return e;
}

enum err
quota_remove(struct store *s, struct str root)
{
	return set_root(s, root, NULL);
}

/* --- repairing --- */

struct wrong {
	struct store *s;
	struct mbset *set;
	quota_report_fn report;
	void *ctx;
	enum err err;
};

static bool
find_wrong(void *ctx, const struct mbentry *e)
{
	struct wrong *w = ctx;
	struct arena *arena = arena_new(MBDB_ARENA);
	const char *root = NULL;
	enum err err = quota_root_of(w->s, arena, str_c(e->name), &root);

	if (err != OK && err != ERR_NOTFOUND)
		w->err = err;
	else if ((root == NULL) != (e->quotaroot == NULL) ||
	    (root != NULL && strcmp(root, e->quotaroot) != 0)) {
		w->report(w->ctx, e->name, e->quotaroot, root);
		if (!mbset_add(w->set, e))
			w->err = w->set->err;
	}
	arena_free(arena);
	return w->err == OK;
}

static enum err
assign_all(struct store *s, struct mbset *set)
{
	struct kv_txn *txn;
	enum err e = mbdb_begin(s, &txn);

	if (e != OK)
		return e;
	for (size_t i = 0; e == OK && i < set->n; i++)
		e = assign(txn, set->e[i]);
	return mbdb_end(s, txn, e);
}

enum err
quota_repair_roots(struct store *s, struct str prefix, bool fix, quota_report_fn report,
    void *ctx)
{
	struct mbset set = { .arena = arena_new(MBSET_ARENA) };
	struct wrong w = { .s = s, .set = &set, .report = report, .ctx = ctx };
	enum err e = names_lock(s);

	if (e == OK) {
		e = mblist_walk(s, prefix, find_wrong, &w);
		if (e == OK)
			e = w.err;
		if (e == OK && fix && set.n > 0)
			e = assign_all(s, &set);
		if (e == OK)
			mbpending_run(s);
		names_unlock(s);
	}
	mbset_free(&set);
	return e;
}
