/* plan_annot.c - annotations from intentions to absolute new states */
#include "imap/store/mbox/plan_in.h"

#include "imap/store/upkeep/annotated.h"
#include "lib/mem.h"

#include <time.h>

static enum err
open_annots(struct target *tg)
{
	enum err e = OK;

	if (!tg->annots_read)
		e = annotated_read(tg->ix, &tg->annots);
	tg->annots_read = e == OK;
	return e;
}

static bool
is_same(const struct annot *was, struct str value)
{
	return was == NULL ? value.p == NULL : value.p != NULL && str_eq(was->value, value);
}

/* Its texts live as long as the transaction. */
static enum err
change_annot(struct target *tg, const struct annot *c)
{
	const struct annot *was;
	enum err e = open_annots(tg);

	if (e != OK)
		return e;
	was = annots_find(&tg->annots, c->uid, c->entry, c->owner);
	if (is_same(was, c->value))
		return OK;
	if (was != NULL)
		tg->usage.annotation -= (int64_t)annot_size(was);
	if (c->value.p != NULL)
		tg->usage.annotation += (int64_t)annot_size(c);
	annots_put(&tg->annots, c);
	if (tg->annot_changes == tg->annot_size) {
		tg->annot_size = tg->annot_size == 0 ? 8 : tg->annot_size * 2;
		tg->annot_change = mem_grow(tg->annot_change,
		    tg->annot_size * sizeof(*tg->annot_change));
	}
	tg->annot_change[tg->annot_changes++] = *c;
	return OK;
}

enum err
plan_annotate_new(struct target *tg, const struct annotate_params *p, uint32_t uid)
{
	struct annot c = { .uid = uid, .modseq = target_modseq(tg), .owner = p->owner,
	    .entry = p->entry, .value = p->value };

	return change_annot(tg, &c);
}

/* Of those of UID that OWNER has, or that are shared. */
static size_t
count_annots(const struct target *tg, uint32_t uid, struct str owner)
{
	const struct annots *a = &tg->annots;
	size_t n = 0;

	for (size_t i = annots_first(a, uid); i < a->n && a->v[i].uid == uid; i++)
		n += str_eq(a->v[i].owner, owner);
	return n;
}

/* All of L for one UID, 0: the mailbox.  What is as it is to be is left alone. */
static enum err
annotate_all(struct target *tg, const struct annotate_list *l, uint32_t uid)
{
	enum err e = open_annots(tg);

	for (size_t i = 0; e == OK && i < l->n; i++) {
		const struct annotate_params *p = &l->one[i];
		const struct annot *was = annots_find(&tg->annots, uid, p->entry, p->owner);
		bool is_new = was == NULL && p->value.p != NULL;

		if (is_same(was, p->value))
			continue;
		e = plan_annotate_new(tg, p, uid);
		if (e == OK && is_new && p->max > 0 &&
		    count_annots(tg, uid, p->owner) > p->max)
			e = ERR_LIMIT;
	}
	return e;
}

static bool
is_copied(const struct txn *t, const struct annot *one)
{
	if (one->owner.n == 0)
		return t->copied & COPY_SHARED;
	return t->copied & (str_eq(one->owner, str_c(t->m->userid)) ? COPY_OWN : COPY_OTHERS);
}

/*
 * RFC 5257 4.6: "copy all '.priv' annotation data for the current user only,
 * and all '.shared' annotation data".
 */
enum err
plan_copy_annots(struct target *tg, struct txn *t, struct mbox *from, uint32_t uid,
    uint32_t new_uid)
{
	const struct annots *a;
	enum err e = mbox_annots_now(from, &a);

	for (size_t i = e == OK ? annots_first(a, uid) : 0;
	    e == OK && i < a->n && a->v[i].uid == uid; i++) {
		struct annot c = a->v[i];

		if (!is_copied(t, &c))
			continue;
		c.uid = new_uid;
		c.modseq = target_modseq(tg);
		c.owner.p = arena_copy(t->arena, c.owner.p, c.owner.n);
		c.entry.p = arena_copy(t->arena, c.entry.p, c.entry.n);
		c.value.p = arena_copy(t->arena, c.value.p, c.value.n);
		e = c.owner.p != NULL && c.entry.p != NULL && c.value.p != NULL ?
		    change_annot(tg, &c) : ERR_LIMIT;
	}
	return e;
}

static enum err
annotate_one(struct target *tg, struct txn *t, const struct annotate_list *l, uint32_t uid)
{
	size_t before = tg->annot_changes;
	struct index_record r;
	enum err e = target_current(tg, uid, &r);

	if (e != OK)
		return e == ERR_NOTFOUND ? OK : e;
	if (l->has_unchangedsince && r.modseq > l->unchangedsince) {
		uidvec_add(&t->modified, uid);
		return OK;
	}
	e = annotate_all(tg, l, uid);
	if (e != OK || tg->annot_changes == before)
		return e;
	target_note_foreign(t->m, &r);
	r.modseq = target_modseq(tg);
	r.changed = time(NULL);
	target_put_changed(tg, &r);
	return OK;
}

enum err
plan_annotate(struct target *tg, struct txn *t, const struct intent *i)
{
	enum err e = OK;

	if (i->uids == NULL)
		return annotate_all(tg, &i->annotate, 0);
	for (size_t k = 0; e == OK && k < i->n; k++)
		e = annotate_one(tg, t, &i->annotate, i->uids[k]);
	return e;
}

enum err
plan_release_annots(struct target *tg, uint32_t uid)
{
	enum err e;

	if (tg->ix->h->annotation == 0 && tg->annot_changes == 0)
		return OK;
	e = open_annots(tg);
	if (e == OK)
		tg->usage.annotation -= (int64_t)annotated_usage_of(&tg->annots, uid);
	return e;
}
