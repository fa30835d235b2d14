/*
 * kv_walk.c - ordered key-value databases: many keys, one after the other
 *
 * Pairs are read in batches and handed out with the environment left, outside
 * a transaction: who gets them may take his time, and use the database.
 */
#include "lib/kv_env.h"
#include "lib/kv_tree.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	BATCH_FIRST = 8 << 10,		/* most walks are short */
	BATCH = 64 << 10,
};

/* A walk's place and what it has read ahead. */
struct walk {
	struct str prefix;
	struct buf next;		/* the first key not read yet */
	DBT batch;			/* pairs, as DB_MULTIPLE_KEY packs them */
	bool is_done;
};

static void
walk_start(struct walk *w, struct str prefix, struct str from)
{
	*w = (struct walk){ .prefix = prefix, .next = BUF_INIT };
	size_t n = prefix.n < from.n ? prefix.n : from.n;
	int c = n > 0 ? memcmp(from.p, prefix.p, n) : 0;
	buf_add_str(&w->next, c > 0 || (c == 0 && from.n > prefix.n) ? from : prefix);
	w->batch.flags = DB_DBT_USERMEM;
	w->batch.ulen = BATCH_FIRST;
	w->batch.data = mem_get(w->batch.ulen);
}

static void
walk_end(struct walk *w)
{
	free(w->batch.data);
	buf_free(&w->next);
}

static void
walk_grow(struct walk *w, size_t size)
{
	free(w->batch.data);
	w->batch.ulen = (u_int32_t)((size + 1023) / 1024 * 1024);
	w->batch.data = mem_get(w->batch.ulen);
}

static int
read_batch(struct kv *kv, DB_TXN *txn, struct walk *w)
{
	DBT key = { .data = w->next.p, .size = (u_int32_t)w->next.n };
	DBC *cursor;
	int ret, end;

	if ((ret = kv->db->cursor(kv->db, txn, &cursor, 0)) != 0)
		return ret;
	while ((ret = cursor->get(cursor, &key, &w->batch,
	    DB_SET_RANGE | DB_MULTIPLE_KEY)) == DB_BUFFER_SMALL)
		walk_grow(w, w->batch.size > w->batch.ulen
		    ? w->batch.size : w->batch.ulen * 2);
	end = cursor->close(cursor);
	return ret != 0 ? ret : end;
}

/* Hands out what was read and moves w->next past it. */
static void
give_batch(struct walk *w, kv_each_fn each, void *ctx)
{
	void *place, *key = NULL, *value = NULL;
	size_t key_n = 0, value_n = 0;
	struct str last = { NULL, 0 };

	DB_MULTIPLE_INIT(place, &w->batch);
	while (!w->is_done) {
		/* NOLINTNEXTLINE(clang-analyzer-core.*): the batch was filled by read_batch() */
		DB_MULTIPLE_KEY_NEXT(place, &w->batch, key, key_n, value, value_n);
		if (place == NULL)
			break;
		last = (struct str){ key, key_n };
		if (str_eq(last, kv_tree_own_key))
			continue;
		if (key_n < w->prefix.n
		    || memcmp(key, w->prefix.p, w->prefix.n) != 0
		    || !each(ctx, last, (struct str){ value, value_n }))
			w->is_done = true;
	}
	if (last.p == NULL)
		w->is_done = true;
	if (w->is_done)
		return;
	buf_reset(&w->next);
	buf_add_str(&w->next, last);
	buf_addc(&w->next, '\0');	/* the least key that is greater */
	if (w->batch.ulen < BATCH)
		walk_grow(w, BATCH);
}

enum err
kv_walk(struct kv *kv, struct str prefix, struct str from, kv_each_fn each, void *ctx)
{
	struct walk w;
	enum err e = OK;

	if (kv->txn.handle != NULL)
		return kv_txn_walk(&kv->txn, prefix, from, each, ctx);
	walk_start(&w, prefix, from);
	while (!w.is_done && e == OK) {
		int ret = 0, tries = 0;
		e = kv_env_enter(kv);
		if (e != OK)
			break;
		do {
			ret = read_batch(kv, NULL, &w);
		} while (kv_env_leave_or_retry(kv, ret, &tries, &e));
		if (ret == DB_NOTFOUND)
			break;
		if (e == OK)
			give_batch(&w, each, ctx);
	}
	walk_end(&w);
	return e;
}

enum err
kv_txn_walk(struct kv_txn *txn, struct str prefix, struct str from,
    kv_each_fn each, void *ctx)
{
	struct walk w;

	if (txn->failed != OK)
		return txn->failed;
	walk_start(&w, prefix, from);
	while (!w.is_done && txn->failed == OK) {
		int ret = read_batch(txn->kv, txn->handle, &w);
		if (ret == DB_NOTFOUND)
			break;
		txn->failed = kv_env_failed(txn->kv, ret, "read");
		if (txn->failed == OK)
			give_batch(&w, each, ctx);
	}
	walk_end(&w);
	return txn->failed;
}
