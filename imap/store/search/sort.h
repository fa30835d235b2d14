/*
 * sort.h - messages in the order of their dates, names, subjects (RFC 5256)
 *
 * Messages that are equal by all criteria stay in the order of their numbers.  All
 * that is needed is in the index, in cyrus.cache and in cyrus.annotations; no message's
 * file is opened, unless its cache entry has to be made anew.  The order of many by a
 * text is kept in cyrus.sort for who sorts next (sort_ranks.h).
 *
 * Limits: SORT_TEXT bytes of a text's key count; SORT_MEMORY for the keys of all.
 * Locks: none is held.
 */
#ifndef IMAP_STORE_SEARCH_SORT_H
#define IMAP_STORE_SEARCH_SORT_H

#include "imap/store/mbox/mbox.h"
#include "lib/arena.h"
#include "lib/collate.h"
#include "lib/err.h"
#include "lib/str.h"

enum {
	SORT_TEXT = 1024,
	SORT_MEMORY = 512 * 1024 * 1024,
};

enum sort_by {
	SORT_ARRIVAL, SORT_CC, SORT_DATE, SORT_FROM, SORT_SIZE, SORT_SUBJECT, SORT_TO,
	SORT_DISPLAYFROM, SORT_DISPLAYTO,	/* RFC 5957 */
	SORT_RELEVANCY,				/* RFC 6203: all are equal */
	SORT_ANNOTATION,			/* RFC 5257: .entry's value; may change */
};

struct sort_criterion {
	enum sort_by by;
	bool reverse;
	bool shared;				/* SORT_ANNOTATION: or else the user's own */
	struct str entry;
};

struct sort_order {
	const struct sort_criterion *criteria;	/* the first weighs most */
	size_t count;
	enum collation collation;
};

/* Can messages change their places?  Else what they are sorted by never changes. */
bool sort_may_change(const struct sort_order *order);

/*
 * Sorts the N numbers at SEQS.  ERR_LIMIT: the keys are too much.  A message
 * of which nothing can be had any more is sorted as if it had no header.
 */
enum err sort_run(struct mbox *m, const struct sort_order *order, uint32_t *seqs,
    size_t n) MUST_CHECK;

/*
 * Where among the N sorted numbers at SEQS would SEQ stand?  How many are before
 * it: *at.  Makes only the keys it needs.
 */
enum err sort_place(struct mbox *m, const struct sort_order *order, const uint32_t *seqs,
    size_t n, uint32_t seq, size_t *at) MUST_CHECK;

#endif
