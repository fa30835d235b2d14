#include "imap/imapd/message/context_program.h"

#include <string.h>

/* The number behind "*", in sequence numbers or UIDs. */
static uint32_t
last_of(struct mbox *m, bool uid)
{
	uint32_t count = mbox_count(m);

	return uid && count > 0 ? mbox_uid(m, count) : count;
}

/* One range as it was written (0: "*") to UIDs.  False: it names nothing. */
static bool
to_uids(struct mbox *m, struct search_range in, bool uid, struct search_range *out)
{
	uint32_t star = last_of(m, uid);
	bool open = (in.first == 0) != (in.last == 0);
	uint32_t a = in.first == 0 ? star : in.first, b = in.last == 0 ? star : in.last;

	*out = a <= b ? (struct search_range){ a, b } : (struct search_range){ b, a };
	if (out->first == 0)
		return false;		/* "*" of an empty mailbox */
	if (!uid && out->first > star)
		return false;		/* beyond the last message */
	if (!uid) {
		out->last = out->last < star ? out->last : star;
		out->first = mbox_uid(m, out->first);
		out->last = mbox_uid(m, out->last);
	}
	if (open)
		out->last = UINT32_MAX;
	return out->first != 0 && out->last != 0;
}

static bool
copy_ranges(struct arena *arena, struct mbox *m, const struct search_key *from,
    struct search_key *to)
{
	to->op = SEARCH_UID;
	to->ranges = 0;
	to->range = arena_alloc(arena, from->ranges * sizeof(*to->range) + 1);
	for (size_t i = 0; i < from->ranges && to->range != NULL; i++)
		to->ranges += to_uids(m, from->range[i], from->op == SEARCH_UID,
		    &to->range[to->ranges]);
	return to->range != NULL;
}

static bool
copy_saved(struct arena *arena, const struct uidset *saved, struct search_key *to)
{
	to->op = SEARCH_UID;
	to->ranges = saved->n;
	to->range = arena_alloc(arena, saved->n * sizeof(*to->range) + 1);
	for (size_t i = 0; i < saved->n && to->range != NULL; i++)
		to->range[i] = (struct search_range){ saved->r[i].first, saved->r[i].last };
	return to->range != NULL;
}

static bool
copy_str(struct arena *arena, struct str *s)
{
	s->p = arena_copy(arena, s->p, s->n);
	return s->p != NULL;
}

struct search_key *
context_program(struct arena *arena, struct mbox *m, const struct uidset *saved,
    const struct search_key *key)
{
	struct search_key *copy = arena_new_obj(arena, struct search_key);
	struct search_key **to;

	if (copy == NULL)
		return NULL;
	*copy = *key;
	copy->child = copy->next = NULL;
	if (!copy_str(arena, &copy->name) || !copy_str(arena, &copy->text))
		return NULL;
	if (((key->op == SEARCH_SEQ || key->op == SEARCH_UID)
	    && !copy_ranges(arena, m, key, copy))
	    || (key->op == SEARCH_SAVED && !copy_saved(arena, saved, copy)))
		return NULL;
	to = &copy->child;
	for (const struct search_key *k = key->child; k != NULL; k = k->next) {
		*to = context_program(arena, m, saved, k);
		if (*to == NULL)
			return NULL;
		to = &(*to)->next;
	}
	return copy;
}
