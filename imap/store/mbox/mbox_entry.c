/*
 * mbox_entry.c - what the list of mailboxes says of one that is open
 *
 * The entry that it was opened with grows old: it is renamed, gets other rights
 * or another quota root, or is deleted.  The list counts its changes, so asking
 * whether there are any costs one load; the entry is read again by its id.
 */
#include "imap/store/mbox/mbox_in.h"

#include "imap/store/list/mbdb.h"
#include "imap/store/list/mbname.h"

#include <string.h>

static const char *
copy_text(struct arena *a, const char *s)
{
	return s != NULL ? arena_copy(a, s, strlen(s)) : NULL;
}

struct mbentry *
mbox_copy_entry(struct arena *a, const struct mbentry *e)
{
	struct mbentry *c = arena_new_obj(a, struct mbentry);

	if (c == NULL)
		return NULL;
	*c = *e;
	c->name = copy_text(a, e->name);
	c->partition = copy_text(a, e->partition);
	c->dir = copy_text(a, e->dir);
	c->acl = copy_text(a, e->acl);
	c->quotaroot = copy_text(a, e->quotaroot);
	c->specialuse = copy_text(a, e->specialuse);
	return c;
}

bool
mbox_is_owner(const struct mbentry *e, const char *userid)
{
	return str_eq(mblist_owner(str_c(e->name)), str_c(userid));
}

bool
mbox_is_kept(const struct store *s, const struct mbentry *e)
{
	const char *prefix = s->params.deleted_prefix;

	return prefix != NULL && mbname_is_in(str_c(e->name), str_c(prefix));
}

/*
 * Takes the entry as it is now, but for the place of one that was moved to
 * another partition: who has it open has it open there.
 */
static void
take(struct mbox *m, struct arena *arena, struct mbentry *now)
{
	m->moved = strcmp(now->partition, m->part->name) != 0;
	if (m->moved) {
		now->partition = copy_text(arena, m->part->name);
		now->dir = copy_text(arena, m->entry->dir);
	}
	if (now->partition == NULL || now->dir == NULL) {
		arena_free(arena);
		return;
	}
	arena_free(m->entry_arena);
	m->entry_arena = arena;
	m->entry = now;
	/* Whose \Seen the index has depends on whose mailbox it is. */
	if (m->private_seen == mbox_is_owner(m->entry, m->userid)) {
		m->private_seen = !m->private_seen;
		m->seen_loaded = 0;
	}
}

bool
mbox_lookup(struct mbox *m)
{
	uint64_t changes = kv_changes(m->store->mailboxes);
	struct arena *arena;
	struct mbentry *now;
	enum err e;

	if (m->looked_up && m->list_changes == changes)
		return !m->deleted;
	arena = arena_new(MBDB_ARENA);
	e = mblist_lookup_id(m->store, arena, &m->entry->id, &now);
	/* What cannot be read now is asked for again the next time. */
	m->looked_up = e == OK || e == ERR_NOTFOUND;
	m->list_changes = changes;
	if (m->looked_up)
		m->deleted = e == ERR_NOTFOUND || (!m->was_kept && mbox_is_kept(m->store, now));
	if (e == OK)
		take(m, arena, now);
	else
		arena_free(arena);
	return !m->deleted;
}

bool
mbox_is_gone(struct mbox *m)
{
	return !mbox_lookup(m) || m->moved;
}

static bool
is_same_place(const struct mbentry *a, const struct mbentry *b)
{
	return strcmp(a->partition, b->partition) == 0 && strcmp(a->dir, b->dir) == 0;
}

static enum err
open_at(struct mbox *m, struct mbentry *entry)
{
	m->entry = entry;
	m->part = store_partition_of(m->store, entry->partition);
	return m->part != NULL ? mbox_open_index(m) : ERR_CORRUPT;
}

enum err
mbox_move_along(struct mbox *m)
{
	struct arena *arena = arena_new(MBDB_ARENA);
	struct mbentry *was = m->entry, *now;
	struct partition *part = m->part;
	struct index *old = m->ix;
	enum err e = mblist_lookup_id(m->store, arena, &was->id, &now);

	if (e == OK)
		e = is_same_place(now, was) ? ERR_STALE : open_at(m, now);
	if (e != OK) {
		m->entry = was;
		m->part = part;
		m->ix = old;
		arena_free(arena);
		return e;
	}
	index_close(old);
	arena_free(m->entry_arena);
	m->entry_arena = arena;
	m->moved = false;
	return OK;
}
