/* annotwatch.c - which annotations of messages others have changed */
#include "imap/store/mbox/annotwatch.h"

bool
mbox_sees_annot(const struct mbox *m, const struct annot *one)
{
	return one->owner.n == 0 || str_eq(one->owner, str_c(m->userid));
}

static bool
is_watched(const struct mbox *m, const struct annot *one)
{
	return one->uid != 0 && mbox_sees_annot(m, one);
}

/* The session knows of these. */
static void
take(struct mbox *m, const struct annots *now)
{
	annots_free(&m->watched);
	for (size_t i = 0; i < now->n; i++)
		if (is_watched(m, &now->v[i]))
			annots_put(&m->watched, &now->v[i]);
}

enum err
mbox_watch_annots(struct mbox *m)
{
	const struct annots *now;
	enum err e;

	/* What is not told yet will be. */
	if (m->watches)
		return OK;
	e = mbox_annots(m, &now);
	if (e == OK)
		take(m, now);
	m->watches = e == OK;
	m->watched_changed = m->h.annotations_changed;
	return e;
}

/* A walk through what there was and what there is, in the order of both. */
struct comparison {
	struct mbox *m;
	const struct annots *was, *is;
	size_t i, k;
};

/* The next that is not the same in both; NULL: no more. */
static const struct annot *
next_change(struct comparison *c)
{
	const struct annot *was, *is;

	while (c->i < c->was->n || c->k < c->is->n) {
		was = c->i < c->was->n ? &c->was->v[c->i] : NULL;
		is = c->k < c->is->n ? &c->is->v[c->k] : NULL;
		int order = was == NULL ? 1 : is == NULL ? -1 : annot_cmp(was, is);

		c->i += order <= 0;
		c->k += order >= 0;
		if (order < 0)
			return was;
		if (is_watched(c->m, is) && (order > 0 || was->modseq != is->modseq))
			return is;
	}
	return NULL;
}

/* ONE's entry, once for its private and its shared value. */
static enum err
tell(const struct annot *one, struct arena *arena, struct mbox_update *u)
{
	const struct changed_annot *last = u->annot_count > 0 ? &u->annot[u->annot_count - 1] : NULL;
	struct changed_annot a = { one->uid, one->entry };

	if (last != NULL && last->seq == a.seq && str_eq(last->entry, a.entry))
		return OK;
	a.entry.p = arena_copy(arena, one->entry.p, one->entry.n);
	u->annot[u->annot_count++] = a;
	return a.entry.p != NULL ? OK : ERR_LIMIT;
}

enum err
annotwatch_news(struct mbox *m, const struct index_header *h, struct arena *arena,
    struct mbox_update *u)
{
	struct comparison c = { .m = m, .was = &m->watched };
	const struct annot *one;
	size_t n = 0;
	enum err e;

	if (!m->watches || m->watched_changed == h->annotations_changed)
		return OK;
	e = mbox_annots(m, &c.is);
	if (e != OK)
		return e;
	while (next_change(&c) != NULL)
		n++;
	u->annot = arena_alloc(arena, n * sizeof(*u->annot) + 1);
	if (u->annot == NULL)
		return ERR_LIMIT;
	for (c.i = c.k = 0; e == OK && (one = next_change(&c)) != NULL;)
		e = tell(one, arena, u);
	if (e != OK)
		return e;
	take(m, c.is);
	m->watched_changed = h->annotations_changed;
	return OK;
}

void
annotwatch_own(struct mbox *m, const struct annot *change, size_t n)
{
	for (size_t i = 0; m->watches && i < n; i++)
		if (is_watched(m, &change[i]))
			annots_put(&m->watched, &change[i]);
}
