/*
 * compact.c - leaving out tombstones whose messages are gone
 *
 * Invariants
 *  1. What is left out is expunged, its message file is gone (REC_RECLAIMED),
 *     and all commits that are about it are before the partition's checkpoint
 *     (compact_settled()): so no replay meets it, and its expunge is on the disk.
 *     The new file keeps the old one's base_lsn; replay may put all commits since
 *     the checkpoint into the one or the other.
 *  2. Before it is left out of a file that a power cut may leave, it is in a
 *     cyrus.history that is flushed, and so is the removal of its message file:
 *     else reconstruct would take that, come back, for a found message.
 *  3. Who has the old file mapped keeps it as it was; nobody changes it.  Its
 *     `state` says that there is a newer one.
 *
 * Order, all under the mailbox's lock:
 *  a. history_settle(): cyrus.history whole and flushed, and the directory.
 *  b. The new cache, not flushed, takes the old one's name.  Entries check
 *     themselves by checksum and message digest, and are made anew if they are
 *     not right: so old records and a new cache, or the other way round, cost
 *     time only.  Cache before index: who opens the new index must find the new
 *     cache, lest he add entries to a file without a name.
 *  c. index_succeed(): the new index, flushed; it takes the old one's name; the
 *     old one is marked.
 * Killed between b and c: the old index with a cache that does not fit.  In c:
 * see there.  Power cut: each of the three renames may have happened or not; the
 * old index has its mark only if the third one has.
 * An old history with a new index cannot be: the directory is flushed in a if
 * the history was replaced then.
 *
 * How long can others read what was expunged?  A message file goes (reclaim.c)
 * when nobody else has a view of the mailbox, or when it is old enough
 * (expunge_grace, cyr_expire -X).  The record can be left out any time
 * after that: a session that was not told has a copy of it, from when it went
 * over to the new file, or the old file itself.
 */
#include "imap/store/upkeep/compact.h"

#include "imap/disk/history.h"
#include "imap/disk/wal.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <time.h>

enum {
	WORTH = 200,			/* tombstones, and */
	WORTH_OF = 4,			/* a quarter of all records */
	LOOK_S = 60,			/* at most once in so many seconds */
};

struct compact {
	struct index *ix;
	uint64_t settled;
	struct index_record *kept;
	uint32_t n, dropped;
	uint64_t modseq;		/* the highest of those dropped */
	struct new_cache cache;
};

uint64_t
compact_settled(const struct partition *part, const struct index *ix)
{
	/* The last commit is before the checkpoint, and so are all. */
	if (ix->h->applied_lsn < wal_checkpoint_lsn(part->wal))
		return ix->h->highestmodseq;
	return ix->h->settled_modseq;
}

static bool
is_enough(uint32_t n, uint32_t records)
{
	return n >= WORTH && n >= records / WORTH_OF;
}

bool
compact_due(const struct index *ix, int64_t now)
{
	const struct index_header *h = ix->h;

	return is_enough(h->records - h->exists, h->records) &&
	    (now >= h->looked + LOOK_S || now < h->looked);
}

static bool
may_be_dropped(const struct compact *c, const struct index_record *r)
{
	return (r->flags & REC_EXPUNGED) != 0 && (r->flags & REC_RECLAIMED) != 0 &&
	    r->modseq <= c->settled;
}

static bool
is_worth_it(const struct compact *c)
{
	uint32_t n = 0, records = c->ix->h->records;

	for (uint32_t i = 0; i < records; i++)
		n += may_be_dropped(c, index_peek(c->ix, i));
	return is_enough(n, records);
}

/* The record's entry in the new cache; one that is not there is made when asked for. */
static enum err
keep_entry(struct compact *c, struct index_record *r)
{
	struct str entry;

	if (r->cache_len > 0 &&
	    index_cache_get(c->ix, r->cache_offset, r->cache_len, &entry) == OK)
		return index_cache_put(&c->cache, entry, &r->cache_offset);
	r->cache_offset = 0;
	r->cache_len = 0;
	return OK;
}

static enum err
collect(struct compact *c)
{
	enum err e = OK;

	c->kept = mem_zero((size_t)c->ix->h->records + 1, sizeof(*c->kept));
	for (uint32_t i = 0; e == OK && i < c->ix->h->records; i++) {
		struct index_record *r = &c->kept[c->n];

		e = index_get(c->ix, i, r);
		if (e == OK && may_be_dropped(c, r)) {
			c->modseq = r->modseq > c->modseq ? r->modseq : c->modseq;
			c->dropped++;
		} else if (e == OK) {
			e = keep_entry(c, r);
			c->n++;
		}
	}
	return e;
}

static enum err
succeed(struct compact *c)
{
	struct index_header h = *c->ix->h;

	if (c->modseq > h.reclaimed_modseq)
		h.reclaimed_modseq = c->modseq;
	h.cache_size = c->cache.size;
	h.settled_modseq = c->settled;
	h.compacted = h.looked = time(NULL);
	return index_succeed(c->ix, &h, c->kept, c->n);
}

enum err
compact_index(struct partition *part, struct index *ix, uint32_t *dropped)
{
	struct compact c = { .ix = ix, .settled = compact_settled(part, ix) };
	enum err e;

	*dropped = 0;
	if (!is_worth_it(&c))
		return OK;
	e = history_settle(ix);
	if (e == OK)
		e = index_cache_begin(ix->dirfd, &c.cache);
	if (e != OK)
		return e;
	e = collect(&c);
	if (e == OK)
		e = index_cache_end(&c.cache, true);
	else
		(void)!index_cache_end(&c.cache, false);
	if (e == OK)
		e = succeed(&c);
	if (e == OK)
		*dropped = c.dropped;
	free(c.kept);
	return e;
}
