/*
 * index_mend.c - cyrus.index: a header whose sums are damaged
 *
 * Which of its words is wrong nobody knows.  What the records say is made anew
 * of them; of the last UID and the highest modseq records may be too old a
 * proof, for the last ones may have been left out by compact.c: so the header's
 * own word counts unless it cannot be, together with the witness.
 */
#include "imap/disk/index.h"

#include "imap/disk/witness.h"

/* Further above what is known than anybody gets between two checkpoints. */
static const uint32_t uid_gap = (uint32_t)1 << 24;
static const uint64_t modseq_gap = (uint64_t)1 << 32;

uint32_t
index_sane_uid(uint32_t uid, uint32_t floor)
{
	return uid < floor || uid - floor > uid_gap ? floor : uid;
}

uint64_t
index_sane_modseq(uint64_t modseq, uint64_t floor)
{
	return modseq < floor || modseq - floor > modseq_gap ? floor : modseq;
}

/* The number of records, whatever the header counts; none is left behind. */
static enum err
find_records(struct index *ix, uint32_t *n)
{
	uint32_t room = index_room(ix), last = 0;

	*n = 0;
	for (uint32_t i = 0; i < room; i++) {
		const struct index_record *r = index_peek(ix, i);

		if (r->uid <= last || !index_record_valid(r))
			continue;
		if (i != *n)
			return ERR_CORRUPT;
		last = r->uid;
		*n = i + 1;
	}
	return OK;
}

enum err
index_mend(struct index *ix, const struct witness *known)
{
	struct index_header *h = ix->h;
	uint32_t uid = known->last_uid, n;
	uint64_t modseq = known->modseq;
	enum err e = find_records(ix, &n);

	if (e != OK)
		return e;
	for (uint32_t i = 0; i < n; i++) {
		const struct index_record *r = index_peek(ix, i);

		uid = r->uid > uid ? r->uid : uid;
		modseq = r->modseq > modseq ? r->modseq : modseq;
	}
	index_write_begin(ix);
	h->records = n;
	index_recount(ix);
	h->last_uid = index_sane_uid(h->last_uid, uid);
	h->highestmodseq = index_sane_modseq(h->highestmodseq, modseq);
	if (h->recent_uid > h->last_uid)
		h->recent_uid = h->last_uid;
	/* These may be told to be later than they were, never earlier. */
	h->changed_modseq = h->keywords_changed = h->seen_changed = h->highestmodseq;
	if (h->reclaimed_modseq > h->highestmodseq)
		h->reclaimed_modseq = h->highestmodseq;
	h->applied_lsn = 0;
	index_write_end(ix);
	return OK;
}
