/* search_resolve.c - fitting the sets of a search to the mailbox */
#include "imap/imapd/search_resolve.h"
#include "imap/imapd/msgset.h"

enum err
search_resolve(struct arena *arena, struct mbox *m, struct search_key *key)
{
	enum err e = OK;

	for (struct search_key *k = key->child; k && e == OK; k = k->next)
		e = search_resolve(arena, m, k);
	if (e != OK || (key->op != SEARCH_SEQ && key->op != SEARCH_UID))
		return e;

	struct sequence_set set = { .count = key->ranges };

	set.range = arena_alloc(arena, set.count * sizeof set.range[0]);
	if (!set.range)
		return ERR_LIMIT;
	for (size_t i = 0; i < set.count; i++)
		set.range[i] = (struct seq_range){ key->range[i].first, key->range[i].last };
	e = msgset_ranges(arena, m, &set, key->op == SEARCH_UID, &key->range, &key->ranges);
	key->op = SEARCH_SEQ;
	return e;
}
