/*
 * LIST and LSUB: names that match a pattern
 *
 * Names come in hierarchical order, a mailbox before what is below it.  That
 * makes two things cheap.  Whether a mailbox has children that the user may
 * see is known when the next visible name comes, so each line waits for that
 * one.  And a level of the hierarchy that is no mailbox itself, to be shown
 * as \Noselect, is known to have been shown by looking at the names above the
 * one at hand only: the stack `shown`.
 */
#include "imap/imapd/cmd.h"
#include "imap/imapd/proto/pattern.h"
#include "imap/store/subs.h"

#include <string.h>

enum { MAX_PATTERN = 2000, MAX_LEVELS = 128 };

struct listing {
	struct session *s;
	const char *word;		/* "LIST" or "LSUB" */
	bool subscribed;		/* LSUB: no rights, no children */
	struct str pattern;
	bool levels;			/* it ends in "%": levels are shown too */
	struct str deleted;		/* "DELETED.", hidden from users */
	enum { OWN, OTHERS, ALL } part;
	struct buf name;		/* external, of the name at hand */
	struct buf held;		/* the line that waits for its children */
	bool holds, held_noselect;
	size_t shown[MAX_LEVELS];	/* lengths of the names above it that ... */
	size_t depth;
	struct buf path;		/* ... are beginnings of this */
	struct name_prefixes roots;	/* of the namespaces */
	struct buf shown_roots;		/* those shown, each with a NUL behind */
};

/* --- lines --- */

static void
put_line(struct listing *l, struct str name, bool noselect, const char *children)
{
	struct reply *r = l->s->reply;
	const char sep[2] = { l->s->names.sep, '\0' };
	reply_puts(r, "* ");
	reply_puts(r, l->word);
	reply_puts(r, " (");
	if (noselect)
		reply_puts(r, *children != '\0' ? "\\Noselect " : "\\Noselect");
	reply_puts(r, children);
	reply_puts(r, ") \"");
	reply_puts(r, sep);
	reply_puts(r, "\" ");
	reply_astring(r, name);
	reply_crlf(r);
}

/* Is NAME below ABOVE, in external form? */
static bool
is_below(const struct listing *l, struct str name, struct str above)
{
	return name.n > above.n && memcmp(name.p, above.p, above.n) == 0
	    && name.p[above.n] == l->s->names.sep;
}

/*
 * With altnamespace the folders of user.fred are beside INBOX, not below it;
 * what is below it is below user.fred.INBOX, and comes later in the walk.
 */
static bool
inbox_has_children(struct listing *l)
{
	struct buf name = BUF_INIT;
	bool has = false;
	buf_add_str(&name, l->s->user->inbox);
	buf_adds(&name, ".INBOX");
	if (mblist_has_children(l->s->store, buf_str(&name), &has) != OK)
		has = false;
	buf_free(&name);
	return has;
}

/* Sends the waiting line; NEXT is the visible name after it, or empty. */
static void
release(struct listing *l, struct str next)
{
	if (!l->holds)
		return;
	struct str held = buf_str(&l->held);
	bool children = is_below(l, next, held);
	if (!children && l->s->names.alt && str_eq(held, STR("INBOX")))
		children = inbox_has_children(l);
	put_line(l, held, l->held_noselect,
	    children ? "\\HasChildren" : "\\HasNoChildren");
	l->holds = false;
}

/* --- levels --- */

/* Forgets the levels that are not above NAME. */
static void
go_to(struct listing *l, struct str name)
{
	while (l->depth > 0) {
		struct str above = { l->path.p, l->shown[l->depth - 1] };
		if (is_below(l, name, above))
			break;
		l->depth--;
	}
	buf_reset(&l->path);
	buf_add_str(&l->path, name);
}

/* Is LEVEL the root of a namespace, PREFIX without its separator, or above it? */
static bool
is_above_root(const struct listing *l, struct str level, const struct buf *prefix)
{
	return level.n < prefix->n && memcmp(prefix->p, level.p, level.n) == 0
	    && prefix->p[level.n] == l->s->names.sep;
}

/*
 * What is below such a root comes in several runs, since inside the names are
 * in another order: user.anna, user.fred (who is "INBOX"), user.wilma.
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

/* Was the level of N bytes above the name at hand, or the name, shown? */
static bool
was_shown(const struct listing *l, size_t n)
{
	struct str level = { l->path.p, n };
	for (size_t i = 0; i < l->depth; i++)
		if (l->shown[i] == n)
			return true;
	return is_root(l, level) && root_was_shown(l, level);
}

static void
mark_shown(struct listing *l, size_t n)
{
	struct str level = { l->path.p, n };
	if (l->depth < MAX_LEVELS)
		l->shown[l->depth++] = n;
	if (is_root(l, level)) {
		buf_add_str(&l->shown_roots, level);
		buf_addc(&l->shown_roots, '\0');
	}
}

/* The levels above NAME that match and were not shown yet. */
static void
show_levels(struct listing *l, struct str name)
{
	if (!l->levels)
		return;
	for (size_t i = 1; i < name.n; i++) {
		struct str level = { name.p, i };
		if (name.p[i] != l->s->names.sep || was_shown(l, i)
		    || !pattern_match(l->pattern, level, l->s->names.sep))
			continue;
		put_line(l, level, true, l->subscribed ? "" : "\\HasChildren");
		mark_shown(l, i);
	}
}

/* One name that the user may know of. */
static void
show(struct listing *l, bool noselect)
{
	struct str name = buf_str(&l->name);
	release(l, name);
	go_to(l, name);
	show_levels(l, name);
	if (!pattern_match(l->pattern, name, l->s->names.sep))
		return;
	mark_shown(l, name.n);
	if (l->subscribed) {
		put_line(l, name, false, "");
		return;
	}
	buf_reset(&l->held);
	buf_add_str(&l->held, name);
	l->holds = true;
	l->held_noselect = noselect;
}

/* --- walks --- */

static bool
is_hidden(const struct listing *l, struct str name)
{
	return !l->s->user->id.is_admin && name.n >= l->deleted.n
	    && memcmp(name.p, l->deleted.p, l->deleted.n) == 0;
}

static bool
each_mailbox(void *ctx, const struct mbentry *e)
{
	struct listing *l = ctx;
	struct str name = str_c(e->name);
	bool own = user_owns(l->s->user, name);
	if ((l->part == OWN && !own) || (l->part == OTHERS && own) || is_hidden(l, name)
	    || !(user_rights(l->s->user, e) & ACL_LOOKUP))
		return true;
	buf_reset(&l->name);
	name_to_external(&l->s->names, name, &l->name);
	show(l, e->flags & MB_NOSELECT);
	return true;
}

static bool
each_subscription(void *ctx, struct str name)
{
	struct listing *l = ctx;
	buf_reset(&l->name);
	name_to_external(&l->s->names, name, &l->name);
	show(l, false);
	return true;
}

/*
 * What the names that can match begin with, inside; false: it cannot be said
 * and all must be walked.
 */
static bool
find_prefix(const struct listing *l, struct buf *prefix)
{
	struct str literal = pattern_literal(l->pattern);
	if (literal.n < l->pattern.n)
		while (literal.n > 0 && literal.p[literal.n - 1] != l->s->names.sep)
			literal.n--;
	if (literal.n > 0 && literal.p[literal.n - 1] == l->s->names.sep)
		literal.n--;
	return literal.n > 0 && name_to_internal(&l->s->names, literal, prefix) == OK;
}

/* The user's own mailboxes first, then those of others, then shared ones. */
static enum err
walk(struct listing *l)
{
	struct buf prefix = BUF_INIT;
	enum err e;
	if (find_prefix(l, &prefix)) {
		l->part = ALL;
		e = mblist_walk(l->s->store, buf_str(&prefix), each_mailbox, l);
	} else {
		l->part = OWN;
		e = mblist_walk(l->s->store, l->s->user->inbox, each_mailbox, l);
		l->part = OTHERS;
		if (e == OK)
			e = mblist_walk(l->s->store, STR(""), each_mailbox, l);
	}
	release(l, STR(""));
	buf_free(&prefix);
	return e;
}

/* --- the commands --- */

/* Reference and pattern in one, without a doubled separator between. */
static enum err
join(struct listing *l, const struct list_req *r, struct arena *arena)
{
	struct str ref = r->reference, pat = r->pattern;
	char sep = l->s->names.sep;
	if (ref.n > 0 && ref.p[ref.n - 1] == sep && pat.n > 0 && pat.p[0] == sep)
		ref.n--;
	if (ref.n + pat.n > MAX_PATTERN)
		return ERR_LIMIT;
	char *all = arena_alloc(arena, ref.n + pat.n + 1);
	if (all == NULL)
		return ERR_LIMIT;
	if (ref.n > 0)
		memcpy(all, ref.p, ref.n);
	if (pat.n > 0)
		memcpy(all + ref.n, pat.p, pat.n);
	l->pattern = (struct str){ all, ref.n + pat.n };
	l->levels = pat.n > 0 && pat.p[pat.n - 1] == '%';
	return OK;
}

static void
start(struct listing *l, struct session *s, const char *word)
{
	*l = (struct listing){
		.s = s, .word = word, .name = BUF_INIT, .held = BUF_INIT,
		.path = BUF_INIT, .roots = { BUF_INIT, BUF_INIT, BUF_INIT },
		.shown_roots = BUF_INIT,
	};
	name_prefixes(&s->names, &l->roots);
	l->deleted = str_c(store_params_of(s->store)->deleted_prefix);
}

static void
finish(struct listing *l)
{
	buf_free(&l->name);
	buf_free(&l->held);
	buf_free(&l->path);
	buf_free(&l->roots.personal);
	buf_free(&l->roots.other);
	buf_free(&l->roots.shared);
	buf_free(&l->shown_roots);
}

/*
 * "An empty mailbox name argument is a special request to return the hierarchy
 * delimiter and the root name of the name given in the reference."
 */
enum err
run_list(struct session *s, struct command *c)
{
	const struct list_req *r = c->req;
	struct listing l;
	start(&l, s, "LIST");
	enum err e = join(&l, r, c->arena);
	if (e == OK && r->pattern.n == 0)
		put_line(&l, STR(""), true, "");
	else if (e == OK)
		e = walk(&l);
	finish(&l);
	return e;
}

enum err
run_lsub(struct session *s, struct command *c)
{
	const struct list_req *r = c->req;
	struct listing l;
	start(&l, s, "LSUB");
	l.subscribed = true;
	enum err e = join(&l, r, c->arena);
	if (e == OK)
		e = subs_walk(s->store, str_c(s->user->id.userid), STR(""),
		    each_subscription, &l);
	finish(&l);
	return e;
}
