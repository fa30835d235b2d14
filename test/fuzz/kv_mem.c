/*
 * kv_mem.c - lib/kv.h in memory, for fuzz targets
 *
 * A database is an array of pairs in order.  A transaction writes at once and
 * keeps what was there before, newest last, for kv_abort().
 */
#include "test/fuzz/kv_mem.h"

#include "lib/kv.h"
#include "lib/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATABASES = 8 };

struct pair {
	struct str key, value;		/* owned; value.p NULL: was not there */
};

struct pairs {
	struct pair *v;
	size_t n, size;
};

struct database {
	char path[256];			/* "" in a free place */
	struct pairs now, saved;
	uint64_t changes;
	bool is_saved;
};

struct kv {
	struct database *db;
};

struct kv_txn {
	struct kv *kv;
	struct pairs before;
};

static struct database databases[DATABASES];
static struct kv_txn *open_txn;

/* --- pairs --- */

static struct str
copy(struct str s)
{
	char *p = malloc(s.n + 1);

	ensure(p != NULL);
	memcpy(p, s.p, s.n);
	return (struct str){ p, s.n };
}

static void
drop(struct str s)
{
	free((void *)(uintptr_t)s.p);
}

static void
insert(struct pairs *a, size_t at, struct pair pair)
{
	if (a->n == a->size) {
		a->size = a->size == 0 ? 32 : 2 * a->size;
		a->v = realloc(a->v, a->size * sizeof(*a->v));
		ensure(a->v != NULL);
	}
	memmove(a->v + at + 1, a->v + at, (a->n - at) * sizeof(*a->v));
	a->v[at] = pair;
	a->n++;
}

static void
clear(struct pairs *a)
{
	for (size_t i = 0; i < a->n; i++) {
		drop(a->v[i].key);
		drop(a->v[i].value);
	}
	free(a->v);
	*a = (struct pairs){ .v = NULL };
}

/* The place of KEY, or where it would be. */
static size_t
find(const struct pairs *a, struct str key, bool *there)
{
	size_t low = 0, high = a->n;

	*there = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = str_cmp(a->v[mid].key, key);

		if (order == 0)
			*there = true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* VALUE.p NULL removes; what was there is given back, as a pair of its own. */
static struct pair
set(struct pairs *a, struct str key, struct str value)
{
	bool there;
	size_t at = find(a, key, &there);
	struct pair was = { .key = copy(key) };

	if (there)
		was.value = a->v[at].value;
	if (there && value.p == NULL) {
		drop(a->v[at].key);
		a->n--;
		memmove(a->v + at, a->v + at + 1, (a->n - at) * sizeof(*a->v));
	} else if (there) {
		a->v[at].value = copy(value);
	} else if (value.p != NULL) {
		insert(a, at, (struct pair){ copy(key), copy(value) });
	}
	return was;
}

/* --- all there are --- */

static void
copy_pairs(struct pairs *to, const struct pairs *from)
{
	clear(to);
	for (size_t i = 0; i < from->n; i++)
		insert(to, i, (struct pair){ copy(from->v[i].key), copy(from->v[i].value) });
}

void
kv_mem_save(void)
{
	ensure(open_txn == NULL);
	for (size_t i = 0; i < DATABASES; i++) {
		databases[i].is_saved = databases[i].path[0] != '\0';
		copy_pairs(&databases[i].saved, &databases[i].now);
	}
}

void
kv_mem_restore(void)
{
	ensure(open_txn == NULL);
	for (size_t i = 0; i < DATABASES; i++) {
		copy_pairs(&databases[i].now, &databases[i].saved);
		databases[i].changes++;
		if (!databases[i].is_saved)
			databases[i].path[0] = '\0';
	}
}

/* --- lib/kv.h --- */

enum err
kv_open(const char *dir, const char *name, unsigned flags, struct kv **kv)
{
	struct database *found = NULL, *room = NULL;
	char path[sizeof(room->path)];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (size_t i = DATABASES; i-- > 0;) {
		if (strcmp(databases[i].path, path) == 0)
			found = &databases[i];
		else if (databases[i].path[0] == '\0')
			room = &databases[i];
	}
	if (found == NULL && !(flags & KV_CREATE))
		return ERR_NOTFOUND;
	if (found == NULL) {
		ensure(room != NULL);
		found = room;
		memcpy(found->path, path, sizeof(path));
	}
	*kv = malloc(sizeof(**kv));
	ensure(*kv != NULL);
	(*kv)->db = found;
	return OK;
}

void
kv_close(struct kv *kv)
{
	free(kv);
}

enum err
kv_reset(const char *dir, const char *name)
{
	(void)dir, (void)name;
	return OK;
}

enum err
kv_verify(struct kv *kv)
{
	(void)kv;
	return OK;
}

/* Who opens it again finds it as it is. */
void
kv_condemn(struct kv *kv, const char *why)
{
	(void)kv, (void)why;
}

enum err
kv_get(struct kv *kv, struct str key, struct buf *value)
{
	bool there;
	size_t at = find(&kv->db->now, key, &there);

	if (there && value != NULL)
		buf_add_str(value, kv->db->now.v[at].value);
	return there ? OK : ERR_NOTFOUND;
}

/* EACH may change what is walked, so each step looks for its place anew. */
enum err
kv_walk(struct kv *kv, struct str prefix, struct str from, kv_each_fn each, void *ctx)
{
	struct str at = copy(str_cmp(from, prefix) > 0 ? from : prefix);
	bool first = true, more = true;

	while (more) {
		const struct pairs *a = &kv->db->now;
		bool there;
		size_t i = find(a, at, &there);

		if (there && !first)
			i++;
		if (i == a->n || !str_starts(a->v[i].key, prefix))
			break;
		struct str value = copy(a->v[i].value);
		drop(at);
		at = copy(a->v[i].key);
		first = false;
		more = each(ctx, at, value);
		drop(value);
	}
	drop(at);
	return OK;
}

enum err
kv_begin(struct kv *kv, struct kv_txn **txn)
{
	ensure(open_txn == NULL);
	*txn = open_txn = calloc(1, sizeof(**txn));
	ensure(*txn != NULL);
	(*txn)->kv = kv;
	return OK;
}

enum err
kv_begin_small(struct kv *kv, struct kv_txn **txn)
{
	return kv_begin(kv, txn);
}

enum err
kv_txn_get(struct kv_txn *txn, struct str key, struct buf *value)
{
	return kv_get(txn->kv, key, value);
}

enum err
kv_txn_walk(struct kv_txn *txn, struct str prefix, struct str from, kv_each_fn each,
    void *ctx)
{
	return kv_walk(txn->kv, prefix, from, each, ctx);
}

enum err
kv_put(struct kv_txn *txn, struct str key, struct str value)
{
	if (key.n == 0 || key.n > KV_KEY_MAX || value.n > KV_VALUE_MAX)
		return ERR_LIMIT;
	if (value.p == NULL)
		value.p = "";
	insert(&txn->before, txn->before.n, set(&txn->kv->db->now, key, value));
	return OK;
}

enum err
kv_del(struct kv_txn *txn, struct str key)
{
	bool there;

	(void)find(&txn->kv->db->now, key, &there);
	if (!there)
		return ERR_NOTFOUND;
	insert(&txn->before, txn->before.n,
	    set(&txn->kv->db->now, key, (struct str){ NULL, 0 }));
	return OK;
}

static void
end(struct kv_txn *txn)
{
	txn->kv->db->changes++;
	clear(&txn->before);
	free(txn);
	open_txn = NULL;
}

enum err
kv_commit(struct kv_txn *txn)
{
	end(txn);
	return OK;
}

void
kv_abort(struct kv_txn *txn)
{
	if (txn == NULL)
		return;
	while (txn->before.n > 0) {
		struct pair *p = &txn->before.v[--txn->before.n];
		struct pair undone = set(&txn->kv->db->now, p->key, p->value);

		drop(undone.key);
		drop(undone.value);
		drop(p->key);
		drop(p->value);
	}
	end(txn);
}

uint64_t
kv_changes(const struct kv *kv)
{
	return kv->db->changes;
}

enum err
kv_checkpoint(struct kv *kv)
{
	(void)kv;
	return OK;
}

enum err
kv_compact(struct kv *kv)
{
	(void)kv;
	return OK;
}
