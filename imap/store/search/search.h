/*
 * search.h - which messages match
 *
 * A search program is a tree that a protocol's parser built in an arena; it
 * knows no protocol words.  Numbers, dates and flags are answered from the
 * index, header fields from the cache, and only what is left from the
 * messages.  The cheap tests of an AND are run first.
 *
 * Candidates.  Who keeps an index of words (none does yet) can save the looking
 * into messages: a struct search_source is asked once a search with the whole
 * program and gives a set of UIDs outside of which nothing matches.  All of
 * them are tested as ever, so an index need not be exact, nor know every key:
 * it drops what it does not know from an AND, and has no answer to an OR or a
 * NOT of which it does not know all.  It must count in what has come since it
 * was last brought up to date.
 *
 * Limits: memory is 4 bytes a message in the range of the search, in the
 * caller's arena, and what one message's structure takes.
 * Locks: none is held, however long it takes.
 */
#ifndef IMAP_STORE_SEARCH_SEARCH_H
#define IMAP_STORE_SEARCH_SEARCH_H

#include "imap/disk/uidset.h"
#include "imap/store/mbox/mbox.h"
#include "lib/arena.h"
#include "lib/collate.h"
#include "lib/err.h"

enum search_op {
	SEARCH_ALL, SEARCH_AND, SEARCH_OR, SEARCH_NOT,
	SEARCH_FUZZY,			/* what resembles .child would do; exact for now */
	SEARCH_FILTER,			/* .child, a program that the caller has by .name */
	SEARCH_SAVED,			/* a set that the caller has: he puts it in, before */
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
	SEARCH_GUID,			/* begins with the bytes of .text; none if it is empty */
	SEARCH_YOUNGER, SEARCH_OLDER,	/* .number seconds before the search's now */
	SEARCH_SAVEDBEFORE, SEARCH_SAVEDON, SEARCH_SAVEDSINCE,	/* save date's day, UTC */
	SEARCH_ANNOTATION,		/* one named .name (annot_matches()) contains .text */
};

/* .flag of SEARCH_ANNOTATION: whose, and "none of them is there" */
enum { SEARCH_OWN = 1, SEARCH_SHARED = 2, SEARCH_NONE = 4 };

/* Both ends inclusive, in the view's numbers or UIDs; "*" resolved already. */
struct search_range {
	uint32_t first, last;
};

struct search_key {
	enum search_op op;
	struct search_key *child;	/* AND, OR, NOT, FUZZY, FILTER: first operand */
	struct search_key *next;	/* the next operand of the same parent */
	struct search_range *range;
	size_t ranges;
	uint32_t flag;
	/* Dates: days since 1970-01-01 of the date as written, no zone. */
	uint64_t number;
	struct str name;
	struct str text;		/* UTF-8; search_prepare() makes its key */
};

struct search_source {
	/* ERR_UNSUPPORTED: all are candidates; other errors end the search. */
	enum err (*candidates)(void *ctx, struct mbox *m, const struct search_key *key,
	    struct uidset *uids);
	void *ctx;
};

/* Told now and then, at least for each message that is read: it should be quick. */
struct search_progress {
	void (*step)(void *ctx, uint32_t done, uint32_t total);
	void *ctx;
};

struct search_how {
	enum collation collation;
	int64_t now;			/* unix seconds */
	const struct search_source *source;	/* NULL: none */
	const struct search_progress *progress;	/* NULL: nobody wants to know */
};

/*
 * Makes the strings' keys and orders the operands; the tree is changed in
 * place, once, and is good for any number of searches made in the same way.
 */
void search_prepare(struct arena *arena, const struct search_how *how,
    struct search_key *key);

/* The sequence numbers in the view that match, rising.  ERR_LIMIT: arena full. */
enum err search_run(struct mbox *m, struct arena *arena, const struct search_how *how,
    const struct search_key *key, uint32_t **seqs, size_t *count) MUST_CHECK;

/*
 * Which of the N numbers at SEQS match?  They are moved to the front, *count of
 * them; no source is asked.
 */
enum err search_filter(struct mbox *m, struct arena *arena, const struct search_how *how,
    const struct search_key *key, uint32_t *seqs, size_t n, size_t *count) MUST_CHECK;

#endif
