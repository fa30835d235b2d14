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

/*
 * The header's last UID and modseq stay unless they are below what KNOWN and
 * the records say, or so far above it that nobody can have been there.
 */
static void
mend_highest(struct index *ix, const struct witness *known)
{
	struct index_header *h = ix->h;
	struct witness w = *known;
	uint32_t n = h->records < index_room(ix) ? h->records : index_room(ix);

	for (uint32_t i = 0; i < n; i++) {
		const struct index_record *r = index_peek(ix, i);

		if (!index_record_valid(r))
			continue;
		w.last_uid = r->uid > w.last_uid ? r->uid : w.last_uid;
		w.modseq = r->modseq > w.modseq ? r->modseq : w.modseq;
	}
	if (h->last_uid < w.last_uid || h->last_uid - w.last_uid > uid_gap)
		h->last_uid = w.last_uid;
	if (h->highestmodseq < w.modseq || h->highestmodseq - w.modseq > modseq_gap)
		h->highestmodseq = w.modseq;
	if (h->recent_uid > h->last_uid)
		h->recent_uid = h->last_uid;
	if (h->reclaimed_modseq > h->highestmodseq)
		h->reclaimed_modseq = h->highestmodseq;
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
	uint32_t n;
	enum err e = find_records(ix, &n);

	if (e != OK)
		return e;
	index_write_begin(ix);
	h->records = n;
	index_recount(ix);
	mend_highest(ix, known);
	/* These may be told to be later than they were, never earlier. */
	h->changed_modseq = h->keywords_changed = h->seen_changed = h->highestmodseq;
	h->applied_lsn = 0;
	h->settled_modseq = 0;
	h->looked = h->compacted = 0;
	index_write_end(ix);
	return OK;
}

void
index_mend_cold(struct index *ix, const struct witness *known)
{
	struct index_header *h = ix->h;
	uint32_t last = 0;

	if (h->records > 0 && h->records <= index_room(ix))
		last = index_peek(ix, h->records - 1)->uid;
	while (h->records < index_room(ix) && index_peek(ix, h->records)->uid > last &&
	    index_record_valid(index_peek(ix, h->records)))
		last = index_peek(ix, h->records++)->uid;
	mend_highest(ix, known);
	h->settled_modseq = 0;
	h->looked = h->compacted = 0;
}
