/*
 * plan.c - from intentions to absolute new states
 *
 * Runs under the mailbox's lock, changes nothing but the target's lists, and
 * finds out all that a transaction may not do: quotas, keywords, UIDs that
 * have run out.
 */
#include "imap/store/mbox/txn_in.h"

#include "imap/store/list/quota.h"
#include "imap/store/mbox/blob_in.h"
#include "imap/store/upkeep/annotated.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TARGET_ARENA = 512 * 1024 };

/* --- lists --- */

static void
uidvec_add(struct uidvec *u, uint32_t uid)
{
	if (u->n == u->size) {
		u->size = u->size == 0 ? 16 : u->size * 2;
		u->v = mem_grow(u->v, u->size * sizeof(*u->v));
	}
	u->v[u->n++] = uid;
}

static struct new_message *
add_new(struct target *tg)
{
	if (tg->new_n == tg->new_size) {
		tg->new_size = tg->new_size == 0 ? 8 : tg->new_size * 2;
		tg->new = mem_grow(tg->new, tg->new_size * sizeof(*tg->new));
	}
	tg->new[tg->new_n] = (struct new_message){ .source = SOURCE_INLINE };
	return &tg->new[tg->new_n++];
}

/* Where the changed record of UID is, or would be. */
static size_t
find_changed(const struct target *tg, uint32_t uid)
{
	size_t lo = 0, hi = tg->changed_n;

	if (hi > 0 && tg->changed[hi - 1].uid < uid)
		return hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (tg->changed[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
put_changed(struct target *tg, const struct index_record *r)
{
	size_t at = find_changed(tg, r->uid);

	if (at < tg->changed_n && tg->changed[at].uid == r->uid) {
		tg->changed[at] = *r;
		return;
	}
	if (tg->changed_n == tg->changed_size) {
		tg->changed_size = tg->changed_size == 0 ? 16 : tg->changed_size * 2;
		tg->changed = mem_grow(tg->changed, tg->changed_size * sizeof(*tg->changed));
	}
	memmove(&tg->changed[at + 1], &tg->changed[at],
	    (tg->changed_n - at) * sizeof(*tg->changed));
	tg->changed[at] = *r;
	tg->changed_n++;
}

/* The record of UID as it is after what TG holds; ERR_NOTFOUND: gone. */
static enum err
current(struct target *tg, uint32_t uid, struct index_record *r)
{
	size_t at = find_changed(tg, uid);
	uint32_t recno;
	enum err e;

	if (at < tg->changed_n && tg->changed[at].uid == uid) {
		*r = tg->changed[at];
	} else {
		recno = index_find(tg->ix, tg->ix->h->records, uid);
		if (recno == tg->ix->h->records || index_peek(tg->ix, recno)->uid != uid)
			return ERR_NOTFOUND;
		e = index_get(tg->ix, recno, r);
		if (e != OK)
			return e;
	}
	return r->flags & REC_EXPUNGED ? ERR_NOTFOUND : OK;
}

static uint64_t
new_modseq(struct target *tg)
{
	if (tg->modseq == 0)
		tg->modseq = tg->ix->h->highestmodseq + 1;
	return tg->modseq;
}

/* --- keywords --- */

static enum err
load_header(struct target *tg)
{
	enum err e;

	if (tg->header_read)
		return OK;
	if (tg->arena == NULL)
		tg->arena = arena_new(TARGET_ARENA);
	e = header_read(tg->ix->dirfd, tg->arena, &tg->header);
	tg->header_read = e == OK;
	return e;
}

/* The number of the keyword NAME; with CREATE it gets a free one. */
static enum err
keyword_number(struct target *tg, struct str name, bool create, unsigned *number)
{
	unsigned i;
	enum err e = load_header(tg);

	if (e != OK)
		return e;
	for (i = 0; i < MBOX_KEYWORDS; i++) {
		if (tg->header.keyword[i] == NULL)
			break;
		if (str_ieq(str_c(tg->header.keyword[i]), name)) {
			*number = i;
			return OK;
		}
	}
	if (!create)
		return ERR_NOTFOUND;
	if (i == MBOX_KEYWORDS)
		return ERR_LIMIT;
	tg->header.keyword[i] = arena_copy(tg->arena, name.p, name.n);
	if (tg->header.keyword[i] == NULL)
		return ERR_LIMIT;
	tg->keyword_new[i] = true;
	tg->keywords_changed = true;
	*number = i;
	return OK;
}

static enum err
keyword_bits(struct target *tg, const struct flag_names *names, bool create, uint64_t w[2])
{
	unsigned number;

	w[0] = w[1] = 0;
	for (size_t i = 0; i < names->count; i++) {
		enum err e = keyword_number(tg, names->name[i], create, &number);

		if (e == OK)
			w[number / 64] |= (uint64_t)1 << number % 64;
		else if (e != ERR_NOTFOUND)
			return e;
	}
	return OK;
}

/* --- a user's own \Seen --- */

static enum err
open_seen(struct target *tg, struct mbox *m)
{
	enum err e;

	if (tg->seen_of == m)
		return OK;
	/* What another session of his has claimed must not be given again. */
	m->seen_loaded = 0;
	e = mbox_load_seen(m, tg->ix->h);
	if (e == OK) {
		uidset_copy(&tg->seen, &m->seen);
		tg->seen_of = m;
	}
	return e;
}

static enum err
set_private_seen(struct target *tg, struct mbox *m, uint32_t uid, bool seen)
{
	enum err e = open_seen(tg, m);

	if (e != OK || uidset_has(&tg->seen, uid) == seen)
		return e;
	if (seen)
		uidset_add(&tg->seen, uid, uid);
	else
		uidset_remove(&tg->seen, uid);
	tg->seen_changed = true;
	return OK;
}

/* --- annotations --- */

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

static enum err
annotate(struct target *tg, const struct annotate_params *p, uint32_t uid)
{
	struct annot c = { .uid = uid, .modseq = new_modseq(tg), .owner = p->owner,
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
		e = annotate(tg, p, uid);
		if (e == OK && is_new && p->max > 0 &&
		    count_annots(tg, uid, p->owner) > p->max)
			e = ERR_LIMIT;
	}
	return e;
}

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
	r->modseq = r->create_modseq = new_modseq(tg);
	r->savedate = r->changed = time(NULL);
	tg->usage.bytes += (int64_t)r->size;
	tg->usage.messages++;
	if (t->m->private_seen && (r->flags & MSG_SEEN)) {
		r->flags &= ~(uint32_t)MSG_SEEN;
		return set_private_seen(tg, t->m, r->uid, true);
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
	e = keyword_bits(tg, &i->append.keywords, true, r.keywords);
	if (e == OK)
		e = place(tg, t, &r);
	if (e != OK)
		return e;
	for (size_t k = 0; e == OK && k < i->append.annotates; k++)
		e = annotate(tg, &i->append.annotate[k], r.uid);
	if (e != OK)
		return e;
	n = add_new(tg);
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
		e = keyword_number(tg, str_c(name), true, &number);
		if (e != OK)
			return e;
		w[number / 64] |= (uint64_t)1 << number % 64;
	}
	memcpy(r->keywords, w, sizeof(w));
	return OK;
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
static enum err
copy_annots(struct target *tg, struct txn *t, struct mbox *from, uint32_t uid, uint32_t new_uid)
{
	const struct annots *a;
	enum err e = mbox_annots(from, &a);

	for (size_t i = e == OK ? annots_first(a, uid) : 0;
	    e == OK && i < a->n && a->v[i].uid == uid; i++) {
		struct annot c = a->v[i];

		if (!is_copied(t, &c))
			continue;
		c.uid = new_uid;
		c.modseq = new_modseq(tg);
		c.owner.p = arena_copy(t->arena, c.owner.p, c.owner.n);
		c.entry.p = arena_copy(t->arena, c.entry.p, c.entry.n);
		c.value.p = arena_copy(t->arena, c.value.p, c.value.n);
		e = c.owner.p != NULL && c.entry.p != NULL && c.value.p != NULL ?
		    change_annot(tg, &c) : ERR_LIMIT;
	}
	return e;
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
		return OK;
	e = index_get(from->ix, recno, &r);
	if (e != OK || r.uid != uid)
		return e;
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
		e = copy_annots(tg, t, from, uid, r.uid);
	if (e != OK)
		return e;
	n = add_new(tg);
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

static enum err
plan_copy(struct target *tg, struct txn *t, const struct intent *i)
{
	/* The user's \Seen as it is now, as the other flags are. */
	enum err e = mbox_refresh_seen(i->from);


	for (size_t k = 0; e == OK && k < i->n; k++)
		e = copy_one(tg, t, i->from, i->uids[k]);
	return e;
}

/* --- store --- */

/* Was it changed by somebody else since this session was told?  Then its own
 * commit must not hide that. */
static void
note_foreign(struct txn *t, const struct index_record *r)
{
	if (r->modseq > t->m->told && !uidset_has(&t->m->own, (uint32_t)r->modseq))
		uidset_add(&t->m->force, r->uid, r->uid);
}

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
		if (open_seen(tg, t->m) != OK)
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
	enum err e = current(tg, uid, &r);

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
		e = open_seen(tg, t->m);
		if (e != OK)
			return e;
		seen_before = uidset_has(&tg->seen, uid);
		seen_now = p->op == STORE_REMOVE ? false : (p->flags & MSG_SEEN) != 0;
		e = set_private_seen(tg, t->m, uid, seen_now);
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
	note_foreign(t, &was);
	r.modseq = new_modseq(tg);
	r.changed = time(NULL);
	put_changed(tg, &r);
	return OK;
}

static enum err
plan_store(struct target *tg, struct txn *t, const struct intent *i)
{
	uint64_t w[2];
	enum err e = keyword_bits(tg, &i->store.keywords, i->store.op != STORE_REMOVE, w);

	for (size_t k = 0; e == OK && k < i->n; k++)
		e = store_one(tg, t, &i->store, w, i->uids[k],
		    i->store.known != NULL ? &i->store.known[k] : NULL);
	return e;
}

/* --- annotate --- */

static enum err
annotate_one(struct target *tg, struct txn *t, const struct annotate_list *l, uint32_t uid)
{
	size_t before = tg->annot_changes;
	struct index_record r;
	enum err e = current(tg, uid, &r);

	if (e != OK)
		return e == ERR_NOTFOUND ? OK : e;
	if (l->has_unchangedsince && r.modseq > l->unchangedsince) {
		uidvec_add(&t->modified, uid);
		return OK;
	}
	e = annotate_all(tg, l, uid);
	if (e != OK || tg->annot_changes == before)
		return e;
	note_foreign(t, &r);
	r.modseq = new_modseq(tg);
	r.changed = time(NULL);
	put_changed(tg, &r);
	return OK;
}

static enum err
plan_annotate(struct target *tg, struct txn *t, const struct intent *i)
{
	enum err e = OK;

	if (i->uids == NULL)
		return annotate_all(tg, &i->annotate, 0);
	for (size_t k = 0; e == OK && k < i->n; k++)
		e = annotate_one(tg, t, &i->annotate, i->uids[k]);
	return e;
}

/* --- expunge --- */

/* They stay in the file for as long as the message's does, and count no more. */
static enum err
release_annots(struct target *tg, uint32_t uid)
{
	enum err e;

	if (tg->ix->h->annotation == 0 && tg->annot_changes == 0)
		return OK;
	e = open_annots(tg);
	if (e == OK)
		tg->usage.annotation -= (int64_t)annotated_usage_of(&tg->annots, uid);
	return e;
}

static enum err
expunge_one(struct target *tg, struct txn *t, uint32_t uid, bool any)
{
	struct index_record r;
	enum err e = current(tg, uid, &r);

	if (e == ERR_NOTFOUND && t->must_exist)
		return e;
	if (e == ERR_NOTFOUND || (e == OK && !any && !(r.flags & MSG_DELETED)))
		return OK;
	if (e != OK)
		return e;
	e = release_annots(tg, uid);
	if (e != OK)
		return e;
	r.flags |= REC_EXPUNGED;
	r.modseq = new_modseq(tg);
	r.changed = time(NULL);
	put_changed(tg, &r);
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
			new_modseq(tg);
		return OK;
	}
	/* The lists only grew, unless something else had changed records too. */
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
	tg->modseq = was.modseq;
	return e;
}

void
target_free(struct target *tg)
{
	free(tg->new);
	free(tg->changed);
	annots_free(&tg->annots);
	free(tg->annot_change);
	arena_free(tg->arena);
	uidset_free(&tg->seen);
}
