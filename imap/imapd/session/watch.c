/*
 * watch.c - telling a client what it has asked for by NOTIFY (RFC 5465)
 *
 * Invariants: without a scope the list is empty and nothing is watched.  All that
 * idled has been asked to watch is in force before anything is looked at (but if it
 * does not answer, and then it says "look at everything" later).
 *
 * Making the list once more takes time in proportion to the mailboxes, so it is put
 * off for some times as long as it took the last time: a flood of changes of
 * names costs a session a part of its processor time and no more.
 */
#include "imap/imapd/session/watch.h"

#include "imap/imapd/session/sync.h"
#include "imap/imapd/session/watch_diff.h"
#include "imap/imapd/session/watch_look.h"
#include "imap/imapd/session/watch_tell.h"
#include "imap/store/list/topic.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	MS = 1000 * 1000,		/* nanoseconds */
	PAUSE = 4,			/* times as long as the list took */
	RETRY_MS = 1000,		/* when the list cannot be read, or idled is not there */
	NOTES = 2,			/* the server's: shared, and the user's */
};

struct view {				/* of the selected mailbox, told */
	bool is_there;
	struct id128 id;
	struct known known;
};

struct watch {
	struct scope *scope;		/* NULL: nothing is asked for */
	struct watched_list list;
	struct told_notes server;
	struct id128 subscriptions, notes[NOTES];	/* topics */
	struct view view;
	bool all_dirty, names_dirty, server_dirty, any_dirty, ids_dirty;
	int64_t not_before;		/* the list is not made again */
	int64_t looked;			/* at all, when idled was not there */
	int64_t retry_ms;
};

/* --- what is watched --- */

struct ids {
	struct id128 *v;
	size_t n, size;
};

static void
add_id(struct ids *ids, struct id128 id)
{
	if (ids->n == ids->size) {
		ids->size = ids->size * 2 + 64;
		ids->v = mem_grow(ids->v, ids->size * sizeof(*ids->v));
	}
	ids->v[ids->n++] = id;
}

static void
add_names_topic(void *ctx, struct str name, bool tree)
{
	(void)tree;
	add_id(ctx, topic_id(TOPIC_NAMES, name));
}

static void
add_topics(struct session *s, struct ids *ids)
{
	struct watch *w = s->watch;

	scope_names(s, w->scope, add_names_topic, ids);
	if (w->scope->by_subscription || (w->scope->events & EVENT_SUBSCRIPTION_CHANGE))
		add_id(ids, w->subscriptions);
	for (int i = 0; i < NOTES && (w->scope->events & EVENT_SERVER_METADATA_CHANGE); i++)
		add_id(ids, w->notes[i]);
	for (size_t i = 0; i < w->list.n && w->scope->by_subscription; i++)
		add_names_topic(ids, w->list.v[i].name, false);
	for (size_t i = 0; i < w->list.subscriptions; i++)
		add_names_topic(ids, w->list.subscribed[i], false);
}

/* ERR_LIMIT: too many. */
static enum err
watch_ids(struct session *s)
{
	struct watch *w = s->watch;
	struct ids ids = { .n = 0 };
	enum err e;

	if (w->scope != NULL) {
		add_topics(s, &ids);
		for (size_t i = 0; i < w->list.n; i++)
			if (watch_has_news(&w->list.v[i]))
				add_id(&ids, w->list.v[i].id);
		if (w->scope->selected != 0 && s->mbox != NULL) {
			add_id(&ids, mbox_entry(s->mbox)->id);
			add_names_topic(&ids, str_c(mbox_entry(s->mbox)->name), false);
		}
	}
	e = notify_watch_set(s->server->notify, ids.v, ids.n);
	free(ids.v);
	w->ids_dirty = false;
	return e;
}

/* --- beginning and end --- */

static void
forget(struct session *s)
{
	struct watch *w = s->watch;

	scope_free(w->scope);
	w->scope = NULL;
	watched_free(&w->list);
	told_notes_free(&w->server);
	w->view.is_there = false;
	s->tells = 0;
	s->new_fetch = NULL;
}

static struct watch *
begin(struct session *s)
{
	struct watch *w = s->watch;
	struct str userid = str_c(s->user->id.userid);

	if (w != NULL)
		return w;
	w = s->watch = mem_zero(1, sizeof(*w));
	w->subscriptions = topic_id(TOPIC_SUBSCRIPTIONS, userid);
	w->notes[0] = topic_id(TOPIC_NOTES, STR(""));
	w->notes[1] = topic_id(TOPIC_NOTES, userid);
	w->retry_ms = RETRY_MS;
	return w;
}

void
watch_none(struct session *s)
{
	begin(s);
	forget(s);
	ensure(watch_ids(s) == OK);	/* there are none */
}

void
watch_end(struct session *s)
{
	if (s->watch == NULL)
		return;
	watch_none(s);
	free(s->watch);
	s->watch = NULL;
}

static void
overflow(struct session *s)
{
	watch_tell_overflow(s);
	watch_none(s);
}

/* --- NOTIFY SET --- */

enum err
watch_set(struct session *s, struct command *c, const struct notify_req *req)
{
	struct scope *scope;
	struct watched_list list;
	struct watch *w;
	enum err e = scope_new(s, c, req, &scope);

	if (e != OK)
		return e;
	e = watched_read(s, scope, &list);
	if (e != OK) {
		scope_free(scope);
		return e;
	}
	w = begin(s);
	forget(s);
	w->scope = scope;
	w->list = list;
	w->all_dirty = w->names_dirty = w->any_dirty = false;
	s->tells = scope->selected;
	s->new_fetch = scope->has_fetch ? &scope->fetch : NULL;
	if (scope->has_fetch && scope->fetch.has_modseq)
		sync_enable_condstore(s);
	/* As SELECT (ANNOTATE) does; if they cannot be read, there is nothing to tell. */
	if (s->mbox != NULL && (s->tells & EVENT_ANNOTATION_CHANGE)
	    && mbox_watch_annots(s->mbox) != OK)
		log_debug("annotations are not watched");
	e = watch_ids(s);
	if (e != OK) {
		watch_none(s);
		return e;
	}
	for (size_t i = 0; i < w->list.n; i++)
		watch_look_first(s, c->arena, &w->list.v[i], req->status);
	if (scope->events & EVENT_SERVER_METADATA_CHANGE)
		watch_look_at_server(s, &w->server, false);
	w->looked = session_clock();
	watch_note_view(s);
	return OK;
}

/* --- telling --- */

void
watch_note_view(struct session *s)
{
	struct watch *w = s->watch;

	if (w == NULL || w->scope == NULL || s->mbox == NULL)
		return;
	w->view = (struct view){ .is_there = true, .id = mbox_entry(s->mbox)->id,
	    .known = { .messages = mbox_count(s->mbox), .uidnext = mbox_uidnext(s->mbox),
	    .uidvalidity = mbox_uidvalidity(s->mbox),
	    .modseq = mbox_highestmodseq(s->mbox) } };
}

/* The mailbox that was selected is one of many again: its client knows it well. */
static void
leave_view(struct session *s)
{
	struct watch *w = s->watch;
	struct watched *left;

	if (!w->view.is_there
	    || (s->mbox != NULL && id128_eq(&mbox_entry(s->mbox)->id, &w->view.id)))
		return;
	left = watched_find_id(&w->list, &w->view.id);
	if (left != NULL) {
		w->view.known.unseen = left->known.unseen;
		left->known = w->view.known;
		left->fresh = false;
		left->dirty = w->any_dirty = true;
	}
	w->view.is_there = false;
	w->ids_dirty = true;
}

static void
look_at_names(struct session *s, struct arena *arena)
{
	struct watch *w = s->watch;
	struct watched_list is;
	int64_t begun = session_clock();
	enum err e;

	if (begun < w->not_before)
		return;
	w->names_dirty = false;
	e = watched_read(s, w->scope, &is);
	if (e == ERR_LIMIT) {
		overflow(s);
		return;
	}
	if (e != OK) {			/* it is being built anew, say */
		w->names_dirty = true;
		w->not_before = begun + RETRY_MS * (int64_t)MS;
		return;
	}
	watch_diff(s, arena, w->scope, &w->list, &is);
	watched_free(&w->list);
	w->list = is;
	w->ids_dirty = w->any_dirty = true;
	w->not_before = session_clock() + PAUSE * (session_clock() - begun);
}

static enum err
tell(struct session *s, struct arena *arena, bool idling)
{
	struct watch *w = s->watch;
	enum err e;

	if (w->scope == NULL)
		return OK;
	leave_view(s);
	if (s->mbox != NULL && !w->view.is_there)
		w->ids_dirty = true;
	if (w->all_dirty) {
		w->names_dirty = w->server_dirty = w->any_dirty = true;
		for (size_t i = 0; i < w->list.n; i++)
			w->list.v[i].dirty = true;
		w->all_dirty = false;
	}
	if (w->names_dirty)
		look_at_names(s, arena);
	if (w->ids_dirty && watch_ids(s) == ERR_LIMIT)
		overflow(s);
	if (w->scope == NULL)
		return OK;
	if (w->server_dirty && (w->scope->events & EVENT_SERVER_METADATA_CHANGE))
		watch_look_at_server(s, &w->server, true);
	w->server_dirty = false;
	for (size_t i = 0; i < w->list.n && w->any_dirty; i++)
		if (w->list.v[i].dirty && !watch_look(s, arena, &w->list.v[i]))
			w->names_dirty = true;
	w->any_dirty = false;
	e = sync_news(s, arena, idling || !w->scope->delayed);
	watch_note_view(s);
	return e;
}

/* --- waiting --- */

static void
take_notice(struct session *s, const struct id128 *id)
{
	struct watch *w = s->watch;
	struct watched *one = watched_find_id(&w->list, id);

	if (one != NULL)
		one->dirty = w->any_dirty = true;
	else if (id128_eq(id, &w->notes[0]) || id128_eq(id, &w->notes[1]))
		w->server_dirty = true;
	else if (s->mbox == NULL || !id128_eq(id, &mbox_entry(s->mbox)->id))
		w->names_dirty = true;
}

/* False: idled has no room for us. */
static bool
take_notices(struct session *s)
{
	struct watch *w = s->watch;
	struct id128 id;

	for (;;) {
		switch (notify_next(s->server->notify, &id)) {
		case NOTIFY_NOTHING:
			return true;
		case NOTIFY_ONE:
			take_notice(s, &id);
			break;
		case NOTIFY_ALL:
			w->all_dirty = true;
			break;
		case NOTIFY_REFUSED:
			return false;
		}
	}
}

static int64_t
poll_ms(const struct session *s)
{
	int64_t seconds = conf_seconds(s->server->conf, CONF_IMAPIDLEPOLL);

	return (seconds <= 0 || seconds > 3600 ? 60 : seconds) * 1000;
}

/* Without idled; it is looked for less and less often. */
static int64_t
alone_ms(struct session *s, int64_t now)
{
	struct watch *w = s->watch;
	int64_t look = w->looked + poll_ms(s) * MS;

	if (now >= look) {
		w->all_dirty = true;
		w->looked = now;
		return 0;
	}
	w->retry_ms = w->retry_ms * 2 > poll_ms(s) ? poll_ms(s) : w->retry_ms * 2;
	return w->retry_ms < (look - now) / MS + 1 ? w->retry_ms : (look - now) / MS + 1;
}

/* How long may be waited; END is when the client has been silent for too long. */
static int
patience(struct session *s, int fd, int64_t end)
{
	struct watch *w = s->watch;
	int64_t now = session_clock(), ms = (end - now) / MS + 1, other = ms;

	/* It came while idled was told what to watch: the descriptor is silent about it. */
	if (notify_has_news(s->server->notify))
		return 0;
	if (fd >= 0)
		w->retry_ms = RETRY_MS / 2;
	else if (w->scope != NULL)
		other = alone_ms(s, now);
	ms = other < ms ? other : ms;
	if (w->names_dirty && w->scope != NULL) {
		other = (w->not_before - now) / MS + 1;
		ms = other < ms ? other : ms;
	}
	return ms < 0 ? 0 : ms > 3600 * 1000 ? 3600 * 1000 : (int)ms;
}

enum err
watch_wait(struct session *s, struct arena *arena, bool idling)
{
	struct notify *notify = s->server->notify;
	int64_t timeout = conf_seconds(s->server->conf, CONF_TIMEOUT);
	int64_t end = session_clock() + timeout * 1000 * MS;

	while (s->watch != NULL) {
		struct arena_mark mark = arena_mark(arena);
		enum err e = tell(s, arena, idling);
		int fd = notify_fd(notify);

		arena_rewind(arena, mark);
		if (e == OK)
			e = stream_flush(s->stream);
		if (e != OK || s->state == STATE_LOGOUT)
			return e;
		e = stream_wait(s->stream, fd, patience(s, fd, end));
		if (e != ERR_TIMEOUT && e != ERR_AGAIN)
			return e;
		if (e == ERR_TIMEOUT && session_clock() >= end)
			return ERR_TIMEOUT;
		/* Nobody but a test has a wait that ends so without idled. */
		s->watch->all_dirty |= e == ERR_AGAIN && fd < 0;
		if (!take_notices(s))
			overflow(s);
		if (session_is_shut_down(s))
			return ERR_CLOSED;
	}
	return OK;
}

/* --- what the client does itself --- */

static bool
is_on(const struct session *s)
{
	return s->watch != NULL && s->watch->scope != NULL;
}

void
watch_own_commit(struct session *s, const struct mbox *m, const struct txn_result *r)
{
	const struct id128 *id = &mbox_entry(m)->id;
	struct watched *w;

	if (s->mbox != NULL && id128_eq(&mbox_entry(s->mbox)->id, id))
		for (size_t i = 0; i < r->new_count; i++)
			uidset_add(&s->own_new, r->new_uids[i], r->new_uids[i]);
	if (!is_on(s) || r->modseq == 0)
		return;
	w = watched_find_id(&s->watch->list, id);
	if (w != NULL && w->known.modseq + 1 == r->modseq)
		w->known.modseq = r->modseq;
	if (s->watch->view.is_there && id128_eq(&s->watch->view.id, id)
	    && s->watch->view.known.modseq + 1 == r->modseq)
		s->watch->view.known.modseq = r->modseq;
}

void
watch_own_names(struct session *s, struct str name, bool tree)
{
	struct watch *w = s->watch;

	if (!is_on(s))
		return;
	if (watched_relearn(s, w->scope, &w->list, name, tree) != OK)
		w->names_dirty = true;
	for (size_t i = 0; i < w->list.n; i++) {
		struct watched *one = &w->list.v[i];

		if (!one->fresh || !watch_has_news(one))
			continue;
		watch_look_if_empty(s, one);
		one->dirty = true;	/* it is not watched yet */
	}
	w->ids_dirty = w->any_dirty = true;
}

void
watch_own_rename(struct session *s, struct str from, struct str to)
{
	if (!is_on(s))
		return;
	if (watched_rename(&s->watch->list, from, to) != OK)
		s->watch->names_dirty = true;
	watch_own_names(s, from, true);
	watch_own_names(s, to, true);
}

void
watch_own_note(struct session *s, const struct mbentry *e, bool private,
    struct str entry, struct str value)
{
	struct watched *w;

	if (!is_on(s))
		return;
	w = e != NULL ? watched_find_id(&s->watch->list, &e->id) : NULL;
	if (e == NULL)
		told_notes_set(&s->watch->server, private, entry, value);
	else if (w != NULL)
		told_notes_set(&w->notes, private, entry, value);
}
