/*
 * changes.c - what has changed in a mailbox since a state that a client knows
 *
 * Two places know it.  cyrus.history has it in the order of modseqs, so that
 * an answer costs by what has changed; expunged UIDs for ever, other changes
 * for some thousands of commits.  The index has each message's last modseq, and
 * tombstones with that of the expunge, but those up to reclaimed_modseq may have
 * been dropped.  What the history does not know is looked for in the index; if
 * that cannot know it either, all UIDs that are not there count as expunged.
 *
 * Sets of UIDs are filled in rising order here, which costs a few steps a range
 * however scattered they are: the history's answer is sorted, and so are records.
 * But for tombstones that a history which is behind does not know yet.
 *
 * Order: a copy of the index's header first, then the history, which is
 * written before the header is (imap/disk/history.c).
 *
 * The view's messages are looked at as they are now, which may be newer than
 * the view: what is told too early is told once more by the next refresh.
 * Which messages are in the view, though, nobody else can change.
 */
#include "imap/store/mbox/changes.h"

#include "imap/disk/history.h"
#include "imap/store/mbox/mbox_in.h"

/* Where to look. */
struct sources {
	struct history_answer history;
	bool changed;			/* the history knows of all changes */
	bool expunged;			/*   and expunges, */
	bool tombstones;		/* tombstones (too) are needed */
};

static enum err
look_up(struct mbox *m, uint64_t since, struct sources *s)
{
	const struct history_answer *a = &s->history;
	struct index_header h;
	enum err e = mbox_snapshot(m, &h);
	bool found;

	if (e != OK)
		return e;
	e = history_since(m->ix->dirfd, &h, since, &s->history);
	if (e != OK && e != ERR_NOTFOUND)
		return e;
	found = e == OK;
	s->changed = found && since >= a->changed_from && a->upto >= h.highestmodseq;
	s->expunged = found && since >= a->from &&
	    (a->upto >= h.highestmodseq || a->upto >= h.reclaimed_modseq);
	s->tombstones = s->expunged ? a->upto < h.highestmodseq : since >= h.reclaimed_modseq;
	return OK;
}

/* --- changed --- */

static enum err
take_changed(struct mbox *m, struct arena *arena, const struct uidset *uids,
    struct mbox_changes *c)
{
	uint32_t n = 0;

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < uids->n; i++) {
			uint32_t seq = mbox_seq_from_uid(m, uids->r[i].first);

			for (; seq <= m->count && mbox_uid(m, seq) <= uids->r[i].last; seq++) {
				if (round == 0)
					n++;
				else if (!(view_peek(m, seq)->flags & REC_EXPUNGED))
					c->changed[c->changed_count++] = seq;
			}
		}
		if (n == 0)
			break;
		if (round == 0)
			c->changed = arena_alloc(arena, n * sizeof(*c->changed));
		if (c->changed == NULL)
			return ERR_LIMIT;
	}
	return OK;
}

static enum err
find_changed(struct mbox *m, struct arena *arena, uint64_t since, struct mbox_changes *c)
{
	uint32_t n = 0;

	for (uint32_t seq = 1; seq <= m->count; seq++)
		n += view_peek(m, seq)->modseq > since;
	if (n == 0)
		return OK;
	c->changed = arena_alloc(arena, n * sizeof(*c->changed));
	if (c->changed == NULL)
		return ERR_LIMIT;
	for (uint32_t seq = 1; seq <= m->count && c->changed_count < n; seq++) {
		const struct index_record *r = view_peek(m, seq);

		if (r->modseq > since && !(r->flags & REC_EXPUNGED))
			c->changed[c->changed_count++] = seq;
	}
	return OK;
}

/* --- expunged --- */

/* But for those that the view still has, or does not know yet. */
static void
add_absent(struct mbox *m, struct uidrange r, struct uidset *gone)
{
	uint32_t seq = mbox_seq_from_uid(m, r.first), last;

	if (r.last > m->last_uid)
		r.last = m->last_uid;
	for (; r.first <= r.last && r.first != 0; r.first = last + 1, seq++) {
		last = seq <= m->count ? mbox_uid(m, seq) : 0;
		if (last == 0 || last > r.last) {
			uidset_add(gone, r.first, r.last);
			return;
		}
		if (last > r.first)
			uidset_add(gone, r.first, last - 1);
	}
}

/* False: a damaged record may be another one. */
static bool
add_tombstones(struct mbox *m, uint64_t since, struct uidset *gone)
{
	struct index_record r;

	for (uint32_t i = 0; i < m->known; i++) {
		if (mbox_record(m, i, &r) != OK)
			return false;
		if (r.modseq > since && r.flags & REC_EXPUNGED)
			add_absent(m, (struct uidrange){ r.uid, r.uid }, gone);
	}
	return true;
}

/* All UIDs that were given and are not in the view. */
static void
add_gaps(struct mbox *m, struct uidset *gone)
{
	uint32_t next = 1;

	for (uint32_t seq = 1; seq <= m->count; seq++) {
		uint32_t uid = view_peek(m, seq)->uid;

		if (uid > next)
			uidset_add(gone, next, uid - 1);
		next = uid + 1;
	}
	if (next != 0 && next <= m->last_uid)
		uidset_add(gone, next, m->last_uid);
}

/* What A and B have in common, in the arena. */
static enum err
common(struct arena *arena, const struct uidset *a, const struct uidset *b,
    struct mbox_changes *c)
{
	size_t i = 0, k = 0;

	c->expunged = arena_alloc(arena, (a->n + b->n + 1) * sizeof(*c->expunged));
	if (c->expunged == NULL)
		return ERR_LIMIT;
	while (i < a->n && k < b->n) {
		const struct uidrange *x = &a->r[i], *y = &b->r[k];
		struct uidrange both = {
			x->first > y->first ? x->first : y->first,
			x->last < y->last ? x->last : y->last,
		};

		if (both.first <= both.last)
			c->expunged[c->expunged_count++] = both;
		if (x->last < y->last)
			i++;
		else
			k++;
	}
	return OK;
}

/* False: all UIDs that are not there. */
static bool
find_expunged(struct mbox *m, const struct sources *s, uint64_t since, struct uidset *gone)
{
	const struct uidset *known = &s->history.expunged;

	for (size_t i = 0; s->expunged && i < known->n; i++)
		add_absent(m, known->r[i], gone);
	if ((s->expunged || s->tombstones) &&
	    (!s->tombstones || add_tombstones(m, since, gone)))
		return true;
	gone->n = 0;
	add_gaps(m, gone);
	return false;
}

enum err
mbox_changes_since(struct mbox *m, struct arena *arena, uint64_t since,
    const struct uidset *within, struct mbox_changes *c)
{
	struct uidrange every = { 1, UINT32_MAX };
	const struct uidset all = { &every, 1, 1 };
	struct uidset gone = UIDSET_INIT;
	struct sources s = { .tombstones = false };
	enum err e = look_up(m, since, &s);

	*c = (struct mbox_changes){ .exact = false };
	if (e == OK)
		e = s.changed ? take_changed(m, arena, &s.history.changed, c) :
		    find_changed(m, arena, since, c);
	if (e == OK) {
		c->exact = find_expunged(m, &s, since, &gone);
		e = common(arena, &gone, within != NULL ? within : &all, c);
	}
	uidset_free(&gone);
	history_answer_free(&s.history);
	return e;
}
