/*
 * search.h - which messages match
 *
 * A search program is a tree that a protocol's parser built in an arena; it
 * knows no protocol words.  Numbers, dates and flags are answered from the
 * index, header fields from the cache, and only what is left from the
 * messages.  The cheap tests of an AND are run first.
 */
#ifndef IMAP_STORE_SEARCH_H
#define IMAP_STORE_SEARCH_H

#include "imap/store/mbox.h"
#include "lib/arena.h"
#include "lib/err.h"

enum search_op {
	SEARCH_ALL, SEARCH_AND, SEARCH_OR, SEARCH_NOT,
	SEARCH_SEQ,			/* set of sequence numbers */
	SEARCH_UID,			/* set of UIDs */
	SEARCH_FLAG,			/* has system flag .flag */
	SEARCH_KEYWORD,			/* has keyword .text */
	SEARCH_RECENT,
	SEARCH_LARGER, SEARCH_SMALLER,	/* .number, exclusive */
	SEARCH_BEFORE, SEARCH_ON, SEARCH_SINCE,			/* internal date's day, .number */
	SEARCH_SENTBEFORE, SEARCH_SENTON, SEARCH_SENTSINCE,	/* Date: field's day */
	SEARCH_HEADER,			/* field .name contains .text ("" : exists) */
	SEARCH_BODY, SEARCH_TEXT,	/* .text */
	SEARCH_MODSEQ,			/* >= .number */
	SEARCH_YOUNGER, SEARCH_OLDER,	/* .number seconds */
};

/* Both ends inclusive, in the view's numbers or UIDs; "*" resolved already. */
struct search_range {
	uint32_t first, last;
};

struct search_key {
	enum search_op op;
	struct search_key *child;	/* AND, OR, NOT: first operand */
	struct search_key *next;	/* the next operand of the same parent */
	struct search_range *range;
	size_t ranges;
	uint32_t flag;
	/* Dates: days since 1970-01-01 of the date as written, no zone. */
	uint64_t number;
	struct str name;
	struct str text;		/* UTF-8; search_prepare() folds it */
};

/* Folds the strings and orders the operands; the tree is changed in place. */
void search_prepare(struct arena *arena, struct search_key *key);

/* The sequence numbers in the view that match, rising.  ERR_LIMIT: arena full. */
enum err search_run(struct mbox *m, struct arena *arena, const struct search_key *key,
    uint32_t **seqs, size_t *count) MUST_CHECK;

#endif
