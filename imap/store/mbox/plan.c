/*
 * plan.c - from intentions to absolute new states
 *
 * Runs under the mailbox's lock, changes nothing but the target's lists, and
 * finds out all that a transaction may not do: quotas, keywords, UIDs that
 * have run out.
 */
#include "imap/store/mbox/plan_in.h"

#include "imap/store/mbox/blob_in.h"
#include "lib/log.h"

#include <string.h>
#include <time.h>

/* --- append --- */

/* Gives R its UID and what every new message has. */
static enum err
place(struct target *tg, struct txn *t, struct index_record *r)
{
	if (tg->last_uid == UINT32_MAX) {
		log_err("mailbox %s: has no UIDs left; move its messages to a new one",
		    tg->ix->name);
		return ERR_LIMIT;
	}
	r->uid = ++tg->last_uid;
	r->modseq = r->create_modseq = target_modseq(tg);
	r->savedate = r->changed = time(NULL);
	tg->usage.bytes += (int64_t)r->size;
	tg->usage.messages++;
	if (t->m->private_seen && (r->flags & MSG_SEEN)) {
		r->flags &= ~(uint32_t)MSG_SEEN;
		return target_set_seen(tg, t->m, r->uid, true);
	}
	return OK;
}

static enum err
plan_append(struct target *tg, struct txn *t, const struct intent *i)
{
	struct blob *b = i->blob;
	struct new_message *n;
	struct index_record r = {
		.flags = i->append.flags & MSG_SYSTEM_FLAGS,
		.internaldate = i->append.has_date ?
		    i->append.internaldate : time(NULL),
		.zone_minutes = (int16_t)i->append.zone_minutes,
		.size = b->size,
		.header_size = b->facts.header_size,
		.blob = b->id,
	};
	enum err e;

	ensure(b->finished);
	if (b->failed != OK)
		return b->failed;
	memcpy(r.guid, b->guid, sizeof(r.guid));
	r.sentdate = b->facts.has_sentdate ? b->facts.sentdate : r.internaldate;
	e = target_keyword_bits(tg, &i->append.keywords, true, r.keywords);
	if (e == OK)
		e = place(tg, t, &r);
	if (e != OK)
		return e;
	for (size_t k = 0; e == OK && k < i->append.annotates; k++)
		e = plan_annotate_new(tg, &i->append.annotate[k], r.uid);
	if (e != OK)
		return e;
	n = target_add_new(tg);
	n->r = r;
	n->blob = b;
	uidvec_add(&t->new_uids, r.uid);
	uidvec_add(&t->source_uids, 0);
	return OK;
}

/* --- copy --- */

static enum err
copy_keywords(struct target *tg, struct mbox *from, struct index_record *r)
{
	uint64_t w[2] = { 0, 0 };
	unsigned number;
	enum err e;

	for (unsigned i = 0; i < MBOX_KEYWORDS; i++) {
		const char *name;

		if (!(r->keywords[i / 64] >> i % 64 & 1))
			continue;
		name = mbox_keyword(from, i);
		if (name == NULL)
			continue;
		e = target_keyword(tg, str_c(name), true, &number);
		if (e != OK)
			return e;
		w[number / 64] |= (uint64_t)1 << number % 64;
	}
	memcpy(r->keywords, w, sizeof(w));
	return OK;
}

static enum err
copy_one(struct target *tg, struct txn *t, struct mbox *from, uint32_t uid)
{
	uint32_t records = from->h.records;
	uint32_t recno = index_find(from->ix, records, uid);
	struct new_message *n;
	struct index_record r;
	enum err e;

	if (recno == records)
		return t->moves ? OK : ERR_NOTFOUND;
	e = index_get(from->ix, recno, &r);
	if (e != OK)
		return e;
	/* Expunged so long ago that it has been left out of the index. */
	if (r.uid != uid)
		return t->moves ? OK : ERR_NOTFOUND;
	/* Whoever moved or expunged it first has it: there is one of it. */
	if (t->moves && (r.flags & REC_EXPUNGED))
		return OK;
	if (r.flags & REC_RECLAIMED)
		return ERR_NOTFOUND;
	if (from->private_seen)
		r.flags = (r.flags & ~(uint32_t)MSG_SEEN) |
		    (uidset_has(&from->seen, uid) ? MSG_SEEN : 0);
	r.flags &= MSG_SYSTEM_FLAGS & ~t->dropped;
	if (t->drops_keywords)
		memset(r.keywords, 0, sizeof(r.keywords));
	e = copy_keywords(tg, from, &r);
	if (e == OK)
		e = place(tg, t, &r);
	if (e == OK)
		e = plan_copy_annots(tg, t, from, uid, r.uid);
	if (e != OK)
		return e;
	n = target_add_new(tg);
	n->r = r;
	n->from = from->ix;
	n->from_part = from->part;
	n->from_uid = uid;
	n->from_recno = recno;
	n->source = SOURCE_COPY;
	uidvec_add(&t->new_uids, r.uid);
	uidvec_add(&t->source_uids, uid);
	return OK;
}

/*
 * No lock of the source is waited for while those of the targets are held: a
 * writer may be inside for as long as a flush takes.  ERR_AGAIN: he is.
 */
static enum err
plan_copy(struct target *tg, struct txn *t, const struct intent *i)
{
	/* The user's \Seen as it is now, as the other flags are. */
	enum err e = mbox_refresh_seen(i->from);

	for (size_t k = 0; e == OK && k < i->n; k++)
		e = copy_one(tg, t, i->from, i->uids[k]);
	return e == ERR_BUSY ? ERR_AGAIN : e;
}

/* --- store --- */

static void
change_flags(struct index_record *r, const struct store_params_flags *p, const uint64_t w[2])
{
	switch (p->op) {
	case STORE_ADD:
		r->flags |= p->flags;
		r->keywords[0] |= w[0];
		r->keywords[1] |= w[1];
		break;
	case STORE_REMOVE:
		r->flags &= ~p->flags;
		r->keywords[0] &= ~w[0];
		r->keywords[1] &= ~w[1];
		break;
	case STORE_SET:
		r->flags = (r->flags & ~p->mask) | (p->flags & p->mask);
		if (!p->keep_keywords)
			memcpy(r->keywords, w, sizeof(r->keywords));
		break;
	}
}

static bool
changes_private_seen(const struct store_params_flags *p)
{
	return p->op == STORE_SET ? (p->mask & MSG_SEEN) != 0 : (p->flags & MSG_SEEN) != 0;
}

/* Something else may have changed; not what the operation is about. */
static bool
is_as_known(struct target *tg, struct txn *t, const struct store_params_flags *p,
    const uint64_t w[2], const struct index_record *r, const struct store_known *known)
{
	uint32_t flags = r->flags;

	if (p->op == STORE_SET || known == NULL || !known->is)
		return false;
	if (t->m->private_seen && (p->flags & MSG_SEEN)) {
		if (target_open_seen(tg, t->m) != OK)
			return false;
		flags &= ~(uint32_t)MSG_SEEN;
		flags |= uidset_has(&tg->seen, r->uid) ? MSG_SEEN : 0;
	}
	return ((flags ^ known->flags) & p->flags) == 0 &&
	    ((r->keywords[0] ^ known->keywords.w[0]) & w[0]) == 0 &&
	    ((r->keywords[1] ^ known->keywords.w[1]) & w[1]) == 0;
}

static enum err
store_one(struct target *tg, struct txn *t, const struct store_params_flags *p,
    const uint64_t w[2], uint32_t uid, const struct store_known *known)
{
	struct store_params_flags shared = *p;
	struct index_record r, was;
	bool seen_before, seen_now;
	enum err e = target_current(tg, uid, &r);

	if (e == ERR_NOTFOUND)
		return OK;
	if (e != OK)
		return e;
	if (p->has_unchangedsince && r.modseq > p->unchangedsince &&
	    !is_as_known(tg, t, p, w, &r, known)) {
		uidvec_add(&t->modified, uid);
		return OK;
	}
	was = r;
	seen_before = seen_now = false;
	if (t->m->private_seen && changes_private_seen(p)) {
		e = target_open_seen(tg, t->m);
		if (e != OK)
			return e;
		seen_before = uidset_has(&tg->seen, uid);
		seen_now = p->op == STORE_REMOVE ? false : (p->flags & MSG_SEEN) != 0;
		e = target_set_seen(tg, t->m, uid, seen_now);
		if (e != OK)
			return e;
	}
	if (t->m->private_seen) {
		shared.flags &= ~(uint32_t)MSG_SEEN;
		shared.mask &= ~(uint32_t)MSG_SEEN;
	}
	change_flags(&r, &shared, w);
	if (r.flags == was.flags && seen_before == seen_now &&
	    memcmp(r.keywords, was.keywords, sizeof(r.keywords)) == 0)
		return OK;
	target_note_foreign(t->m, &was);
	r.modseq = target_modseq(tg);
	r.changed = time(NULL);
	target_put_changed(tg, &r);
	return OK;
}

static enum err
plan_store(struct target *tg, struct txn *t, const struct intent *i)
{
	uint64_t w[2];
	enum err e = target_keyword_bits(tg, &i->store.keywords, i->store.op != STORE_REMOVE, w);

	for (size_t k = 0; e == OK && k < i->n; k++)
		e = store_one(tg, t, &i->store, w, i->uids[k],
		    i->store.known != NULL ? &i->store.known[k] : NULL);
	return e;
}

/* --- expunge --- */

static enum err
expunge_one(struct target *tg, struct txn *t, uint32_t uid, bool any)
{
	struct index_record r;
	enum err e = target_current(tg, uid, &r);

	if (e == ERR_NOTFOUND && t->must_exist)
		return e;
	if (e == ERR_NOTFOUND || (e == OK && !any && !(r.flags & MSG_DELETED)))
		return OK;
	if (e != OK)
		return e;
	e = plan_release_annots(tg, uid);
	if (e != OK)
		return e;
	r.flags |= REC_EXPUNGED;
	r.modseq = target_modseq(tg);
	r.changed = time(NULL);
	target_put_changed(tg, &r);
	tg->usage.bytes -= (int64_t)r.size;
	tg->usage.messages--;
	tg->expunges = true;
	uidvec_add(&t->expunged, uid);
	return OK;
}

static enum err
plan_expunge(struct target *tg, struct txn *t, const struct intent *i)
{
	enum err e = OK;

	if (i->uids != NULL) {
		for (size_t k = 0; e == OK && k < i->n; k++)
			e = expunge_one(tg, t, i->uids[k], i->any);
		return e;
	}
	for (uint32_t seq = 1; e == OK && seq <= t->m->count; seq++) {
		const struct index_record *r = view_peek(t->m, seq);

		if (r->flags & MSG_DELETED)
			e = expunge_one(tg, t, r->uid, i->any);
	}
	return e;
}

/* --- all of it --- */

static enum err
plan_intent(struct target *tg, struct txn *t, const struct intent *i)
{
	switch (i->type) {
	case INTENT_APPEND:
		return plan_append(tg, t, i);
	case INTENT_COPY:
		return plan_copy(tg, t, i);
	case INTENT_STORE:
		return plan_store(tg, t, i);
	case INTENT_EXPUNGE:
		return plan_expunge(tg, t, i);
	case INTENT_ANNOTATE:
		return plan_annotate(tg, t, i);
	}
	return ERR_UNSUPPORTED;
}

/* A move within one quota root needs no room. */
static bool
stays_in_root(const struct target *tg, const struct txn *t)
{
	const char *root = tg->m->entry->quotaroot, *other;

	for (const struct intent *i = t->first; i != NULL; i = i->next) {
		if (i->type == INTENT_ANNOTATE)
			continue;
		if (i->type != INTENT_COPY)
			return false;
		other = i->from->entry->quotaroot;
		if (other == NULL || strcmp(root, other) != 0)
			return false;
	}
	return true;
}

static enum err
check_quota(struct target *tg, const struct txn *t, const struct quota_change *was, bool move)
{
	const char *root = tg->m->entry->quotaroot;
	struct quota_change c = {
		.bytes = tg->usage.bytes - was->bytes,
		.messages = tg->usage.messages - was->messages,
		.annotation = tg->usage.annotation - was->annotation,
	};

	if (root == NULL || t->ignore_quota || (c.messages <= 0 && c.bytes <= 0 &&
	    c.annotation <= 0) || (move && stays_in_root(tg, t)))
		return OK;
	return quota_check(tg->s, str_c(root), &c, t->may_overshoot);
}

enum err
plan_txn(struct target *tg, struct txn *t, bool move)
{
	struct target was = *tg;
	enum err e = t->err;

	t->moves = move;
	if (e == OK && t->guard.skip != NULL && t->guard.skip(t->guard.ctx)) {
		t->skipped = true;
		return OK;
	}
	for (struct intent *i = t->first; e == OK && i != NULL; i = i->next)
		e = plan_intent(tg, t, i);
	if (e == OK)
		e = check_quota(tg, t, &was.usage, move);
	if (e == OK) {
		if (tg->keywords_changed)
			target_modseq(tg);
		return OK;
	}
	/*
	 * The lists only grew, unless something else had changed the same: then
	 * all that is to be done to the mailbox is given up (plan_all()).
	 */
	tg->new_n = was.new_n;
	if (was.changed_n == 0)
		tg->changed_n = 0;
	tg->last_uid = was.last_uid;
	tg->usage = was.usage;
	if (tg->annot_changes > 0 && was.annot_changes == 0) {
		annots_free(&tg->annots);
		tg->annots_read = false;
		tg->annot_changes = 0;
	}
	if (tg->seen_changed && !was.seen_changed) {
		tg->seen_of = NULL;
		tg->seen_changed = false;
	}
	tg->expunges = was.expunges;
	tg->modseq = was.modseq;
	return e;
}
