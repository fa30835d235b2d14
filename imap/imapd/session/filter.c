#include "imap/imapd/session/filter.h"

#include "imap/store/list/mbname.h"
#include "imap/store/list/subs.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_ROOM = 64,
	WALKS_MAX = 1000,		/* of different trees, for one command */
};

/* What of the mailboxes below a name a walk is after. */
enum part {
	ALL_BELOW, ONE_LEVEL,
	INBOXES,			/* where mail may be delivered to */
	CLIENTS, CLIENTS_ONE_LEVEL,	/* below INBOX as the client sees it */
};

struct walk {
	struct str top;
	enum part part;
};

struct found {
	struct session *s;
	struct arena *arena;
	struct str *name;
	size_t n, room;
	enum err err;
	struct walk walk;		/* in hand */
	struct walk *walked;		/* NULL: none yet */
	size_t walks;
	bool has_subscribed;
};

/*
 * "the "r" right for each mailbox ... any mailboxes that are not explicitly named
 * are required to have the "l" right" (RFC 7377 section 2.2).
 */
static bool
may_read(struct session *s, const struct mbentry *e, bool named)
{
	const rights_t need = named ? ACL_READ : ACL_LOOKUP | ACL_READ;
	struct str deleted = str_c(store_params_of(s->store)->deleted_prefix);
	struct str name = str_c(e->name);

	if (!s->user->id.is_admin && str_starts(name, deleted)
	    && (name.n == deleted.n || name.p[deleted.n] == '.'))
		return false;
	return !(e->flags & MB_NOSELECT) && (user_rights(s->user, e) & need) == need;
}

static bool
add(struct found *f, struct str name)
{
	if (f->n == f->room) {
		size_t room = f->room > 0 ? 2 * f->room : FIRST_ROOM;
		struct str *wider = arena_alloc(f->arena, room * sizeof(*wider));

		if (wider != NULL && f->n > 0)
			memcpy(wider, f->name, f->n * sizeof(*wider));
		f->name = wider;
		f->room = room;
	}
	name.p = f->name != NULL ? arena_copy(f->arena, name.p, name.n) : NULL;
	if (name.p == NULL) {
		f->err = ERR_LIMIT;
		return false;
	}
	f->name[f->n++] = name;
	return true;
}

/*
 * "selectable mailboxes in the user's personal namespace(s) to which messages may
 * be delivered by a Message Delivery Agent" (RFC 5465 section 6.3): beside INBOX
 * those that anyone may post to, "user+folder".
 */
bool
filter_is_inbox(const struct session *s, const struct mbentry *e)
{
	const struct identity nobody = { .userid = "anonymous", .is_anonymous = true };
	struct str name = str_c(e->name);

	return user_owns(s->user, name)
	    && (str_eq(name, s->user->inbox) || mblist_rights(e, &nobody) & ACL_POST);
}

/* With altnamespace only what is in user.fred.INBOX is below INBOX, user.fred. */
static bool
is_alt_inbox(const struct session *s, struct str name)
{
	return s->names.alt && !s->names.is_admin && str_eq(name, s->user->inbox);
}

/* The walk's prefix may be the beginning of a longer name: "user.fred2". */
static bool
each_below(void *ctx, const struct mbentry *e)
{
	struct found *f = ctx;
	enum part part = f->walk.part;
	struct str name = str_c(e->name), rest = str_slice(name, f->walk.top.n, name.n);

	if (rest.n > 0 && rest.p[0] != '.')
		return true;
	if (rest.n > 0 && (part == CLIENTS || part == CLIENTS_ONE_LEVEL)) {
		if (!str_starts(rest, STR(".INBOX.")))
			return true;
		rest = str_slice(rest, strlen(".INBOX"), rest.n);
	}
	if ((part == ONE_LEVEL || part == CLIENTS_ONE_LEVEL) && rest.n > 0
	    && memchr(rest.p + 1, '.', rest.n - 1) != NULL)
		return true;
	if (part == INBOXES && !filter_is_inbox(f->s, e))
		return true;
	return !may_read(f->s, e, false) || add(f, name);
}

/* Has all been found that this walk would find? */
static bool
is_walked(const struct found *f, const struct walk *walk)
{
	for (size_t i = 0; i < f->walks; i++) {
		const struct walk *w = &f->walked[i];

		if (w->part == ALL_BELOW ? mbname_is_in(walk->top, w->top)
		    : w->part == walk->part && str_eq(w->top, walk->top))
			return true;
	}
	return false;
}

/* ERR_LIMIT: nobody has us read the whole list as often as he can write it. */
static enum err
note_walk(struct found *f, const struct walk *walk)
{
	if (f->walked == NULL)
		f->walked = arena_alloc(f->arena, WALKS_MAX * sizeof(*f->walked));
	if (f->walked == NULL || f->walks == WALKS_MAX)
		return ERR_LIMIT;
	f->walked[f->walks++] = *walk;
	return OK;
}

static void
add_tree(struct found *f, struct str top, enum part part)
{
	const struct walk walk = { .top = top, .part = part };
	enum err e;

	if (is_walked(f, &walk))
		return;
	e = note_walk(f, &walk);
	f->walk = walk;
	if (e == OK)
		e = mblist_walk(f->s->store, top, each_below, f);
	f->err = f->err == OK ? e : f->err;
}

/* Looked up later: no database is asked while another is walked. */
static bool
each_subscription(void *ctx, struct str name)
{
	return add(ctx, name);
}

/* Keeps of the names from FIRST on those that are mailboxes to be read. */
static void
keep_readable(struct found *f, size_t first, bool named)
{
	size_t kept = first;

	for (size_t i = first; i < f->n && f->err == OK; i++) {
		struct arena_mark mark = arena_mark(f->arena);
		struct mbentry *entry;
		enum err e = mblist_lookup(f->s->store, f->arena, f->name[i], &entry);

		if (e == OK && may_read(f->s, entry, named))
			f->name[kept++] = f->name[i];
		else if (e != OK && e != ERR_NOTFOUND)
			f->err = e;
		arena_rewind(f->arena, mark);
	}
	f->n = kept;
}

/* Those that are named, and what is below them. */
static void
add_named(struct found *f, struct command *c, const struct mailbox_filter *filter)
{
	const struct str *sent = filter->mailboxes.item;
	bool one_level = filter->kind == FILTER_SUBTREE_ONE;

	for (size_t i = 0; i < filter->mailboxes.count && f->err == OK; i++) {
		size_t first = f->n;
		struct str name;

		f->err = session_mailbox(f->s, c, sent[i], &name);
		if (f->err != OK)
			return;
		if (add(f, name))
			keep_readable(f, first, true);
		if (filter->kind == FILTER_MAILBOXES)
			continue;
		if (is_alt_inbox(f->s, name))
			add_tree(f, name, one_level ? CLIENTS_ONE_LEVEL : CLIENTS);
		else
			add_tree(f, name, one_level ? ONE_LEVEL : ALL_BELOW);
	}
}

static void
add_subscribed(struct found *f)
{
	size_t first = f->n;
	enum err e;

	if (f->has_subscribed)
		return;
	f->has_subscribed = true;
	e = subs_walk(f->s->store, str_c(f->s->user->id.userid), STR(""), each_subscription, f);
	f->err = f->err == OK ? e : f->err;
	keep_readable(f, first, false);
}

static void
add_filter(struct found *f, struct command *c, const struct mailbox_filter *filter)
{
	switch (filter->kind) {
	case FILTER_SELECTED:
	case FILTER_SELECTED_DELAYED:
		return;
	case FILTER_INBOXES:
		add_tree(f, f->s->user->inbox, INBOXES);
		return;
	case FILTER_PERSONAL:
		add_tree(f, f->s->user->inbox, ALL_BELOW);
		return;
	case FILTER_SUBSCRIBED:
		add_subscribed(f);
		return;
	case FILTER_SUBTREE:
	case FILTER_SUBTREE_ONE:
	case FILTER_MAILBOXES:
		add_named(f, c, filter);
		return;
	}
}

/* As mailboxes.db has them: what is below a name comes directly behind it. */
int
filter_name_cmp(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;

	for (size_t i = 0; i < n; i++) {
		unsigned char p = (unsigned char)x->p[i], q = (unsigned char)y->p[i];

		if (p != q)
			return (p == '.' ? 0 : p) < (q == '.' ? 0 : q) ? -1 : 1;
	}
	return (x->n > y->n) - (x->n < y->n);
}

enum err
filter_names(struct session *s, struct command *c, const struct mailbox_filter *filters,
    size_t n, struct str **names, size_t *count)
{
	struct found f = { .s = s, .arena = c->arena };
	size_t kept = 0;

	for (size_t i = 0; i < n && f.err == OK; i++)
		add_filter(&f, c, &filters[i]);
	if (f.n > 0)
		qsort(f.name, f.n, sizeof(*f.name), filter_name_cmp);
	for (size_t i = 0; i < f.n; i++)
		if (kept == 0 || !str_eq(f.name[kept - 1], f.name[i]))
			f.name[kept++] = f.name[i];
	*names = f.name;
	*count = kept;
	return f.err;
}
