/*
 * mbverify.c - is mailboxes.db what was written?
 *
 * A page that was lost may have taken some of the three entries of a mailbox
 * with it, and a recovery may have put back what of a page the log still had.
 */
#include "imap/store/list/mbverify.h"

#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbname.h"

#include <string.h>

struct verify {
	struct store *s;
	struct arena *arena;
	struct buf name;
	size_t names, ids, dirs;
	bool is_bad;
	enum err err;
};

/* Is there KEY with that value? */
static bool
has(struct verify *v, struct str key, struct str value)
{
	struct buf found = BUF_INIT;
	enum err e = mbdb_get(v->s, key, &found);
	bool is = e == OK && str_eq(buf_str(&found), value);

	if (e != OK && e != ERR_NOTFOUND)
		v->err = e;
	buf_free(&found);
	return is;
}

static bool
look_at_name(void *ctx, struct str key, struct str value)
{
	struct verify *v = ctx;
	struct arena_mark mark = arena_mark(v->arena);
	struct buf other = BUF_INIT;
	struct mbentry *e;

	v->names++;
	buf_reset(&v->name);
	mbname_from_key(&v->name, (struct str){ key.p + 1, key.n - 1 });
	if (mbdb_decode(v->arena, buf_str(&v->name), value, &e) != OK) {
		v->is_bad = true;
		return false;
	}
	mbdb_id_key(&other, MBDB_ID, &e->id);
	v->is_bad = !has(v, buf_str(&other), buf_str(&v->name));
	buf_reset(&other);
	mbdb_dir_key(&other, e->partition, str_c(e->dir));
	if (!has(v, buf_str(&other), (struct str){ (const char *)e->id.b, sizeof(e->id.b) }))
		v->is_bad = true;
	buf_free(&other);
	arena_rewind(v->arena, mark);
	return !v->is_bad && v->err == OK;
}

static bool
count_id(void *ctx, struct str key, struct str value)
{
	(void)key;
	(void)value;
	((struct verify *)ctx)->ids++;
	return true;
}

static bool
count_dir(void *ctx, struct str key, struct str value)
{
	(void)key;
	(void)value;
	((struct verify *)ctx)->dirs++;
	return true;
}

static bool
look_at_limits(void *ctx, struct str key, struct str value)
{
	struct verify *v = ctx;
	struct quota_limits l;

	(void)key;
	v->is_bad = !mbdb_get_limits(value, &l);
	return !v->is_bad;
}

static enum err
look_at_all(struct verify *v)
{
	enum err e = mbdb_walk(v->s, STR("N"), look_at_name, v);

	if (e == OK && !v->is_bad)
		e = mbdb_walk(v->s, STR("I"), count_id, v);
	if (e == OK && !v->is_bad)
		e = mbdb_walk(v->s, STR("D"), count_dir, v);
	if (e == OK && !v->is_bad)
		e = mbdb_walk(v->s, STR("Q"), look_at_limits, v);
	if (e == OK && (v->ids != v->names || v->dirs != v->names))
		v->is_bad = true;
	if (e == OK && v->names > 0 && mbdb_get(v->s, STR("V"), NULL) == ERR_NOTFOUND)
		v->is_bad = true;
	return e == OK ? v->err : e;
}

enum err
mbverify(struct store *s)
{
	struct verify v = { .s = s, .name = BUF_INIT };
	enum err e = kv_verify(s->mailboxes);

	/* Just now somebody else is at it, or has been. */
	if (e == ERR_CORRUPT || s->list_missing)
		return ERR_CORRUPT;
	v.arena = arena_new(MBDB_ARENA);
	if (e == OK)
		e = look_at_all(&v);
	if (e == OK && v.is_bad) {
		mbdb_condemn(s, "its entries contradict each other");
		e = ERR_CORRUPT;
	}
	buf_free(&v.name);
	arena_free(v.arena);
	return e;
}
