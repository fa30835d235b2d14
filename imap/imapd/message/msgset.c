#include "imap/imapd/message/msgset.h"

#include <stdlib.h>

static int
by_first(const void *a, const void *b)
{
	const struct search_range *x = a, *y = b;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorts, and joins what overlaps or touches; returns how many are left. */
static size_t
merge(struct search_range *r, size_t n)
{
	if (n == 0)
		return 0;
	qsort(r, n, sizeof(*r), by_first);
	size_t last = 0;
	for (size_t i = 1; i < n; i++) {
		if (r[i].first > r[last].last + UINT64_C(1)) {
			r[++last] = r[i];
		} else if (r[i].last > r[last].last) {
			r[last].last = r[i].last;
		}
	}
	return last + 1;
}

/* A range with "*" resolved and its smaller end first. */
static struct search_range
ordered(const struct seq_range *in, uint32_t star)
{
	uint32_t a = in->first == 0 ? star : in->first;
	uint32_t b = in->last == 0 ? star : in->last;
	return a <= b ? (struct search_range){ a, b } : (struct search_range){ b, a };
}

/* UIDs first..last as numbers in the view; false: none of them is there. */
static bool
by_uid(struct mbox *m, const struct seq_range *in, struct search_range *r)
{
	uint32_t count = mbox_count(m);
	*r = ordered(in, count > 0 ? mbox_uid(m, count) : 0);
	r->first = mbox_seq_from_uid(m, r->first);
	r->last = r->last == UINT32_MAX ? count : mbox_seq_from_uid(m, r->last + 1) - 1;
	return r->first <= r->last && r->first <= count;
}

/*
 * Numbers as they are: ERR_NOTFOUND: nothing, ERR_SYNTAX: beyond the end.  A
 * range with "*" always has the last message in it: "6:*" of five is 5:6 by
 * RFC 3501 section 9, and clients who ask for what is new rely on OK.
 */
static enum err
by_number(struct mbox *m, const struct seq_range *in, struct search_range *r)
{
	uint32_t count = mbox_count(m);
	bool has_star = in->first == 0 || in->last == 0;
	if (count == 0 && has_star)
		return ERR_NOTFOUND;
	*r = ordered(in, count);
	if (has_star && r->last > count)
		r->last = count;
	return r->last > count ? ERR_SYNTAX : OK;
}

enum err
msgset_ranges(struct arena *arena, struct mbox *m, const struct sequence_set *set,
    bool uid, struct search_range **range, size_t *count)
{
	struct search_range *r = arena_alloc(arena, set->count * sizeof(*r));
	if (r == NULL)
		return ERR_LIMIT;
	size_t n = 0;
	for (size_t i = 0; i < set->count; i++) {
		if (uid) {
			n += by_uid(m, &set->range[i], &r[n]);
			continue;
		}
		enum err e = by_number(m, &set->range[i], &r[n]);
		if (e == ERR_SYNTAX)
			return e;
		n += e == OK;
	}
	*count = merge(r, n);
	*range = r;
	return OK;
}

enum err
msgset_saved(struct arena *arena, struct mbox *m, const struct uidset *uids,
    struct search_range **range, size_t *count)
{
	struct search_range *r = arena_alloc(arena, uids->n * sizeof(*r));
	if (r == NULL)
		return ERR_LIMIT;
	size_t n = 0;
	for (size_t i = 0; i < uids->n; i++) {
		const struct seq_range in = { uids->r[i].first, uids->r[i].last };
		n += by_uid(m, &in, &r[n]);
	}
	*count = merge(r, n);
	*range = r;
	return OK;
}

enum err
msgset_uids(struct arena *arena, struct mbox *m, const struct search_range *range,
    size_t count, uint32_t **uids, size_t *n)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += range[i].last - range[i].first + UINT64_C(1);
	*n = 0;
	*uids = arena_alloc(arena, (total + 1) * sizeof(**uids));
	if (*uids == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++)
		for (uint32_t seq = range[i].first; seq <= range[i].last; seq++)
			(*uids)[(*n)++] = mbox_uid(m, seq);
	return OK;
}
