/*
 * sort_ranks.h - messages' places by one text, as numbers
 *
 * A message's rank is a number, so that messages compare by a text as their ranks do;
 * equal texts have equal ranks.  Where many messages of a large mailbox are sorted, the
 * ranks come from cyrus.sort (imap/disk/ranks.h), and cost two numbers a message.  Those of
 * a few new messages are found between them by some keys each; when there are many, the
 * keys of all are made, and their order is kept for the next session.
 *
 * Memory: 40 bytes a message; where all keys are made 60, and theirs, up to SORT_MEMORY.
 */
#ifndef IMAP_STORE_SEARCH_SORT_RANKS_H
#define IMAP_STORE_SEARCH_SORT_RANKS_H

#include "imap/store/search/sort_key.h"

enum { SORT_RANKS_MIN = 200 };		/* nothing is kept of a smaller mailbox */

/*
 * rank[i], 1 to *highest, of the messages seqs[0..n-1], which rise; C is no number.
 * ERR_LIMIT: the keys are too much.
 */
enum err sort_ranks(struct sort_maker *k, const struct sort_criterion *c,
    const uint32_t *seqs, size_t n, uint32_t *rank, uint32_t *highest) MUST_CHECK;

#endif
