/*
 * list.c - which names LIST and LSUB tell of
 *
 * Names come in hierarchical order, a mailbox before what is below it.  So a
 * stack of the names above the one at hand is all that has to be remembered:
 * whether a name has children, or is to be told of because of what is below it,
 * is known when the next name comes that is not below it.  A name is told as
 * soon as all of it is known.
 *
 * An administrator's names have their domain at the end, user.fred.sent@example.org,
 * which is no place for it in a hierarchy.  So all is done with names in which it
 * stands where it does inside, user.fred@example^org.sent; patterns are matched
 * with, and the client is told, the others (told_name()).
 *
 * Candidates are the mailboxes that the user may see or, if SUBSCRIBED is a
 * selection option, his subscriptions; then whether the levels above them exist,
 * and have children, is looked up for those that are told.
 */
#include "imap/imapd/proto/pattern.h"
#include "imap/imapd/session/list.h"
#include "imap/server/domain.h"
#include "imap/store/list/subs.h"

#include <stdlib.h>
#include <string.h>

/* A name that is above the one at hand, or that itself. */
struct node {
	size_t n;			/* its length; the bytes are listing.path's */
	bool is_level;			/* between names: nothing is known of it */
	bool exists, noselect, subscribed;
	const char *specialuse;
	bool matches;			/* a pattern */
	bool selected;			/* by the selection options */
	bool has_children;
	bool has_selected;		/* below it */
	bool has_unmatched;		/* one of these matches no pattern */
	bool told;
};

/* Which candidates a walk is after: the user's own come first. */
enum part { OWN, OWN_INBOX, OWN_REST, OTHERS, ALL };

struct listing {
	struct session *s;
	struct name_style names;	/* the session's, with domains where they are inside */
	struct arena *arena;
	const struct list_query *q;
	list_tell_fn tell;
	void *ctx;
	struct str deleted;		/* "DELETED.", hidden from users */
	enum part part;
	struct str *subscribed;		/* internal names, hierarchical order */
	size_t subscriptions, subscriptions_size;
	struct buf name;		/* external, of the candidate at hand */
	struct buf path;		/* of the node at the top of the stack */
	struct node stack[LIST_LEVELS];
	size_t depth;
	struct name_prefixes roots;	/* of the namespaces */
	struct buf shown_roots;		/* those told of, each with a NUL behind */
	enum err err;
};

/* --- patterns --- */

static bool
shows_domains(const struct listing *l)
{
	return l->names.domains && l->names.is_admin;
}

/* Appends NAME as the client gets it. */
static void
told_name(const struct listing *l, struct str name, struct buf *out)
{
	struct buf internal = BUF_INIT;

	if (shows_domains(l) && name_to_internal(&l->names, name, &internal) == OK)
		name_to_external(&l->s->names, buf_str(&internal), out);
	else
		buf_add_str(out, name);
	buf_free(&internal);
}

/* A domain's dots separate no levels: what is behind the last "@" has none. */
static struct str
without_dots(const struct listing *l, struct str name, struct buf *out)
{
	size_t at = str_rchr(name, '@');

	if (!shows_domains(l) || at == name.n || l->names.sep != '.')
		return name;
	buf_reset(out);
	buf_add_str(out, name);
	for (size_t i = at; i < out->n; i++)
		if (out->p[i] == '.')
			out->p[i] = '^';
	return buf_str(out);
}

/* Does a pattern match, of those that end in '%' if ONLY_LEVELS? */
static bool
matches_one(const struct listing *l, struct str name, bool only_levels)
{
	struct buf told = BUF_INIT, plain = BUF_INIT, pattern = BUF_INIT;
	bool is = false;

	if (shows_domains(l)) {
		told_name(l, name, &told);
		name = without_dots(l, buf_str(&told), &plain);
	}
	for (size_t i = 0; !is && i < l->q->patterns; i++) {
		struct str p = without_dots(l, l->q->pattern[i], &pattern);

		is = p.n > 0 && (!only_levels || p.p[p.n - 1] == '%')
		    && pattern_match(p, name, l->names.sep);
	}
	buf_free(&told);
	buf_free(&plain);
	buf_free(&pattern);
	return is;
}

static bool
matches(const struct listing *l, struct str name)
{
	return matches_one(l, name, false);
}

/*
 * "If the % wildcard is the last character of a mailbox name argument, matching
 * levels of hierarchy are also returned."
 */
static bool
matches_as_level(const struct listing *l, struct str name)
{
	return matches_one(l, name, true);
}

static bool
is_below(const struct listing *l, struct str name, struct str above)
{
	return name.n > above.n && memcmp(name.p, above.p, above.n) == 0
	    && name.p[above.n] == l->s->names.sep;
}

/* --- roots of namespaces --- */

/* Is LEVEL the root of a namespace, PREFIX without its separator, or above it? */
static bool
is_above_root(const struct listing *l, struct str level, const struct buf *prefix)
{
	return level.n < prefix->n && memcmp(prefix->p, level.p, level.n) == 0
	    && prefix->p[level.n] == l->s->names.sep;
}

/*
 * What is below such a root comes in several runs, since inside the names are
 * in another order: bb, user.anna, zz.
 */
static bool
is_root(const struct listing *l, struct str level)
{
	return is_above_root(l, level, &l->roots.other)
	    || is_above_root(l, level, &l->roots.shared);
}

static bool
root_was_shown(const struct listing *l, struct str root)
{
	const char *p = l->shown_roots.p, *end = p + l->shown_roots.n;

	for (; p < end; p += strlen(p) + 1)
		if (str_eq(str_c(p), root))
			return true;
	return false;
}

/* --- telling --- */

static struct str
node_name(const struct listing *l, const struct node *d)
{
	return (struct str){ l->path.p, d->n };
}

static bool
may_see(const struct listing *l, const struct mbentry *e)
{
	struct str name = str_c(e->name);
	bool hidden = !l->s->user->id.is_admin && name.n >= l->deleted.n
	    && memcmp(name.p, l->deleted.p, l->deleted.n) == 0;

	return !hidden && (user_rights(l->s->user, e) & ACL_LOOKUP);
}

struct children {
	const struct listing *l;
	size_t above;			/* length of the name whose children they are */
	bool found;
};

static bool
note_child(void *ctx, const struct mbentry *e)
{
	struct children *c = ctx;

	/* With altnamespace only what is below user.fred.INBOX is below INBOX. */
	c->found = strlen(e->name) > c->above && e->name[c->above] == '.'
	    && may_see(c->l, e);
	return !c->found;
}

static bool
has_visible_children(struct listing *l, struct str internal)
{
	struct buf above = BUF_INIT;
	struct children c = { .l = l };

	buf_add_str(&above, internal);
	if (l->s->names.alt && !l->s->names.is_admin && str_eq(internal, l->s->user->inbox))
		buf_adds(&above, ".INBOX");
	c.above = above.n;
	if (mblist_walk(l->s->store, buf_str(&above), note_child, &c) != OK)
		c.found = false;
	buf_free(&above);
	return c.found;
}

/* The mailbox NAME, if there is one that the user may see. */
static void
look_up(struct listing *l, struct str internal, struct node *d)
{
	struct mbentry *e;

	if (mblist_lookup(l->s->store, l->arena, internal, &e) != OK || !may_see(l, e))
		return;
	d->exists = true;
	d->noselect = e->flags & MB_NOSELECT;
	if (user_owns(l->s->user, internal))
		d->specialuse = e->specialuse;
}

/* Candidates were subscriptions: nothing has been looked up yet. */
static void
complete(struct listing *l, struct node *d)
{
	struct buf internal = BUF_INIT;

	if (name_to_internal(&l->names, node_name(l, d), &internal) == OK) {
		if (d->is_level)
			look_up(l, buf_str(&internal), d);
		if (l->q->ret & LIST_RETURN_CHILDREN)
			d->has_children = has_visible_children(l, buf_str(&internal));
	}
	buf_free(&internal);
}

static void
tell(struct listing *l, struct node *d)
{
	const struct list_query *q = l->q;
	struct str name = node_name(l, d);
	bool walks_mailboxes = !(q->select & LIST_SUBSCRIBED) && !q->lsub;

	d->told = true;
	if (is_root(l, name)) {
		if (root_was_shown(l, name))
			return;
		buf_add_str(&l->shown_roots, name);
		buf_addc(&l->shown_roots, '\0');
	}
	if (q->select & LIST_SUBSCRIBED)
		complete(l, d);
	struct buf told = BUF_INIT;
	told_name(l, name, &told);
	struct list_name n = {
		.name = buf_str(&told), .exists = d->exists, .selected = d->selected,
		.noselect = d->noselect || (d->is_level && !d->exists),
		.subscribed = d->subscribed, .specialuse = d->specialuse,
		.childinfo = d->has_selected && (q->select & LIST_RECURSIVEMATCH),
	};
	if (walks_mailboxes || (q->ret & LIST_RETURN_CHILDREN))
		n.children = d->has_children ? CHILDREN_SOME : CHILDREN_NONE;
	l->tell(l->ctx, &n);
	buf_free(&told);
}

/*
 * Is it to be told of, and is all of it known?  DONE: nothing below it will
 * come any more.  RFC 5258 3.3: a name that is not selected itself is told only
 * for one below it that is, and that no pattern matches, lest it be redundant.
 */
static bool
is_ready(const struct listing *l, const struct node *d, bool done)
{
	const struct list_query *q = l->q;
	bool recursive = q->select & LIST_RECURSIVEMATCH;
	bool by_mailboxes = !(q->select & LIST_SUBSCRIBED) && !q->lsub;

	if (d->told || !d->matches)
		return false;
	if (!d->selected)
		return recursive && d->has_unmatched;
	if (done)
		return true;
	return (!recursive || d->has_selected) && (!by_mailboxes || d->has_children);
}

/* --- the stack --- */

/* Leaves the nodes that are not above NAME: nothing more comes below them. */
static void
leave(struct listing *l, struct str name)
{
	while (l->depth > 0) {
		struct node *d = &l->stack[l->depth - 1];

		if (is_below(l, name, node_name(l, d)))
			break;
		if (is_ready(l, d, true))
			tell(l, d);
		l->depth--;
	}
}

static struct node *
push(struct listing *l, size_t n)
{
	struct node *d;

	if (l->depth == LIST_LEVELS)
		return NULL;
	d = &l->stack[l->depth++];
	*d = (struct node){ .n = n };
	return d;
}

/* The levels between the last node and the candidate at hand. */
static void
push_levels(struct listing *l)
{
	const struct list_query *q = l->q;
	struct str name = buf_str(&l->name);
	size_t from = l->depth > 0 ? l->stack[l->depth - 1].n + 1 : 1;
	bool shown = q->lsub || !(q->select & ~(unsigned)LIST_REMOTE);

	for (size_t i = from; i < name.n; i++) {
		struct str level = { name.p, i };
		struct node *d;

		if (name.p[i] != l->s->names.sep || (d = push(l, i)) == NULL)
			continue;
		d->is_level = true;
		/* Without selection options they count as selected if "%" asks. */
		d->selected = shown;
		d->matches = shown ? matches_as_level(l, level) : matches(l, level);
	}
}

/* The candidate has come: what it says of those above it. */
static void
inform(struct listing *l, const struct node *c)
{
	for (size_t i = 0; i < l->depth; i++) {
		struct node *d = &l->stack[i];

		d->has_children |= c->exists || l->q->lsub;
		d->has_selected |= c->selected;
		d->has_unmatched |= c->selected && !c->matches;
		if (is_ready(l, d, false))
			tell(l, d);
	}
}

/* The candidate is in l->name; C says what is known of it. */
static void
visit(struct listing *l, struct node *c)
{
	struct str name = buf_str(&l->name);
	const unsigned select = l->q->select;
	struct node *d;

	leave(l, name);
	buf_reset(&l->path);
	buf_add_str(&l->path, name);
	push_levels(l);
	c->n = name.n;
	c->matches = matches(l, name);
	c->selected = (!(select & LIST_SUBSCRIBED) || c->subscribed)
	    && (!(select & LIST_SPECIAL_USE) || c->specialuse != NULL);
	inform(l, c);
	d = push(l, name.n);
	if (d == NULL)
		d = c;
	*d = *c;
	if (is_ready(l, d, false) || (d == c && is_ready(l, d, true)))
		tell(l, d);
}

/* --- subscriptions --- */

/* '.' goes before all else, so that what is below a name comes right behind it. */
static int
compare_names(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;

	for (size_t i = 0; i < n; i++) {
		int c = x->p[i] == '.' ? 1 : (unsigned char)x->p[i];
		int d = y->p[i] == '.' ? 1 : (unsigned char)y->p[i];

		if (c != d)
			return c - d;
	}
	return x->n < y->n ? -1 : x->n > y->n;
}

static bool
add_subscription(void *ctx, struct str name)
{
	struct listing *l = ctx;
	const char *copy = arena_copy(l->arena, name.p, name.n);

	if (l->subscriptions == l->subscriptions_size) {
		size_t size = l->subscriptions_size * 2 + 64;
		struct str *more = arena_alloc(l->arena, size * sizeof(*more));

		if (more == NULL) {
			l->err = ERR_LIMIT;
			return false;
		}
		if (l->subscriptions > 0)
			memcpy(more, l->subscribed, l->subscriptions * sizeof(*more));
		l->subscribed = more;
		l->subscriptions_size = size;
	}
	if (copy == NULL)
		l->err = ERR_LIMIT;
	else
		l->subscribed[l->subscriptions++] = (struct str){ copy, name.n };
	return l->err == OK;
}

static enum err
load_subscriptions(struct listing *l)
{
	enum err e = subs_walk(l->s->store, str_c(l->s->user->id.userid), STR(""),
	    add_subscription, l);

	if (e == OK && l->subscriptions > 0)
		qsort(l->subscribed, l->subscriptions, sizeof(*l->subscribed), compare_names);
	return e == OK ? l->err : e;
}

static bool
is_subscribed(const struct listing *l, struct str name)
{
	return l->subscriptions > 0 && bsearch(&name, l->subscribed, l->subscriptions,
	    sizeof(name), compare_names) != NULL;
}

/* --- walks --- */

/* With altnamespace, is it INBOX or below INBOX for its owner? */
static bool
is_in_inbox(const struct listing *l, struct str name)
{
	struct str inbox = l->s->user->inbox;
	const char *rest = name.p + inbox.n + 1;

	return name.n == inbox.n || (name.n >= inbox.n + 6 && memcmp(rest, "INBOX", 5) == 0
	    && (name.n == inbox.n + 6 || rest[5] == '.'));
}

static bool
is_in_part(const struct listing *l, struct str name)
{
	bool own = user_owns(l->s->user, name);

	switch (l->part) {
	case OWN:
		return own;
	case OWN_INBOX:
		return own && is_in_inbox(l, name);
	case OWN_REST:
		return own && !is_in_inbox(l, name);
	case OTHERS:
		return !own;
	case ALL:
		break;
	}
	return true;
}

static bool
each_mailbox(void *ctx, const struct mbentry *e)
{
	struct listing *l = ctx;
	struct str name = str_c(e->name);
	struct node c = { .exists = true, .noselect = e->flags & MB_NOSELECT };

	if (!is_in_part(l, name) || !may_see(l, e))
		return true;
	buf_reset(&l->name);
	name_to_external(&l->names, name, &l->name);
	c.subscribed = is_subscribed(l, name);
	if (e->specialuse != NULL && user_owns(l->s->user, name)) {
		c.specialuse = arena_copy(l->arena, e->specialuse, strlen(e->specialuse));
		if (c.specialuse == NULL)
			l->err = ERR_LIMIT;
	}
	if (l->err == OK)
		visit(l, &c);
	return l->err == OK;
}

static void
each_subscription(struct listing *l, struct str name)
{
	struct node c = { .subscribed = true };

	if (!is_in_part(l, name))
		return;
	if (!l->q->lsub)
		look_up(l, name, &c);
	buf_reset(&l->name);
	name_to_external(&l->names, name, &l->name);
	visit(l, &c);
}

/*
 * What the names that can match begin with, inside; false: it cannot be said
 * and all must be walked.
 */
static bool
find_prefix(const struct listing *l, struct buf *prefix)
{
	struct str literal;

	if (l->q->patterns != 1)
		return false;
	literal = pattern_literal(l->q->pattern[0]);
	/* What is before "@" says where the name begins, if it is whole. */
	if (shows_domains(l) && literal.n < l->q->pattern[0].n)
		literal.n = str_chr(literal, '@');
	if (literal.n < l->q->pattern[0].n)
		while (literal.n > 0 && literal.p[literal.n - 1] != l->s->names.sep)
			literal.n--;
	if (literal.n > 0 && literal.p[literal.n - 1] == l->s->names.sep)
		literal.n--;
	if (literal.n == 0 || name_to_internal(&l->s->names, literal, prefix) != OK)
		return false;
	/* "user.fred.a.%" is found in each domain that has a fred. */
	if (shows_domains(l) && literal.n < l->q->pattern[0].n) {
		size_t n, root = domain_root(buf_str(prefix), l->names.deleted, &n);

		if (n > 0)
			buf_truncate(prefix, root + n);
	}
	return true;
}

/* The user's own mailboxes first, then those of others and shared ones. */
static enum err
walk_part(struct listing *l, enum part part, struct str prefix)
{
	enum err e = OK;

	l->part = part;
	if (l->q->lsub || (l->q->select & LIST_SUBSCRIBED))
		for (size_t i = 0; i < l->subscriptions && l->err == OK; i++)
			each_subscription(l, l->subscribed[i]);
	else
		e = mblist_walk(l->s->store, prefix, each_mailbox, l);
	leave(l, STR(""));
	return e == OK ? l->err : e;
}

static enum err
walk(struct listing *l)
{
	struct buf prefix = BUF_INIT;
	struct str inbox = l->s->user->inbox;
	bool limited = find_prefix(l, &prefix);
	enum err e;

	if (limited && !str_eq(buf_str(&prefix), inbox)) {
		e = walk_part(l, ALL, buf_str(&prefix));
	} else if (l->s->names.alt && !l->s->names.is_admin) {
		/* Inside, what is below INBOX is not next to it. */
		e = walk_part(l, OWN_INBOX, inbox);
		if (e == OK)
			e = walk_part(l, OWN_REST, inbox);
	} else {
		e = walk_part(l, OWN, inbox);
	}
	if (e == OK && !limited)
		e = walk_part(l, OTHERS, STR(""));
	buf_free(&prefix);
	return e;
}

enum err
list_walk(struct session *s, struct arena *arena, const struct list_query *q,
    list_tell_fn tell_fn, void *ctx)
{
	struct listing *l = arena_new_obj(arena, struct listing);
	enum err e = OK;

	if (l == NULL)
		return ERR_LIMIT;
	*l = (struct listing){
		.s = s, .names = s->names, .arena = arena, .q = q, .tell = tell_fn, .ctx = ctx,
		.deleted = str_c(store_params_of(s->store)->deleted_prefix),
		.name = BUF_INIT, .path = BUF_INIT, .shown_roots = BUF_INIT,
		.roots = { BUF_INIT, BUF_INIT, BUF_INIT },
	};
	l->names.tagged = true;
	name_prefixes(&s->names, &l->roots);
	if (q->lsub || (q->select & LIST_SUBSCRIBED) || (q->ret & LIST_RETURN_SUBSCRIBED))
		e = load_subscriptions(l);
	if (e == OK)
		e = walk(l);
	buf_free(&l->name);
	buf_free(&l->path);
	buf_free(&l->shown_roots);
	buf_free(&l->roots.personal);
	buf_free(&l->roots.other);
	buf_free(&l->roots.shared);
	return e;
}

void
list_one(struct session *s, struct arena *arena, struct str internal, struct list_name *n)
{
	struct listing *l = arena_new_obj(arena, struct listing);
	struct node d = { .n = 0 };
	bool subscribed = false;

	*n = (struct list_name){ .selected = true };
	if (l == NULL)
		return;
	*l = (struct listing){ .s = s, .names = s->names, .arena = arena,
	    .deleted = str_c(store_params_of(s->store)->deleted_prefix) };
	look_up(l, internal, &d);
	n->exists = d.exists;
	n->noselect = d.noselect;
	n->specialuse = d.specialuse;
	n->children = has_visible_children(l, internal) ? CHILDREN_SOME : CHILDREN_NONE;
	n->subscribed = subs_has(s->store, str_c(s->user->id.userid), internal,
	    &subscribed) == OK && subscribed;
}
