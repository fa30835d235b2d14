/*
 * Names are collected first and changed afterwards, since the walks must not
 * see their own changes.
 */
#include "imap/server/usermove.h"
#include "imap/store/list/mblist.h"
#include "imap/store/list/subs.h"
#include "imap/store/names/notes.h"
#include "lib/acl.h"

#include <string.h>

struct item {
	struct str name;
	rights_t rights;		/* an ACL's; subscriptions: 0 */
	struct item *next;
};

struct move {
	struct arena *arena;
	struct str old, new, old_inbox, new_inbox;
	struct item *first;
	bool full;			/* the arena is */
};

/* What fails keeps nothing else from being done. */
static enum err
first_of(enum err e, enum err next)
{
	return e != OK ? e : next;
}

static void
collect(struct move *m, struct str name, rights_t rights)
{
	struct item *i = arena_new_obj(m->arena, struct item);
	char *copy = arena_copy(m->arena, name.p, name.n);
	if (i == NULL || copy == NULL) {
		m->full = true;
		return;
	}
	*i = (struct item){ { copy, name.n }, rights, m->first };
	m->first = i;
}

/* Is NAME the mailbox ROOT or below it? */
static bool
within(struct str name, struct str root)
{
	return name.n >= root.n && memcmp(name.p, root.p, root.n) == 0
	    && (name.n == root.n || name.p[root.n] == '.');
}

static bool
each_mailbox(void *ctx, const struct mbentry *e)
{
	struct move *m = ctx;
	struct str acl = str_c(e->acl), id;
	rights_t rights;
	if (!within(str_c(e->name), m->new_inbox))
		return true;
	while (acl_next(&acl, &id, &rights))
		if (str_eq(id, m->old))
			collect(m, str_c(e->name), rights);
	return !m->full;
}

static enum err
move_rights(struct store *s, struct move *m)
{
	m->first = NULL;
	enum err e = mblist_walk(s, m->new_inbox, each_mailbox, m);
	for (struct item *i = m->first; i != NULL; i = i->next) {
		enum err one = mblist_change_acl(s, i->name, m->new, '+', i->rights);
		if (one == OK)
			one = mblist_change_acl(s, i->name, m->old, '=', 0);
		e = first_of(e, one);
	}
	return first_of(e, m->full ? ERR_LIMIT : OK);
}

static bool
each_subscription(void *ctx, struct str name)
{
	struct move *m = ctx;
	collect(m, name, 0);
	return !m->full;
}

/* His own folders under their new names, others' as they are. */
static enum err
move_subscription(struct store *s, struct move *m, struct str name)
{
	struct buf to = BUF_INIT;
	if (within(name, m->old_inbox)) {
		buf_add_str(&to, m->new_inbox);
		buf_add(&to, name.p + m->old_inbox.n, name.n - m->old_inbox.n);
	} else {
		buf_add_str(&to, name);
	}
	enum err e = subs_set(s, m->new, buf_str(&to), true);
	if (e == OK)
		e = subs_set(s, m->old, name, false);
	buf_free(&to);
	return e;
}

static enum err
move_subscriptions(struct store *s, struct move *m)
{
	m->first = NULL;
	enum err e = subs_walk(s, m->old, STR(""), each_subscription, m);
	for (struct item *i = m->first; i != NULL; i = i->next)
		e = first_of(e, move_subscription(s, m, i->name));
	return first_of(e, m->full ? ERR_LIMIT : OK);
}

enum err
usermove(struct store *s, struct arena *arena, struct str old, struct str new)
{
	struct buf from = BUF_INIT, to = BUF_INIT;
	buf_adds(&from, "user.");
	buf_add_str(&from, old);
	buf_adds(&to, "user.");
	buf_add_str(&to, new);
	struct move m = {
		.arena = arena, .old = old, .new = new,
		.old_inbox = buf_str(&from), .new_inbox = buf_str(&to),
	};
	enum err e = move_rights(s, &m);
	e = first_of(e, move_subscriptions(s, &m));
	e = first_of(e, notes_rename(s, old, new));
	buf_free(&from);
	buf_free(&to);
	return e;
}
