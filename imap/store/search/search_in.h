/* search_in.h - the inside of a search, for search*.c */
#ifndef IMAP_STORE_SEARCH_SEARCH_IN_H
#define IMAP_STORE_SEARCH_SEARCH_IN_H

#include "imap/store/search/search.h"
#include "imap/store/search/search_text.h"

/* A key bound to a mailbox. */
struct search_test {
	const struct search_key *key;
	struct search_test *child, *next;
	int keyword;			/* its bit; -1: the mailbox has none such */
};

struct search_run {
	struct mbox *m;
	struct search_text *text;	/* made when first needed */
	struct arena *arena;
	const struct search_how *how;
	enum err err;
	/* The message at hand. */
	uint32_t seq, uid;
	bool have_record;
	struct message record;
};

/* Has the key a text that is to be found? */
static inline bool
search_is_text(const struct search_key *key)
{
	return key->op == SEARCH_HEADER || key->op == SEARCH_BODY || key->op == SEARCH_TEXT
	    || key->op == SEARCH_ANNOTATION;
}

/* Of the message at hand; false if R->err is set. */
bool search_match(struct search_run *r, const struct search_test *t);

#endif
