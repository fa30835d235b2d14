/* search_resolve.c - fitting the sets of a search to the mailbox */
#include "imap/imapd/message/search_resolve.h"
#include "imap/imapd/message/msgset.h"

static enum err
resolve_set(struct arena *arena, struct mbox *m, struct search_key *key)
{
	struct sequence_set set = { .count = key->ranges };

	set.range = arena_alloc(arena, set.count * sizeof set.range[0]);
	if (!set.range)
		return ERR_LIMIT;
	for (size_t i = 0; i < set.count; i++)
		set.range[i] = (struct seq_range){ key->range[i].first, key->range[i].last };
	return msgset_ranges(arena, m, &set, key->op == SEARCH_UID, &key->range, &key->ranges);
}

enum err
search_resolve(struct arena *arena, struct mbox *m, const struct uidset *saved,
    struct search_key *key)
{
	enum err e = OK;

	for (struct search_key *k = key->child; k && e == OK; k = k->next)
		e = search_resolve(arena, m, saved, k);
	if (e != OK)
		return e;
	if (key->op == SEARCH_SEQ || key->op == SEARCH_UID)
		e = resolve_set(arena, m, key);
	else if (key->op == SEARCH_SAVED)
		e = msgset_saved(arena, m, saved, &key->range, &key->ranges);
	else
		return OK;
	key->op = SEARCH_SEQ;
	return e;
}
