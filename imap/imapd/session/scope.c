/* scope.c - which events a client has asked for, of which mailboxes (RFC 5465) */
#include "imap/imapd/session/scope.h"

#include "imap/server/notify.h"
#include "imap/store/list/mbname.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SCOPE_ARENA = 4 * 1024 * 1024 };

static int
name_cmp(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* --- making --- */

static enum err
take_names(struct session *s, struct command *c, struct scope *scope,
    const struct mailbox_filter *f, struct scope_group *g)
{
	const struct str *sent = f->mailboxes.item;

	/* Each is watched by itself, so more is refused before it costs anything. */
	scope->names += f->mailboxes.count;
	if (scope->names > NOTIFY_WATCH_MAX)
		return ERR_LIMIT;
	g->name = arena_alloc(scope->arena, f->mailboxes.count * sizeof(*g->name) + 1);
	for (size_t i = 0; i < f->mailboxes.count; i++) {
		struct str name;
		enum err e = session_mailbox(s, c, sent[i], &name);

		if (e == ERR_NAME)
			continue;	/* there is no such mailbox, and never will be */
		if (e != OK)
			return e;
		name.p = arena_copy(scope->arena, name.p, name.n);
		if (g->name == NULL || name.p == NULL)
			return ERR_LIMIT;
		g->name[g->n++] = name;
	}
	if (g->n > 0)
		qsort(g->name, g->n, sizeof(*g->name), name_cmp);
	return OK;
}

static enum err
take_group(struct session *s, struct command *c, struct scope *scope,
    const struct event_group *from)
{
	struct scope_group *g;

	if (from->filter.kind == FILTER_SELECTED || from->filter.kind == FILTER_SELECTED_DELAYED) {
		scope->selected = from->events;
		scope->delayed = from->filter.kind == FILTER_SELECTED_DELAYED;
		scope->has_fetch = from->has_fetch;
		return fetch_req_merge(scope->arena, &scope->fetch, &from->fetch)
		    ? OK : ERR_LIMIT;
	}
	g = &scope->group[scope->n++];
	*g = (struct scope_group){ .kind = from->filter.kind, .events = from->events };
	scope->events |= g->events;
	scope->by_subscription |= g->kind == FILTER_SUBSCRIBED;
	return take_names(s, c, scope, &from->filter, g);
}

enum err
scope_new(struct session *s, struct command *c, const struct notify_req *req,
    struct scope **scope)
{
	const struct event_group *from = req->groups.item;
	struct scope *sc = mem_zero(1, sizeof(*sc));
	enum err e = OK;

	sc->arena = arena_new(SCOPE_ARENA);
	sc->group = arena_alloc(sc->arena, req->groups.count * sizeof(*sc->group) + 1);
	if (sc->group == NULL)
		e = ERR_LIMIT;
	for (size_t i = 0; i < req->groups.count && e == OK; i++)
		e = take_group(s, c, sc, &from[i]);
	if (e == OK)
		*scope = sc;
	else
		scope_free(sc);
	return e;
}

void
scope_free(struct scope *scope)
{
	if (scope == NULL)
		return;
	arena_free(scope->arena);
	free(scope);
}

/* --- asking --- */

static bool
is_named(const struct scope_group *g, struct str name)
{
	return g->n > 0 && bsearch(&name, g->name, g->n, sizeof(name), name_cmp) != NULL;
}

/*
 * The mailbox above it, as the client sees them; false if there is none.  With
 * altnamespace only what is in user.fred.INBOX is below INBOX, user.fred.
 */
static bool
go_up(const struct session *s, struct str *name)
{
	struct str inbox = s->user->inbox;

	if (!mbname_up(name))
		return false;
	if (!s->names.alt || s->names.is_admin || !user_owns(s->user, *name))
		return true;
	if (name->n == inbox.n)
		return false;
	if (str_eq(str_slice(*name, inbox.n, name->n), STR(".INBOX")))
		*name = inbox;
	return true;
}

static bool
is_below_named(const struct session *s, const struct scope_group *g, struct str name)
{
	do
		if (is_named(g, name))
			return true;
	while (go_up(s, &name));
	return false;
}

static bool
matches(const struct session *s, const struct scope_group *g, struct str name,
    unsigned facts)
{
	struct str parent = name;

	switch (g->kind) {
	case FILTER_SELECTED:
	case FILTER_SELECTED_DELAYED:
		return false;
	case FILTER_INBOXES:
		return facts & SCOPE_INBOX;
	case FILTER_PERSONAL:
		return user_owns(s->user, name);
	case FILTER_SUBSCRIBED:
		return facts & SCOPE_SUBSCRIBED;
	case FILTER_SUBTREE:
		return is_below_named(s, g, name);
	case FILTER_SUBTREE_ONE:
		return is_named(g, name) || (go_up(s, &parent) && is_named(g, parent));
	case FILTER_MAILBOXES:
		return is_named(g, name);
	}
	return false;
}

unsigned
scope_events(const struct session *s, const struct scope *scope, struct str name,
    unsigned facts)
{
	unsigned events = 0;

	for (size_t i = 0; i < scope->n; i++) {
		const struct scope_group *g = &scope->group[i];

		if (!matches(s, g, name, facts))
			continue;
		if (g->events == 0)
			break;
		events |= g->events;
	}
	return events;
}

bool
scope_is_snapshot(const struct session *s, const struct scope *scope, struct str name,
    unsigned facts)
{
	for (size_t i = 0; i < scope->n; i++) {
		const struct scope_group *g = &scope->group[i];

		if (matches(s, g, name, facts)
		    && (g->events == 0 || (g->events & EVENTS_OF_MESSAGES)))
			return true;
	}
	return false;
}

void
scope_names(const struct session *s, const struct scope *scope, scope_each_fn each,
    void *ctx)
{
	for (size_t i = 0; i < scope->n; i++) {
		const struct scope_group *g = &scope->group[i];
		bool tree = g->kind == FILTER_SUBTREE || g->kind == FILTER_SUBTREE_ONE;

		if (g->kind == FILTER_INBOXES || g->kind == FILTER_PERSONAL)
			each(ctx, s->user->inbox, true);
		for (size_t k = 0; k < g->n; k++)
			each(ctx, g->name[k], tree);
	}
	/* To know the old name of what is renamed. */
	if (scope->events & EVENT_MAILBOX_NAME)
		each(ctx, s->user->inbox, true);
}
