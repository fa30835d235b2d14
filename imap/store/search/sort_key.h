/*
 * sort_key.h - what messages are sorted by, as bytes
 *
 * Of each criterion a message has a part of a key, so that messages compare by it as
 * the bytes of their parts do; parts can be put one behind the other.
 *
 * The parts of texts are what cyrus.sort keeps the order of (imap/disk/ranks.h): who
 * changes what they are made of raises SORT_KEYS, and what was kept is forgotten.
 *
 * Ownership: a maker has memory; sort_maker_fini().
 * Limits: SORT_TEXT bytes of a text count.
 */
#ifndef IMAP_STORE_SEARCH_SORT_KEY_H
#define IMAP_STORE_SEARCH_SORT_KEY_H

#include "imap/store/search/sort.h"

enum { SORT_KEYS = 1 };

struct sort_maker {
	struct mbox *m;
	enum collation collation;
	struct arena *arena;
	struct arena_mark empty;
	struct buf text, folded;
};

void sort_maker_init(struct sort_maker *k, struct mbox *m, enum collation collation);
void sort_maker_fini(struct sort_maker *k);

bool sort_is_number(enum sort_by by);
/* MSG's, of a criterion that is a number. */
int64_t sort_number(const struct message *msg, enum sort_by by);

/*
 * Appends the part of message SEQ for a criterion that is no number.  *is_sure, if not
 * NULL, becomes false when the part is that of an empty text only because the
 * message could not be read.
 */
enum err sort_text_key(struct sort_maker *k, uint32_t seq, const struct sort_criterion *c,
    struct buf *key, bool *is_sure) MUST_CHECK;

/* Appends SEQ's whole key; parts that are reversed have all bits turned. */
enum err sort_key(struct sort_maker *k, uint32_t seq, const struct sort_order *order,
    struct buf *key) MUST_CHECK;

#endif
