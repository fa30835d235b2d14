/*
 * changes.c - what has changed in a mailbox since a state that a client knows
 *
 * All of it is in the records: a message's has its last modseq, a tombstone's
 * the modseq of the expunge.  Tombstones up to the header's reclaimed_modseq
 * may have been dropped; whoever asks for what was before that hears of every
 * UID that is not there.
 *
 * The view's messages are looked at as they are now, which may be newer than
 * the view: what is told too early is told once more by the next refresh.
 * Which messages are in the view, though, nobody else can change.
 */
#include "imap/store/changes.h"

#include "imap/store/mbox_in.h"

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

/* Tombstones that the view is past; in the order of the records, and so of UIDs. */
static void
add_tombstones(struct mbox *m, uint64_t since, struct uidset *gone)
{
	uint32_t seq = 1;

	for (uint32_t i = 0; i < m->known; i++) {
		const struct index_record *r = index_peek(m->ix, i);

		while (seq <= m->count && view_peek(m, seq)->uid < r->uid)
			seq++;
		if (seq <= m->count && view_peek(m, seq)->uid == r->uid)
			continue;
		if (r->modseq > since && r->flags & REC_EXPUNGED)
			uidset_add(gone, r->uid, r->uid);
	}
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

enum err
mbox_changes_since(struct mbox *m, struct arena *arena, uint64_t since,
    const struct uidset *within, struct mbox_changes *c)
{
	struct uidrange every = { 1, UINT32_MAX };
	const struct uidset all = { &every, 1, 1 };
	struct uidset gone = UIDSET_INIT;
	enum err e;

	*c = (struct mbox_changes){ .exact = since >= m->ix->h->reclaimed_modseq };
	e = find_changed(m, arena, since, c);
	if (e == OK) {
		if (c->exact)
			add_tombstones(m, since, &gone);
		else
			add_gaps(m, &gone);
		e = common(arena, &gone, within != NULL ? within : &all, c);
	}
	uidset_free(&gone);
	return e;
}
