/* watch_look.c - looking at a mailbox that is watched (RFC 5465 section 5) */
#include "imap/imapd/session/watch_look.h"

#include "imap/imapd/session/metadata.h"
#include "imap/imapd/session/watch_tell.h"
#include "imap/store/mbox/mbox.h"

enum { ENTRY_ARENA = 4 << 20 };

bool
watch_has_news(const struct watched *w)
{
	return watched_is_open(w)
	    && (w->events & (EVENTS_OF_MESSAGES | EVENT_MAILBOX_METADATA_CHANGE));
}

/*
 * The mailbox, if it still has this name, and the user the rights: of what has just
 * changed the list does not know yet.
 */
static bool
find_entry(struct session *s, struct arena *arena, const struct watched *w,
    struct mbentry **e)
{
	const rights_t need = ACL_LOOKUP | ACL_READ;

	return mblist_lookup(s->store, arena, w->name, e) == OK && id128_eq(&(*e)->id, &w->id)
	    && (user_rights(s->user, *e) & need) == need;
}

static bool
read_status(struct session *s, const struct mbentry *e, struct mbox_status *st)
{
	const char *userid = s->user->id.userid;
	enum err err = mbox_glance(s->store, e, userid, st);
	struct mbox *m;

	if (err != ERR_BUSY)
		return err == OK;
	if (mbox_open(s->store, e, userid, MBOX_PEEK | MBOX_READONLY, &m) != OK)
		return false;
	err = mbox_status(m, st);
	mbox_close(m);
	return err == OK;
}

static void
take_status(struct watched *w, const struct mbox_status *st)
{
	w->known = (struct known){ .messages = st->exists, .uidnext = st->uidnext,
	    .uidvalidity = st->uidvalidity, .unseen = st->unseen,
	    .modseq = st->highestmodseq };
	w->fresh = false;
}

/* What of ST is news to the client: enum status_item; 0: nothing. */
static unsigned
news_of(const struct session *s, const struct watched *w, const struct mbox_status *st)
{
	const struct known *k = &w->known;
	bool condstore = s->enabled & ENABLED_CONDSTORE;
	bool seen = w->events & EVENT_FLAG_CHANGE;
	bool flags = w->events & (EVENT_FLAG_CHANGE | EVENT_ANNOTATION_CHANGE);
	unsigned items = 0;

	if (!w->fresh && k->modseq == st->highestmodseq && k->uidvalidity == st->uidvalidity)
		return 0;		/* all that has happened was the client's own */
	if (w->fresh || k->messages != st->exists || k->uidnext != st->uidnext
	    || k->uidvalidity != st->uidvalidity)
		items = STATUS_MESSAGES | STATUS_UIDNEXT | STATUS_UIDVALIDITY;
	else if (flags && (condstore || (seen && k->unseen != st->unseen)))
		items = STATUS_UIDVALIDITY;
	if (items != 0 && seen && (w->fresh || k->unseen != st->unseen))
		items |= STATUS_UNSEEN;
	return items != 0 && condstore ? items | STATUS_HIGHESTMODSEQ : items;
}

static bool
is_selected(const struct session *s, const struct watched *w)
{
	return s->mbox != NULL && id128_eq(&mbox_entry(s->mbox)->id, &w->id);
}

static void
look_at_messages(struct session *s, struct watched *w, const struct mbentry *e)
{
	struct mbox_status st;
	unsigned items;

	if (!(w->events & EVENTS_OF_MESSAGES) || is_selected(s, w) || !read_status(s, e, &st))
		return;
	items = news_of(s, w, &st);
	if (items != 0)
		watch_tell_status(s, w, items, &st);
	take_status(w, &st);
}

static void
look_at_notes(struct session *s, struct watched *w, const struct mbentry *e, bool tell)
{
	struct annots a = ANNOTS_INIT;
	struct told_notes is = { NULL, 0 };

	if (!(w->events & EVENT_MAILBOX_METADATA_CHANGE))
		return;
	if (metadata_of_mailbox(s, e, &a) == OK) {
		told_notes_take(&is, &a);
		if (tell)
			watch_tell_notes(s, w->name, &w->notes, &is);
		told_notes_free(&w->notes);
		w->notes = is;
	}
	annots_free(&a);
}

bool
watch_look(struct session *s, struct arena *arena, struct watched *w)
{
	struct arena_mark mark = arena_mark(arena);
	struct mbentry *e;
	bool found = true;

	w->dirty = false;
	if (watch_has_news(w)) {
		found = find_entry(s, arena, w, &e);
		w->dirty = !found;	/* to be looked at when that is known */
	}
	if (watch_has_news(w) && found) {
		look_at_messages(s, w, e);
		look_at_notes(s, w, e, true);
	}
	arena_rewind(arena, mark);
	return found;
}

void
watch_look_at_server(struct session *s, struct told_notes *known, bool tell)
{
	struct annots a = ANNOTS_INIT;
	struct told_notes is = { NULL, 0 };

	if (metadata_of_server(s, &a) == OK) {
		told_notes_take(&is, &a);
		if (tell)
			watch_tell_notes(s, STR(""), known, &is);
		told_notes_free(known);
		*known = is;
	}
	annots_free(&a);
}

/* Section 3.1: what a STATUS must have for the events that are asked for. */
static unsigned
first_items(const struct session *s, const struct watched *w)
{
	unsigned items = STATUS_MESSAGES | STATUS_UIDNEXT | STATUS_UIDVALIDITY;

	if (w->events & EVENT_FLAG_CHANGE)
		items |= STATUS_UNSEEN;
	if (w->events & (EVENT_FLAG_CHANGE | EVENT_ANNOTATION_CHANGE))
		items |= STATUS_HIGHESTMODSEQ;
	return s->enabled & ENABLED_CONDSTORE ? items | STATUS_HIGHESTMODSEQ : items;
}

void
watch_look_first(struct session *s, struct arena *arena, struct watched *w, bool status)
{
	struct arena_mark mark = arena_mark(arena);
	struct mbox_status st;
	struct mbentry *e;
	bool told = status && w->is_snapshot && watched_is_open(w) && !is_selected(s, w);

	w->dirty = false;
	if (!w->may_read && w->events != 0)
		watch_tell_name(s, arena, w->name, TELL_NO_ACCESS, (struct str){ NULL, 0 });
	if ((told || watch_has_news(w)) && find_entry(s, arena, w, &e)) {
		if (read_status(s, e, &st)) {
			if (told)
				watch_tell_status(s, w, first_items(s, w), &st);
			take_status(w, &st);
		}
		look_at_notes(s, w, e, false);
	}
	arena_rewind(arena, mark);
}

void
watch_look_if_empty(struct session *s, struct watched *w)
{
	struct arena *arena = arena_new(ENTRY_ARENA);
	struct mbox_status st;
	struct mbentry *e;

	if (find_entry(s, arena, w, &e) && read_status(s, e, &st) && st.exists == 0
	    && st.uidnext == 1)
		take_status(w, &st);
	arena_free(arena);
}
