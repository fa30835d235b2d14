/* watched.c - the mailboxes that a session watches */
#include "imap/imapd/session/watched.h"

#include "imap/imapd/session/filter.h"
#include "imap/store/list/mbname.h"
#include "imap/store/list/subs.h"
#include "lib/crc.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	LIST_ARENA = 64 * 1024 * 1024,
	/* All names that there may be; with more some are of what has gone. */
	NAMES_MAX = WATCHED_MAX * MBNAME_MAX,
};

bool
watched_is_open(const struct watched *w)
{
	return w->may_read && !w->lost && !w->noselect;
}

size_t
watched_max(const struct session *s)
{
	size_t max = (size_t)conf_int(s->server->conf, CONF_NOTIFYMAILBOXES);

	return max < WATCHED_MAX ? max : WATCHED_MAX;
}

/* --- the list --- */

void
watched_free(struct watched_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		told_notes_free(&list->v[i].notes);
	free(list->v);
	free(list->by_id);
	arena_free(list->arena);
	*list = (struct watched_list){ .n = 0 };
}

bool
watched_add(struct watched_list *list, struct watched *from)
{
	const char *name = arena_copy(list->arena, from->name.p, from->name.n);

	if (name == NULL)
		return false;
	if (list->n == list->size) {
		list->size = list->size * 2 + 16;
		list->v = mem_grow(list->v, list->size * sizeof(*list->v));
	}
	list->v[list->n] = *from;
	list->v[list->n++].name.p = name;
	from->notes = (struct told_notes){ NULL, 0 };
	return true;
}

/* The name is the first member. */
static int
entry_cmp(const void *a, const void *b)
{
	const struct watched *x = a, *y = b;

	return filter_name_cmp(&x->name, &y->name);
}

static int
id_cmp(const void *a, const void *b)
{
	const struct watched *const *x = a, *const *y = b;

	return memcmp(&(*x)->id, &(*y)->id, sizeof((*x)->id));
}

void
watched_sort(struct watched_list *list)
{
	size_t kept = 0;

	if (list->n > 0)
		qsort(list->v, list->n, sizeof(*list->v), entry_cmp);
	for (size_t i = 0; i < list->n; i++) {
		if (kept > 0 && str_eq(list->v[kept - 1].name, list->v[i].name))
			told_notes_free(&list->v[i].notes);
		else
			list->v[kept++] = list->v[i];
	}
	list->n = kept;
	free(list->by_id);
	list->by_id = mem_get((list->n + 1) * sizeof(*list->by_id));
	for (size_t i = 0; i < list->n; i++)
		list->by_id[i] = &list->v[i];
	if (list->n > 0)
		qsort(list->by_id, list->n, sizeof(*list->by_id), id_cmp);
}

struct watched *
watched_find(const struct watched_list *list, struct str name)
{
	struct watched key = { .name = name };

	return list->n > 0 ? bsearch(&key, list->v, list->n, sizeof(key), entry_cmp) : NULL;
}

struct watched *
watched_find_id(const struct watched_list *list, const struct id128 *id)
{
	struct watched key = { .id = *id };
	const struct watched *at = &key;
	struct watched **found = list->n > 0 ? bsearch(&at, list->by_id, list->n,
	    sizeof(at), id_cmp) : NULL;

	return found != NULL ? *found : NULL;
}

void
watched_carry(struct watched *to, struct watched *from)
{
	to->known = from->known;
	to->fresh = from->fresh;
	to->dirty = from->dirty || to->uidvalidity != from->uidvalidity || to->use != from->use;
	told_notes_free(&to->notes);
	to->notes = from->notes;
	from->notes = (struct told_notes){ NULL, 0 };
}

/* --- reading --- */

struct reading {
	struct session *s;
	const struct scope *scope;
	struct watched_list *list;
	struct arena *arena;		/* while it lasts */
	size_t max;
	struct str *subscribed;		/* sorted */
	size_t subscriptions, room;
	struct str *tree;		/* that have been walked */
	size_t trees;
	struct str top;			/* the walk in hand */
	enum err err;
};

static bool
note_subscription(void *ctx, struct str name)
{
	struct reading *r = ctx;

	if (r->subscriptions == r->room) {
		size_t room = r->room * 2 + 64;
		struct str *more = arena_alloc(r->arena, room * sizeof(*more));

		if (more != NULL && r->subscriptions > 0)
			memcpy(more, r->subscribed, r->subscriptions * sizeof(*more));
		r->subscribed = more;
		r->room = room;
	}
	name.p = arena_copy(r->arena, name.p, name.n);
	if (r->subscribed == NULL || name.p == NULL)
		r->err = ERR_LIMIT;
	else
		r->subscribed[r->subscriptions++] = name;
	return r->err == OK;
}

static void
read_subscriptions(struct reading *r)
{
	enum err e;

	if (!r->scope->by_subscription && !(r->scope->events & EVENT_SUBSCRIPTION_CHANGE))
		return;
	e = subs_walk(r->s->store, str_c(r->s->user->id.userid), STR(""), note_subscription, r);
	r->err = r->err == OK ? e : r->err;
	if (r->subscriptions > 0 && r->err == OK)
		qsort(r->subscribed, r->subscriptions, sizeof(*r->subscribed), filter_name_cmp);
}

static bool
is_subscribed(const struct reading *r, struct str name)
{
	return r->subscriptions > 0 && bsearch(&name, r->subscribed, r->subscriptions,
	    sizeof(name), filter_name_cmp) != NULL;
}

static bool
is_hidden(const struct session *s, struct str name)
{
	struct str deleted = str_c(store_params_of(s->store)->deleted_prefix);

	return !s->user->id.is_admin && mbname_is_in(name, deleted);
}

/* The prefix of a walk may be the beginning of a longer name: "user.fred2". */
static bool
each_mailbox(void *ctx, const struct mbentry *e)
{
	struct reading *r = ctx;
	struct str name = str_c(e->name);
	struct watched w = { .name = name, .id = e->id, .uidvalidity = e->uidvalidity,
	    .noselect = e->flags & MB_NOSELECT, .fresh = true };
	rights_t rights;

	if (!mbname_is_in(name, r->top) || is_hidden(r->s, name))
		return true;
	rights = user_rights(r->s->user, e);
	if (!(rights & ACL_LOOKUP))
		return true;
	w.may_read = rights & ACL_READ;
	w.subscribed = is_subscribed(r, name);
	w.facts = (w.subscribed ? SCOPE_SUBSCRIBED : 0)
	    | (filter_is_inbox(r->s, e) ? SCOPE_INBOX : 0);
	w.events = scope_events(r->s, r->scope, name, w.facts);
	w.is_snapshot = scope_is_snapshot(r->s, r->scope, name, w.facts);
	if (e->specialuse != NULL)
		w.use = crc32c(0, e->specialuse, strlen(e->specialuse));
	/* Others of the user's own are there for their names only. */
	if (w.events == 0 && !w.is_snapshot && !((r->scope->events & EVENT_MAILBOX_NAME)
	    && user_owns(r->s->user, name)))
		return true;
	if (r->list->n == r->max || !watched_add(r->list, &w))
		r->err = ERR_LIMIT;
	return r->err == OK;
}

static bool
is_walked(const struct reading *r, struct str name)
{
	for (size_t i = 0; i < r->trees; i++)
		if (mbname_is_in(name, r->tree[i]))
			return true;
	return false;
}

static void
read_one(struct reading *r, struct str name)
{
	struct arena_mark mark = arena_mark(r->arena);
	struct mbentry *e;
	enum err err;

	if (r->err != OK || is_walked(r, name))
		return;
	r->top = name;
	err = mblist_lookup(r->s->store, r->arena, name, &e);
	if (err == OK)
		each_mailbox(r, e);
	else if (err != ERR_NOTFOUND)
		r->err = err;
	arena_rewind(r->arena, mark);
}

static void
read_tree(struct reading *r, struct str name)
{
	enum err e;

	if (r->err != OK || is_walked(r, name))
		return;
	r->top = name;
	e = mblist_walk(r->s->store, name, each_mailbox, r);
	r->err = r->err == OK ? e : r->err;
	r->tree = mem_grow(r->tree, (r->trees + 1) * sizeof(*r->tree));
	r->tree[r->trees++] = name;
}

static void
each_tree(void *ctx, struct str name, bool tree)
{
	if (tree)
		read_tree(ctx, name);
}

static void
each_single(void *ctx, struct str name, bool tree)
{
	if (!tree)
		read_one(ctx, name);
}

static void
begin_reading(struct reading *r, struct session *s, const struct scope *scope,
    struct watched_list *list)
{
	*list = (struct watched_list){ .arena = arena_new(LIST_ARENA) };
	*r = (struct reading){ .s = s, .scope = scope, .list = list,
	    .arena = arena_new(LIST_ARENA), .max = watched_max(s) };
	read_subscriptions(r);
}

static enum err
end_reading(struct reading *r)
{
	arena_free(r->arena);
	free(r->tree);
	if (r->err == OK)
		watched_sort(r->list);
	else
		watched_free(r->list);
	return r->err;
}

/* Those that are no mailboxes may become some. */
static void
keep_subscriptions(struct reading *r)
{
	struct watched_list *list = r->list;

	list->subscribed = arena_alloc(list->arena, r->subscriptions * sizeof(struct str) + 1);
	for (size_t i = 0; i < r->subscriptions && r->err == OK; i++) {
		struct str name = r->subscribed[i];

		name.p = list->subscribed != NULL ?
		    arena_copy(list->arena, name.p, name.n) : NULL;
		if (name.p == NULL)
			r->err = ERR_LIMIT;
		else
			list->subscribed[list->subscriptions++] = name;
	}
}

enum err
watched_read(struct session *s, const struct scope *scope, struct watched_list *list)
{
	struct reading r;

	begin_reading(&r, s, scope, list);
	scope_names(s, scope, each_tree, &r);
	scope_names(s, scope, each_single, &r);
	for (size_t i = 0; i < r.subscriptions && scope->by_subscription; i++)
		read_one(&r, r.subscribed[i]);
	if (r.err == OK && scope->by_subscription)
		keep_subscriptions(&r);
	return end_reading(&r);
}

/* --- one's own doing --- */

enum err
watched_relearn(struct session *s, const struct scope *scope, struct watched_list *list,
    struct str name, bool tree)
{
	struct watched_list is;
	struct reading r;
	size_t kept = 0;
	enum err e;

	begin_reading(&r, s, scope, &is);
	if (tree)
		read_tree(&r, name);
	else
		read_one(&r, name);
	e = end_reading(&r);
	if (e == OK && list->n + is.n > watched_max(s)) {
		watched_free(&is);
		e = ERR_LIMIT;
	}
	if (e != OK)
		return e;
	for (size_t i = 0; i < is.n; i++) {
		struct watched *was = watched_find_id(list, &is.v[i].id);

		if (was != NULL)
			watched_carry(&is.v[i], was);
	}
	for (size_t i = 0; i < list->n; i++) {
		struct str n = list->v[i].name;

		if (tree ? mbname_is_in(n, name) : str_eq(n, name))
			told_notes_free(&list->v[i].notes);
		else
			list->v[kept++] = list->v[i];
	}
	list->n = kept;
	for (size_t i = 0; i < is.n && e == OK; i++)
		e = watched_add(list, &is.v[i]) ? OK : ERR_LIMIT;
	watched_free(&is);
	watched_sort(list);
	return e == OK && arena_used(list->arena) > NAMES_MAX ? ERR_LIMIT : e;
}

enum err
watched_rename(struct watched_list *list, struct str from, struct str to)
{
	struct buf name = BUF_INIT;
	enum err e = OK;

	for (size_t i = 0; i < list->n; i++) {
		struct watched *w = &list->v[i];

		if (!mbname_is_in(w->name, from))
			continue;
		buf_reset(&name);
		buf_add_str(&name, to);
		buf_add(&name, w->name.p + from.n, w->name.n - from.n);
		w->name = (struct str){ arena_copy(list->arena, name.p, name.n), name.n };
		if (w->name.p == NULL) {
			w->name.n = 0;
			e = ERR_LIMIT;
		}
	}
	buf_free(&name);
	watched_sort(list);
	return e;
}
