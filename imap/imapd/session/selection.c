/* selection.c - the messages of the selected mailbox that a command names */
#include "imap/imapd/session/selection.h"

enum err
selection_ranges(struct session *s, struct command *c, const struct sequence_set *set,
    struct search_range **range, size_t *n)
{
	enum err e = set->saved ? msgset_saved(c->arena, s->mbox, &s->saved, range, n)
	    : msgset_ranges(c->arena, s->mbox, set, c->uid, range, n);

	if (e == ERR_SYNTAX)
		c->text = "There is no message with that sequence number";
	return e;
}

enum err
selection_uids(struct session *s, struct command *c, const struct sequence_set *set,
    uint32_t **uids, size_t *n)
{
	struct search_range *range;
	size_t ranges;
	enum err e = selection_ranges(s, c, set, &range, &ranges);

	return e == OK ? msgset_uids(c->arena, s->mbox, range, ranges, uids, n) : e;
}
