/* mblist.c - reading mailboxes.db */
#include "imap/store/list/mblist.h"

#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbname.h"

#include <string.h>

enum err
mblist_lookup(struct store *s, struct arena *arena, struct str name, struct mbentry **e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	enum err err;

	mbdb_name_key(&key, MBDB_NAME, name);
	err = mbdb_get(s, buf_str(&key), &value);
	if (err == OK)
		err = mbdb_decode(arena, name, buf_str(&value), e);
	if (err == ERR_CORRUPT && mbdb_is_damaged(buf_str(&value))) {
		mbdb_condemn(s, "an entry cannot be read");
		err = ERR_BUSY;
	}
	buf_free(&key);
	buf_free(&value);
	return err;
}

enum err
mblist_lookup_id(struct store *s, struct arena *arena, const struct id128 *id,
    struct mbentry **e)
{
	struct buf key = BUF_INIT, name = BUF_INIT;
	enum err err;

	mbdb_id_key(&key, MBDB_ID, id);
	/* A rename between the two reads: the id leads to the new name then. */
	for (int i = 0; i < 3; i++) {
		buf_reset(&name);
		err = mbdb_get(s, buf_str(&key), &name);
		if (err == OK)
			err = mblist_lookup(s, arena, buf_str(&name), e);
		if (err == OK && !id128_eq(&(*e)->id, id))
			err = ERR_NOTFOUND;
		if (err != ERR_NOTFOUND)
			break;
	}
	buf_free(&key);
	buf_free(&name);
	return err;
}

/* --- walking --- */

struct walk {
	struct arena *arena;
	mblist_each_fn each;
	void *ctx;
	struct buf name;
	bool is_damaged;
};

static bool
walk_pair(void *ctx, struct str key, struct str value)
{
	struct walk *w = ctx;
	struct arena_mark mark = arena_mark(w->arena);
	struct mbentry *e;
	bool go_on = true;

	buf_reset(&w->name);
	mbname_from_key(&w->name, (struct str){ key.p + 1, key.n - 1 });
	/* One that cannot be read has been logged; the others are there still. */
	if (mbdb_decode(w->arena, buf_str(&w->name), value, &e) == OK)
		go_on = w->each(w->ctx, e);
	else if (mbdb_is_damaged(value))
		w->is_damaged = true;
	arena_rewind(w->arena, mark);
	return go_on;
}

enum err
mblist_walk(struct store *s, struct str prefix, mblist_each_fn each, void *ctx)
{
	struct walk w = { .arena = arena_new(MBDB_ARENA), .each = each, .ctx = ctx,
	    .name = BUF_INIT };
	struct buf key = BUF_INIT;
	enum err e;

	mbdb_name_key(&key, MBDB_NAME, prefix);
	e = mbdb_walk(s, buf_str(&key), walk_pair, &w);
	if (w.is_damaged) {
		mbdb_condemn(s, "an entry cannot be read");
		e = ERR_BUSY;
	}
	buf_free(&key);
	buf_free(&w.name);
	arena_free(w.arena);
	return e;
}

static bool
note_one(void *ctx, struct str key, struct str value)
{
	(void)key;
	(void)value;
	*(bool *)ctx = true;
	return false;
}

enum err
mblist_has_children(struct store *s, struct str name, bool *has)
{
	struct buf key = BUF_INIT;
	enum err e;

	*has = false;
	mbdb_name_key(&key, MBDB_NAME, name);
	mbname_add_key(&key, STR("."));
	e = mbdb_walk(s, buf_str(&key), note_one, has);
	buf_free(&key);
	return e;
}

enum err
mblist_parent(struct store *s, struct arena *arena, struct str name, struct mbentry **e)
{
	enum err err = ERR_NOTFOUND;

	while (err == ERR_NOTFOUND && mbname_up(&name))
		err = mblist_lookup(s, arena, name, e);
	return err;
}

/* --- rights --- */

rights_t
mblist_rights(const struct mbentry *e, const struct identity *who)
{
	rights_t r = acl_rights_of(str_c(e->acl), who);
	struct str owner = mblist_owner(str_c(e->name));

	if (!who->is_anonymous && owner.n > 0 && str_eq(owner, str_c(who->userid)))
		r |= ACL_LOOKUP | ACL_CREATE | ACL_DELETEMBOX | ACL_ADMIN;
	return r;
}
