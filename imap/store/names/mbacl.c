/* mbacl.c - changing what the list says of a mailbox */
#include "imap/store/list/mbdir.h"
#include "imap/store/list/topic.h"
#include "imap/store/names/mbcreate.h"
#include "imap/store/names/mbpending.h"

#include <string.h>

/* cyrus.header is lines: nothing in it may end one. */
static bool
fits_line(const char *text)
{
	return text == NULL || strpbrk(text, "\r\n") == NULL;
}

/* Writes the entry and has its header follow. */
static enum err
change(struct store *s, const struct mbentry *e)
{
	struct kv_txn *txn;
	enum err err = mbdb_begin(s, &txn);

	if (err != OK)
		return err;
	err = mbdb_put(txn, e);
	if (err == OK)
		err = mbpending_add(txn, PENDING_HEADER, &e->id, NULL, NULL);
	if (err == OK)
		err = mbdb_note_uidvalidity(txn, e->uidvalidity);
	err = mbdb_end(s, txn, err);
	if (err == OK)
		mbpending_run(s);
	return err;
}

/* All with LOCK_NAMES: nobody changes the entry between reading and writing. */
typedef enum err (*edit_fn)(void *ctx, struct mbentry *e);

static enum err
edit(struct store *s, struct str name, edit_fn fn, void *ctx)
{
	struct arena *arena;
	struct mbentry *e;
	struct id128 id;
	enum err err = names_lock(s);

	if (err != OK)
		return err;
	arena = arena_new(MBDB_ARENA);
	err = mblist_lookup(s, arena, name, &e);
	if (err == OK)
		err = fn(ctx, e);
	if (err == OK && !(fits_line(e->acl) && fits_line(e->specialuse)))
		err = ERR_SYNTAX;
	if (err == OK) {
		id = e->id;
		err = change(s, e);
	}
	arena_free(arena);
	names_unlock(s);
	if (err == OK) {
		topic_publish(s, TOPIC_NAMES, name);
		if (s->params.publish != NULL)
			s->params.publish(s->params.publish_ctx, &id);
	}
	return err;
}

static enum err
edit_acl(void *ctx, struct mbentry *e)
{
	e->acl = ctx;
	return OK;
}

enum err
mblist_set_acl(struct store *s, struct str name, struct str acl)
{
	struct buf b = BUF_INIT;
	enum err e;

	buf_add_str(&b, acl);
	e = edit(s, name, edit_acl, b.p);
	buf_free(&b);
	return e;
}

struct acl_edit {
	struct str identifier;
	char mode;
	rights_t rights;
	struct buf acl;
};

static enum err
edit_rights(void *ctx, struct mbentry *e)
{
	struct acl_edit *a = ctx;
	enum err err = acl_change(str_c(e->acl), a->identifier, a->mode, a->rights, &a->acl);

	e->acl = a->acl.p;
	return err;
}

enum err
mblist_change_acl(struct store *s, struct str name, struct str identifier, char mode,
    rights_t rights)
{
	struct acl_edit a = { .identifier = identifier, .mode = mode, .rights = rights,
	    .acl = BUF_INIT };
	enum err e = edit(s, name, edit_rights, &a);

	buf_free(&a.acl);
	return e;
}

struct use_edit {
	struct store *s;
	const char *use;
};

static enum err
edit_use(void *ctx, struct mbentry *e)
{
	struct use_edit *u = ctx;
	enum err err = mbcreate_check_use(u->s, str_c(e->name), u->use, e->name);

	e->specialuse = u->use;
	return err;
}

enum err
mblist_set_specialuse(struct store *s, struct str name, const char *use)
{
	struct use_edit u = { s, use };

	return edit(s, name, edit_use, &u);
}

struct uidvalidity_edit {
	struct store *s;
	uint32_t given;
};

static enum err
edit_uidvalidity(void *ctx, struct mbentry *e)
{
	struct uidvalidity_edit *u = ctx;
	enum err err = mbdb_new_uidvalidity(u->s, 0, &u->given);

	e->uidvalidity = u->given;
	return err;
}

enum err
mblist_renew_uidvalidity(struct store *s, struct str name, uint32_t *given)
{
	struct uidvalidity_edit u = { s, 0 };
	enum err e = edit(s, name, edit_uidvalidity, &u);

	if (e == OK)
		*given = u.given;
	return e;
}
