/* view.c - the numbered list of messages that a session sees */
#include "imap/store/mbox/mbox_in.h"

#include "imap/store/mbox/annotwatch.h"
#include "imap/store/upkeep/recover.h"
#include "imap/disk/seen.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

uint32_t
view_recno(const struct mbox *m, uint32_t seq)
{
	return m->map != NULL ? m->map[seq - 1] : seq - 1;
}

static const struct index_record *
peek(const struct mbox *m, uint32_t recno)
{
	return recno & GHOST ? &m->ghost[recno & ~GHOST] : index_peek(m->ix, recno);
}

const struct index_record *
view_peek(const struct mbox *m, uint32_t seq)
{
	return peek(m, view_recno(m, seq));
}

static bool
is_expunged(const struct mbox *m, uint32_t recno)
{
	return (peek(m, recno)->flags & REC_EXPUNGED) != 0;
}

static void
map_room(struct mbox *m, size_t need)
{
	if (m->map != NULL && need <= m->map_size)
		return;
	m->map_size = need + need / 8 + 64;
	m->map = mem_grow(m->map, m->map_size * sizeof(*m->map));
}

/* From the identity to a list in memory. */
static void
materialize(struct mbox *m)
{
	if (m->map != NULL)
		return;
	map_room(m, (size_t)m->count + 1);
	for (uint32_t i = 0; i < m->count; i++)
		m->map[i] = i;
}

/* Adds the records that came since; counts the \Recent among them. */
static void
add_new(struct mbox *m, uint32_t records)
{
	for (uint32_t i = m->known; i < records; i++) {
		if (is_expunged(m, i)) {
			materialize(m);
			continue;
		}
		if (m->map == NULL && m->count != i)
			materialize(m);
		if (m->map != NULL) {
			map_room(m, (size_t)m->count + 1);
			m->map[m->count] = i;
		}
		m->count++;
	}
	m->known = records;
}

static void
count_recent(struct mbox *m)
{
	m->recent = 0;
	if (m->recents.n == 0)
		return;
	for (uint32_t seq = m->count; seq > 0; seq--) {
		uint32_t uid = view_peek(m, seq)->uid;

		if (uid < m->recents.r[0].first)
			break;
		m->recent += uidset_has(&m->recents, uid);
	}
}

/* --- \Recent: each message to one session --- */

/* The owner's is in the index; it need not survive a crash, so no log. */
static enum err
claim_in_index(struct mbox *m, uint32_t *from, uint32_t *to)
{
	enum err e = mailbox_lock(m->store, m->part, m->ix, m->entry);

	if (e != OK)
		return e;
	*from = m->ix->h->recent_uid + 1;
	*to = m->ix->h->last_uid;
	index_write_begin(m->ix);
	m->ix->h->recent_uid = m->ix->h->last_uid;
	index_write_end(m->ix);
	index_unlock(m->ix);
	return OK;
}

/*
 * Another user's is in cyrus.seen.  That other sessions of his have claimed does
 * not change seen_changed: it is read again for sure.
 */
static enum err
claim_in_seen(struct mbox *m, uint32_t *from, uint32_t *to)
{
	struct buf uids = BUF_INIT;
	struct rec_seen line;
	enum err e = mailbox_lock(m->store, m->part, m->ix, m->entry);

	if (e != OK)
		return e;
	m->seen_loaded = 0;
	e = mbox_load_seen(m, m->ix->h);
	*from = m->seen_recent + 1;
	*to = m->ix->h->last_uid;
	if (e == OK && *from <= *to) {
		uidset_format(&m->seen, &uids);
		line = (struct rec_seen){ .user = str_c(m->userid), .recent_uid = *to,
		    .changed = time(NULL), .uids = buf_str(&uids) };
		e = seen_prepare(m->ix->dirfd, &line);
		if (e == OK)
			e = seen_apply(m->ix->dirfd);
		if (e == OK)
			m->seen_recent = *to;
	}
	index_unlock(m->ix);
	buf_free(&uids);
	return e;
}

static enum err
claim_recent(struct mbox *m, const struct index_header *h)
{
	uint32_t last = m->private_seen ? m->seen_recent : h->recent_uid;
	uint32_t from = last + 1, to = h->last_uid;
	enum err e = OK;

	if (to <= last || (m->flags & MBOX_NO_RECENT))
		return OK;
	if (!(m->flags & (MBOX_READONLY | MBOX_KEEP_RECENT)))
		e = m->private_seen ? claim_in_seen(m, &from, &to) :
		    claim_in_index(m, &from, &to);
	/* Replaced at this moment: the next refresh finds that out, and claims there. */
	if (e == ERR_STALE)
		return OK;
	/* Neither a full disk nor one at work for long may keep anybody from reading. */
	if (e == ERR_NOSPACE || e == ERR_IO || e == ERR_BUSY)
		e = OK;
	if (e == OK && from <= to)
		uidset_add(&m->recents, from, to);
	return e;
}

enum err
view_build(struct mbox *m)
{
	enum err e = mbox_load_seen(m, &m->h);

	if (e == OK)
		e = claim_recent(m, &m->h);
	if (e != OK)
		return e;
	m->told = m->h.highestmodseq;
	m->last_uid = m->h.last_uid;
	if (m->h.exists == m->h.records) {
		m->count = m->known = m->h.records;
	} else {
		materialize(m);
		/* A damaged header may count more than there is. */
		map_room(m, m->h.exists < m->h.records ? m->h.exists : m->h.records);
		add_new(m, m->h.records);
	}
	count_recent(m);
	/* The claim went through the header: the next refresh looks at it again. */
	return OK;
}

/* --- a new file in the index's place --- */

/*
 * The new index; ERR_STALE if no UID means there what it means here.  Who has
 * shown none (MBOX_PEEK) does not mind: mail that waited for reconstruct is not
 * to be sent back.
 */
static enum err
open_successor(struct mbox *m)
{
	struct index *old = m->ix;
	struct index_header h;
	enum err e = mbox_open_index(m);

	if (e == OK) {
		e = mbox_snapshot(m, &h);
		if (e == OK && h.uidvalidity != m->h.uidvalidity && !(m->flags & MBOX_PEEK))
			e = ERR_STALE;
		if (e != OK)
			index_close(m->ix);
	}
	if (e != OK)
		m->ix = old;
	else
		m->h = h;
	return e;
}

/*
 * A copy of the record as it was known last.  Its file is gone, or will not be
 * looked for: tombstones are left out when their files are.
 */
static void
add_ghost(struct mbox *m, uint32_t *size, const struct index_record *was)
{
	struct index_record *g;

	if (m->ghosts == *size) {
		*size = *size == 0 ? 16 : *size * 2;
		m->ghost = mem_grow(m->ghost, *size * sizeof(*m->ghost));
	}
	g = &m->ghost[m->ghosts++];
	*g = *was;
	/* Or it was reconstruct who took it away, just now. */
	if (!(g->flags & REC_EXPUNGED))
		g->modseq = m->h.highestmodseq;
	g->flags |= REC_EXPUNGED | REC_RECLAIMED;
	g->cache_offset = g->cache_len = 0;
}

/* The messages of the view WAS in the new index. */
static void
find_again(struct mbox *m, const struct mbox *was)
{
	uint32_t size = 0;

	m->map = NULL;
	m->ghost = NULL;
	m->ghosts = 0;
	map_room(m, (size_t)m->count + 1);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct index_record *r = view_peek(was, i + 1);
		uint32_t at = index_find(m->ix, m->h.records, r->uid);

		if (at < m->h.records && index_peek(m->ix, at)->uid == r->uid) {
			m->map[i] = at;
		} else {
			m->map[i] = GHOST | m->ghosts;
			add_ghost(m, &size, r);
		}
	}
	m->hidden = m->hidden || m->ghosts > 0;
}

enum err
mbox_reopen(struct mbox *m)
{
	struct mbox was = *m;
	uint32_t last = m->known > 0 ? index_peek(m->ix, m->known - 1)->uid : 0;
	enum err e = open_successor(m);

	if (e != OK)
		return e;
	find_again(m, &was);
	index_close(was.ix);
	free(was.map);
	free(was.ghost);
	m->cached.valid = false;
	m->stale = true;
	/* What has a lower UID and was not known cannot become a higher number. */
	m->known = last == UINT32_MAX ? m->h.records :
	    index_find(m->ix, m->h.records, last + 1);
	return OK;
}

/* --- what it knows --- */

uint32_t
mbox_count(const struct mbox *m)
{
	return m->count;
}

uint32_t
mbox_recent(const struct mbox *m)
{
	return m->recent;
}

uint32_t
mbox_uidvalidity(const struct mbox *m)
{
	return m->h.uidvalidity;
}

uint32_t
mbox_uidnext(const struct mbox *m)
{
	return m->h.last_uid + 1;
}

uint64_t
mbox_highestmodseq(const struct mbox *m)
{
	uint64_t modseq = m->told;

	for (uint32_t seq = 1; m->hidden && seq <= m->count; seq++) {
		const struct index_record *r = view_peek(m, seq);

		if (r->flags & REC_EXPUNGED && r->modseq <= modseq)
			modseq = r->modseq - 1;
	}
	return modseq;
}

bool
mbox_keeps_back(const struct mbox *m)
{
	return m->hidden && mbox_highestmodseq(m) < m->told;
}

/* The first message that is in none of the ranges. */
static uint32_t
first_beside(struct mbox *m, const struct uidset *seen)
{
	uint32_t seq = 1;

	for (size_t i = 0; i < seen->n && seq <= m->count; i++) {
		const struct uidrange *r = &seen->r[i];

		if (mbox_uid(m, seq) < r->first)
			break;
		if (r->last == UINT32_MAX)
			return 0;
		if (mbox_uid(m, seq) <= r->last)
			seq = mbox_seq_from_uid(m, r->last + 1);
	}
	return seq <= m->count ? seq : 0;
}

/* The first message whose record has this number or a higher one. */
static uint32_t
seq_from_recno(const struct mbox *m, uint32_t recno)
{
	uint32_t lo = 1, hi = m->count + 1;

	if (m->ghosts > 0)
		return 1;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (view_recno(m, mid) < recno)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t
mbox_first_unseen(struct mbox *m)
{
	if (m->private_seen)
		return first_beside(m, &m->seen);
	if (m->h.unseen == 0)
		return 0;
	for (uint32_t seq = seq_from_recno(m, m->h.unseen_from); seq <= m->count; seq++)
		if (!(view_peek(m, seq)->flags & MSG_SEEN))
			return seq;
	return 0;
}

uint32_t
mbox_uid(struct mbox *m, uint32_t seq)
{
	if (seq == 0 || seq > m->count)
		return 0;
	return view_peek(m, seq)->uid;
}

uint32_t
mbox_seq_from_uid(struct mbox *m, uint32_t uid)
{
	uint32_t lo = 1, hi = m->count + 1;

	if (m->map == NULL)
		return index_find(m->ix, m->count, uid) + 1;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (mbox_uid(m, mid) < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* --- refresh --- */

/* Are there tombstones in the view that it has not been told of? */
static bool
find_hidden(struct mbox *m)
{
	for (uint32_t i = 1; i <= m->count; i++)
		if (is_expunged(m, view_recno(m, i)))
			return true;
	return false;
}

/* Room for those that remove_expunged() will find; *n. */
static enum err
room_for_expunged(const struct mbox *m, struct arena *arena, struct mbox_update *u, uint32_t *n)
{
	for (uint32_t i = 1; i <= m->count; i++)
		*n += is_expunged(m, view_recno(m, i));
	if (*n == 0)
		return OK;
	u->expunged = arena_alloc(arena, *n * sizeof(*u->expunged));
	u->expunged_uid = arena_alloc(arena, *n * sizeof(*u->expunged_uid));
	u->expunged_modseq = arena_alloc(arena, *n * sizeof(*u->expunged_modseq));
	return u->expunged != NULL && u->expunged_uid != NULL && u->expunged_modseq != NULL ?
	    OK : ERR_LIMIT;
}

/* N of them; a writer may have added one since they were counted: it waits. */
static void
remove_expunged(struct mbox *m, struct mbox_update *u, uint32_t n)
{
	uint32_t kept = 0;

	if (n == 0)
		return;
	materialize(m);
	for (uint32_t i = 0; i < m->count; i++) {
		uint32_t recno = m->map[i];

		if (is_expunged(m, recno) && u->expunged_count < n) {
			const struct index_record *r = peek(m, recno);
			size_t at = u->expunged_count++;

			u->expunged[at] = kept + 1;
			u->expunged_uid[at] = r->uid;
			u->expunged_modseq[at] = r->modseq;
		} else {
			m->map[kept++] = recno;
		}
	}
	m->count = kept;
}

static bool
is_news(const struct mbox *m, const struct index_record *r)
{
	uint64_t modseq = r->modseq;

	if (m->force.n > 0 && uidset_has(&m->force, r->uid))
		return true;
	return modseq > m->told && !uidset_has(&m->own, (uint32_t)modseq);
}

/* Room for those that find_changed() will find; *n. */
static enum err
room_for_changed(struct mbox *m, struct arena *arena, struct mbox_update *u, uint32_t *n)
{
	for (uint32_t i = 1; i <= m->count; i++)
		*n += is_news(m, view_peek(m, i));
	if (*n == 0)
		return OK;
	u->changed = arena_alloc(arena, *n * sizeof(*u->changed));
	return u->changed != NULL ? OK : ERR_LIMIT;
}

static void
find_changed(const struct mbox *m, struct mbox_update *u, uint32_t n)
{
	for (uint32_t i = 1; i <= m->count && u->changed_count < n; i++) {
		const struct index_record *r = view_peek(m, i);

		if (is_news(m, r) && !(r->flags & REC_EXPUNGED))
			u->changed[u->changed_count++] = i;
	}
}

/* From UIDs to numbers; those that are new, or expunged, are not spoken of. */
static void
number_annots(struct mbox *m, struct mbox_update *u)
{
	size_t kept = 0;

	for (size_t i = 0; i < u->annot_count; i++) {
		uint32_t uid = u->annot[i].seq, seq = mbox_seq_from_uid(m, uid);

		if (mbox_uid(m, seq) != uid || is_expunged(m, view_recno(m, seq)))
			continue;
		u->annot[kept++] = (struct changed_annot){ seq, u->annot[i].entry };
	}
	u->annot_count = kept;
}

/* What can fail comes first: what is removed from the view must be told. */
static enum err
refresh_old(struct mbox *m, struct arena *arena, const struct index_header *h,
    unsigned flags, struct mbox_update *u)
{
	bool changed = h->changed_modseq > m->told || h->seen_changed > m->told, removes;
	uint32_t gone = 0, news = 0;
	enum err e = OK;

	if (changed && !m->hidden)
		m->hidden = find_hidden(m);
	removes = m->hidden && !(flags & MBOX_NO_EXPUNGES);
	if (removes)
		e = room_for_expunged(m, arena, u, &gone);
	if (e == OK && (changed || m->force.n > 0))
		e = room_for_changed(m, arena, u, &news);
	if (e == OK)
		e = annotwatch_news(m, h, arena, u);
	if (e != OK)
		return e;
	if (removes)
		m->hidden = false;
	remove_expunged(m, u, gone);
	find_changed(m, u, news);
	number_annots(m, u);
	return OK;
}

enum err
mbox_follow(struct mbox *m)
{
	return index_state(m->ix) & INDEX_REPLACED ? mbox_reopen(m) : OK;
}

enum err
mbox_refresh(struct mbox *m, struct arena *arena, unsigned flags, struct mbox_update *u)
{
	struct index_header h;
	uint32_t before, recent;
	enum err e;

	memset(u, 0, sizeof(*u));
	u->deleted = mbox_is_gone(m);
	if (u->deleted)
		return OK;
	if (index_unchanged(m->ix, &m->h) && m->force.n == 0 && !m->stale &&
	    (!m->hidden || (flags & MBOX_NO_EXPUNGES)))
		return OK;
	e = mbox_snapshot(m, &h);
	if (e == OK && (h.state & INDEX_DELETED)) {
		u->deleted = true;
		return OK;
	}
	if (e == OK && (h.state & INDEX_REPLACED)) {
		e = mbox_reopen(m);
		h = m->h;
	}
	if (e == OK)
		e = mbox_load_seen(m, &h);
	if (e == OK)
		e = claim_recent(m, &h);
	if (e == OK)
		e = refresh_old(m, arena, &h, flags, u);
	if (e != OK)
		return e;
	before = m->count;
	recent = m->recent;
	add_new(m, h.records);
	count_recent(m);
	u->exists_changed = m->count != before || m->recent != recent;
	u->keywords_changed = h.keywords_changed > m->told;
	m->told = h.highestmodseq;
	m->last_uid = h.last_uid;
	m->own.n = m->force.n = 0;
	m->cached.valid = false;
	m->stale = false;
	m->h = h;
	return OK;
}
