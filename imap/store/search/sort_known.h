/*
 * sort_known.h - an order of a mailbox that is remembered
 *
 * What messages are sorted by never changes, but for annotations, whose orders are
 * not remembered.  So an order that was found for all
 * of a view is good for as long as the mailbox is open: a client that sorts
 * again, or sorts another selection, gets its answer without a look at a key,
 * and new messages are put in at their places.
 *
 * Each known message has a rank; a selection is sorted by putting its numbers
 * where their ranks say, in time proportional to the mailbox.
 *
 * Ownership: the caller's, one for an open mailbox; {0} knows nothing.
 * Limits: 8 bytes a message.
 */
#ifndef IMAP_STORE_SEARCH_SORT_KNOWN_H
#define IMAP_STORE_SEARCH_SORT_KNOWN_H

#include "imap/store/search/sort.h"

enum { SORT_KNOWN_CRITERIA = 4 };	/* longer orders are not remembered */

struct sort_known {
	struct sort_criterion criteria[SORT_KNOWN_CRITERIA];
	size_t criteria_count;		/* 0: nothing is known */
	enum collation collation;
	uint32_t *uid;			/* rising */
	uint32_t *rank;			/* of each, from 0, without gaps */
	size_t n;
};

/* As sort_run(), with SEQS rising before; remembers the order of a whole view. */
enum err sort_known_run(struct mbox *m, struct sort_known *k, const struct sort_order *order,
    uint32_t *seqs, size_t n) MUST_CHECK;

void sort_known_free(struct sort_known *k);

#endif
