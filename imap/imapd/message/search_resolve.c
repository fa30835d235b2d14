/* search_resolve.c - fitting the sets of a search to the mailbox */
#include "imap/imapd/message/search_resolve.h"
#include "imap/imapd/message/msgset.h"

/*
 * What is beyond the last message finds nothing: "it MUST NOT be considered an
 * error if the search terms include a range of message numbers that extends (or,
 * in fact, starts) beyond the end of the mailbox" (RFC 7377 section 2, of SEARCH
 * too).  False: nothing of the range is there.
 */
static bool
within(uint32_t count, struct search_range *r)
{
	uint32_t *high = r->first < r->last ? &r->last : &r->first;
	uint32_t low = r->first < r->last ? r->first : r->last;

	if (low == 0)			/* "*" is the last one */
		return true;
	if (*high > count)
		*high = count;
	return low <= count;
}

static enum err
resolve_set(struct arena *arena, struct mbox *m, struct search_key *key)
{
	struct sequence_set set = { .count = 0 };

	set.range = arena_alloc(arena, key->ranges * sizeof set.range[0] + 1);
	if (!set.range)
		return ERR_LIMIT;
	for (size_t i = 0; i < key->ranges; i++) {
		struct search_range r = key->range[i];

		if (key->op == SEARCH_UID || within(mbox_count(m), &r))
			set.range[set.count++] = (struct seq_range){ r.first, r.last };
	}
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
