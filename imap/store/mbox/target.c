/* target.c - what a commit does to one mailbox */
#include "imap/store/mbox/txn_in.h"

#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TARGET_ARENA = 512 * 1024 };

/* --- lists --- */

void
uidvec_add(struct uidvec *u, uint32_t uid)
{
	if (u->n == u->size) {
		u->size = u->size == 0 ? 16 : u->size * 2;
		u->v = mem_grow(u->v, u->size * sizeof(*u->v));
	}
	u->v[u->n++] = uid;
}

struct new_message *
target_add_new(struct target *tg)
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

void
target_put_changed(struct target *tg, const struct index_record *r)
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

enum err
target_current(struct target *tg, uint32_t uid, struct index_record *r)
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

uint64_t
target_modseq(struct target *tg)
{
	if (tg->modseq == 0)
		tg->modseq = tg->ix->h->highestmodseq + 1;
	return tg->modseq;
}

void
target_note_foreign(struct mbox *m, const struct index_record *r)
{
	if (r->modseq > m->told && !uidset_has(&m->own, (uint32_t)r->modseq))
		uidset_add(&m->force, r->uid, r->uid);
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

enum err
target_keyword(struct target *tg, struct str name, bool create, unsigned *number)
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

enum err
target_keyword_bits(struct target *tg, const struct flag_names *names, bool create, uint64_t w[2])
{
	unsigned number;

	w[0] = w[1] = 0;
	for (size_t i = 0; i < names->count; i++) {
		enum err e = target_keyword(tg, names->name[i], create, &number);

		if (e == OK)
			w[number / 64] |= (uint64_t)1 << number % 64;
		else if (e != ERR_NOTFOUND)
			return e;
	}
	return OK;
}

/* --- a user's own \Seen --- */

enum err
target_open_seen(struct target *tg, struct mbox *m)
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

enum err
target_set_seen(struct target *tg, struct mbox *m, uint32_t uid, bool seen)
{
	enum err e = target_open_seen(tg, m);

	if (e != OK || uidset_has(&tg->seen, uid) == seen)
		return e;
	if (seen)
		uidset_add(&tg->seen, uid, uid);
	else
		uidset_remove(&tg->seen, uid);
	tg->seen_changed = true;
	return OK;
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
