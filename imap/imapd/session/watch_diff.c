/*
 * watch_diff.c - what has happened to the names of mailboxes
 *
 * Names that are in both lists for one mailbox have stayed.  Of the rest, those
 * with one id are renamed, and what is below a renamed mailbox and has gone with
 * it is not told.  One that has gone to where the list does not reach is looked up by
 * its id.  A name that another mailbox has by now has been deleted and made anew:
 * told once.
 */
#include "imap/imapd/session/watch_diff.h"

#include "imap/imapd/session/filter.h"
#include "imap/imapd/session/watch_tell.h"
#include "imap/store/list/mbname.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

struct moved {
	struct watched *was;
	struct watched *is;		/* NULL: beyond the list */
	struct str to;
};

struct diff {
	struct session *s;
	struct arena *arena;
	const struct scope *scope;
	struct watched_list *is;
	struct watched **gone, **come;	/* in order; NULL: explained otherwise */
	size_t gone_n, come_n;
	struct moved *moved;
	size_t moved_n;
	struct str *parent;		/* internal, of what was made or deleted */
	size_t parents;
	struct watched **lost;		/* to be remembered */
	size_t lost_n;
};

static const struct str no_name = { NULL, 0 };

static unsigned
access_flag(const struct watched *w)
{
	return w->may_read ? 0 : TELL_NO_ACCESS;
}

/* --- names that have stayed --- */

/* One line, whatever there is to say of it. */
static void
compare_one(struct diff *d, struct watched *was, struct watched *is)
{
	unsigned events = was->events | is->events;
	bool access = is->may_read != was->may_read || was->lost;
	bool subscribed = is->subscribed != was->subscribed
	    && (events & EVENT_SUBSCRIPTION_CHANGE);

	watched_carry(is, was);
	if (is->may_read && (was->lost || !was->may_read))
		is->dirty = true;
	/* Messages that were of no interest before. */
	if ((is->events & EVENTS_OF_MESSAGES) && !(was->events & EVENTS_OF_MESSAGES))
		is->fresh = is->dirty = true;
	if ((access && events != 0) || subscribed)
		watch_tell_name(d->s, d->arena, is->name, access_flag(is), no_name);
}

static void
split(struct diff *d, struct watched_list *was, struct watched_list *is)
{
	size_t i = 0, k = 0;

	while (i < was->n || k < is->n) {
		struct watched *w = i < was->n ? &was->v[i] : NULL;
		struct watched *n = k < is->n ? &is->v[k] : NULL;
		int c = w == NULL ? 1 : n == NULL ? -1 : filter_name_cmp(&w->name, &n->name);

		if (c == 0 && id128_eq(&w->id, &n->id)) {
			compare_one(d, w, n);
		} else {
			/* Another mailbox of a name: its UIDVALIDITY is news (5.1). */
			if (c == 0) {
				n->known = w->known;
				n->fresh = w->fresh;
			}
			if (c <= 0)
				d->gone[d->gone_n++] = w;
			if (c >= 0)
				d->come[d->come_n++] = n;
		}
		i += c <= 0;
		k += c >= 0;
	}
}

/* --- renames --- */

/* Has it gone with a mailbox above it? */
static bool
is_carried_along(const struct diff *d, struct str from, struct str to)
{
	for (size_t i = 0; i < d->moved_n; i++) {
		struct str a = d->moved[i].was->name, b = d->moved[i].to;

		if (from.n > a.n && mbname_is_in(from, a) && mbname_is_in(to, b)
		    && str_eq(str_slice(from, a.n, from.n), str_slice(to, b.n, to.n)))
			return true;
	}
	return false;
}

static void
note_move(struct diff *d, struct watched *was, struct watched *is, struct str to)
{
	unsigned events = was->events | (is != NULL ? is->events : 0);

	if (is != NULL) {
		watched_carry(is, was);
		is->dirty = true;
	}
	if (is_carried_along(d, was->name, to))
		return;
	d->moved[d->moved_n++] = (struct moved){ was, is, to };
	if (events & EVENT_MAILBOX_NAME)
		watch_tell_name(d->s, d->arena, to, is != NULL ? access_flag(is) : 0, was->name);
}

static bool
is_deleted_name(const struct diff *d, struct str name)
{
	return mbname_is_in(name, str_c(store_params_of(d->s->store)->deleted_prefix));
}

/* Is *AT one of COME?  Then it is explained. */
static void
explain(struct diff *d, const struct watched *at)
{
	for (size_t i = 0; i < d->come_n; i++)
		if (d->come[i] == at)
			d->come[i] = NULL;
}

static void
find_moves_within(struct diff *d)
{
	for (size_t i = 0; i < d->gone_n; i++) {
		struct watched *was = d->gone[i], *is = watched_find_id(d->is, &was->id);

		if (is == NULL || was->lost
		    || (is_deleted_name(d, is->name) && !is_deleted_name(d, was->name)))
			continue;
		explain(d, is);
		d->gone[i] = NULL;
		note_move(d, was, is, is->name);
	}
}

/* --- what is gone from the list --- */

static void
note_parent(struct diff *d, struct str name)
{
	struct buf external = BUF_INIT, internal = BUF_INIT;
	struct name_style style = d->s->names;
	char *sep;

	style.tagged = true;		/* so that the levels are what is between separators */
	name_to_external(&style, name, &external);
	sep = strrchr(external.p, style.sep);
	if (sep != NULL && sep != external.p) {
		buf_truncate(&external, (size_t)(sep - external.p));
		if (name_to_internal(&style, buf_str(&external), &internal) == OK) {
			char *copy = arena_copy(d->arena, internal.p, internal.n);

			if (copy != NULL)
				d->parent[d->parents++] = (struct str){ copy, internal.n };
		}
	}
	buf_free(&external);
	buf_free(&internal);
}

static void
note_deletion(struct diff *d, const struct watched *was)
{
	/* Whoever has the name now is told of as new. */
	if (was->lost || !(was->events & EVENT_MAILBOX_NAME)
	    || watched_find(d->is, was->name) != NULL)
		return;
	watch_tell_name(d->s, d->arena, was->name, TELL_GONE, no_name);
	note_parent(d, was->name);
}

/* Section 5.9, and for MailboxName it is a deletion, section 5.4. */
static void
note_loss(struct diff *d, struct watched *was)
{
	if (was->events != 0 && !was->lost) {
		watch_tell_name(d->s, d->arena, was->name, TELL_GONE | TELL_NO_ACCESS, no_name);
		if (was->events & EVENT_MAILBOX_NAME)
			note_parent(d, was->name);
	}
	was->lost = true;
	was->may_read = false;
	d->lost[d->lost_n++] = was;
}

/* Unsubscribed, it is not asked for any more. */
static void
note_departure(struct diff *d, const struct watched *was)
{
	if (was->subscribed && (was->events & EVENT_SUBSCRIPTION_CHANGE))
		watch_tell_name(d->s, d->arena, was->name, access_flag(was), no_name);
}

static void
explain_gone(struct diff *d, struct watched *was)
{
	struct mbentry *e;
	bool may_know;

	if (mblist_lookup_id(d->s->store, d->arena, &was->id, &e) != OK) {
		note_deletion(d, was);
		return;
	}
	may_know = user_rights(d->s->user, e) & ACL_LOOKUP;
	if (str_eq(str_c(e->name), was->name)) {
		if (may_know)
			note_departure(d, was);
		else
			note_loss(d, was);
	} else if (may_know && !was->lost && !is_deleted_name(d, str_c(e->name))) {
		note_move(d, was, NULL, str_c(e->name));
	} else {
		note_deletion(d, was);
	}
}

/* --- what is new in it --- */

static void
note_arrival(struct diff *d, struct watched *is)
{
	unsigned news = EVENT_MAILBOX_NAME
	    | (is->subscribed ? EVENT_SUBSCRIPTION_CHANGE : 0);

	is->dirty = true;
	if (!(is->events & news))
		return;
	watch_tell_name(d->s, d->arena, is->name, access_flag(is), no_name);
	if (is->events & EVENT_MAILBOX_NAME)
		note_parent(d, is->name);
}

static bool
is_told(struct watched *const *w, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (w[i] != NULL && str_eq(w[i]->name, name))
			return true;
	return false;
}

/* "the mailbox itself and its direct parent (whether it is an existing mailbox or not)" */
static void
tell_parents(struct diff *d)
{
	if (d->parents > 0)
		qsort(d->parent, d->parents, sizeof(*d->parent), filter_name_cmp);
	for (size_t i = 0; i < d->parents; i++) {
		struct str name = d->parent[i];
		const struct watched *w = watched_find(d->is, name);
		unsigned facts = w != NULL ? w->facts : 0;

		if (i > 0 && str_eq(name, d->parent[i - 1]))
			continue;
		if ((scope_events(d->s, d->scope, name, facts) & EVENT_MAILBOX_NAME)
		    && !is_told(d->come, d->come_n, name)
		    && !is_told(d->gone, d->gone_n, name))
			watch_tell_name(d->s, d->arena, name,
			    w != NULL ? access_flag(w) : 0, no_name);
	}
}

void
watch_diff(struct session *s, struct arena *arena, const struct scope *scope,
    struct watched_list *was, struct watched_list *is)
{
	struct diff d = { .s = s, .arena = arena, .scope = scope, .is = is };

	d.gone = mem_zero(was->n + 1, sizeof(*d.gone));
	d.come = mem_zero(is->n + 1, sizeof(*d.come));
	d.moved = mem_zero(was->n + 1, sizeof(*d.moved));
	d.lost = mem_zero(was->n + 1, sizeof(*d.lost));
	d.parent = mem_zero(was->n + is->n + 1, sizeof(*d.parent));
	split(&d, was, is);
	find_moves_within(&d);
	for (size_t i = 0; i < d.gone_n; i++)
		if (d.gone[i] != NULL)
			explain_gone(&d, d.gone[i]);
	for (size_t i = 0; i < d.come_n; i++)
		if (d.come[i] != NULL)
			note_arrival(&d, d.come[i]);
	tell_parents(&d);
	for (size_t i = 0; i < d.lost_n; i++)
		if (is->n < watched_max(s) && !watched_add(is, d.lost[i]))
			log_debug("NOTIFY: that %.*s is lost is forgotten", STR_ARG(d.lost[i]->name));
	if (d.lost_n > 0)
		watched_sort(is);
	free(d.gone);
	free(d.come);
	free(d.moved);
	free(d.lost);
	free(d.parent);
}
