/*
 * compact.c - leaving out tombstones whose messages are gone
 *
 * Nobody may have a view: he would never be told of the messages that were
 * expunged since.  Views say so by a shared lock on cyrus.index, taken before
 * they look into it; an exclusive one is held here until the old file says that
 * it was replaced, so whoever waited for it opens the new one.
 *
 * A crash.  The new index is flushed and takes the old one's name in one step.
 * Before that all of the log that is about this mailbox is in files that have
 * been flushed (checkpoint_settle()), so that replay need not, and would not,
 * put the dropped records back.  Should the power go before the new cache is
 * there, the old one's entries do not fit their records, which is found out.
 */
#include "imap/store/compact.h"

#include "imap/store/checkpoint.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum {
	WORTH = 200,			/* tombstones, and */
	WORTH_OF = 4,			/* a quarter of all records */
};

struct compact {
	struct index *ix;
	int64_t before;
	struct index_record *kept;
	uint32_t n, dropped;
	uint64_t modseq;		/* the highest of those dropped */
	struct buf cache;		/* the whole file */
};

static bool
may_be_dropped(const struct compact *c, const struct index_record *r)
{
	return (r->flags & REC_EXPUNGED) != 0 && (r->flags & REC_RECLAIMED) != 0 &&
	    r->changed <= c->before;
}

static bool
is_worth_it(const struct compact *c)
{
	uint32_t n = 0, records = c->ix->h->records;

	for (uint32_t i = 0; i < records; i++)
		n += may_be_dropped(c, index_peek(c->ix, i));
	return n >= WORTH && n >= records / WORTH_OF;
}

/* The record's entry in the new cache; one that is not there is made when asked for. */
static void
keep_entry(struct compact *c, struct index_record *r)
{
	struct str entry;

	if (r->cache_len > 0 &&
	    index_cache_get(c->ix, r->cache_offset, r->cache_len, &entry) == OK) {
		r->cache_offset = c->cache.n;
		buf_add_str(&c->cache, entry);
	} else {
		r->cache_offset = 0;
		r->cache_len = 0;
	}
}

static enum err
collect(struct compact *c)
{
	enum err e = OK;

	index_cache_begin(&c->cache);
	c->kept = mem_zero((size_t)c->ix->h->records + 1, sizeof(*c->kept));
	for (uint32_t i = 0; e == OK && i < c->ix->h->records; i++) {
		struct index_record *r = &c->kept[c->n];

		e = index_get(c->ix, i, r);
		if (e == OK && may_be_dropped(c, r)) {
			c->modseq = r->modseq > c->modseq ? r->modseq : c->modseq;
			c->dropped++;
		} else if (e == OK) {
			keep_entry(c, r);
			c->n++;
		}
	}
	return e;
}

static enum err
replace(struct compact *c, struct partition *part)
{
	struct index_header h = *c->ix->h;
	enum err e = checkpoint_settle(part, &h.base_lsn);

	if (c->modseq > h.reclaimed_modseq)
		h.reclaimed_modseq = c->modseq;
	h.cache_size = c->cache.n;
	if (e == OK)
		e = index_replace(c->ix->dirfd, &h, c->kept, c->n);
	if (e == OK) {
		c->ix->h->state = INDEX_REPLACED;
		e = index_cache_replace(c->ix->dirfd, buf_str(&c->cache));
	}
	return e;
}

enum err
compact_index(struct partition *part, struct index *ix, int64_t before, uint32_t *dropped)
{
	struct compact c = { .ix = ix, .before = before, .cache = BUF_INIT };
	enum err e;

	*dropped = 0;
	if (!is_worth_it(&c) || flock(ix->fd, LOCK_EX | LOCK_NB) != 0)
		return OK;
	e = collect(&c);
	if (e == OK)
		e = replace(&c, part);
	if (e == OK)
		*dropped = c.dropped;
	(void)flock(ix->fd, LOCK_UN);
	free(c.kept);
	buf_free(&c.cache);
	return e;
}
