#include "imap/store/search/sort_known.h"

#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

/* More new messages than this share of all: sort all of them anew. */
enum { FEW = 16 };

void
sort_known_free(struct sort_known *k)
{
	free(k->uid);
	free(k->rank);
	*k = (struct sort_known){ .n = 0 };
}

static bool
is_known(const struct sort_known *k, const struct sort_order *order)
{
	if (k->criteria_count == 0 || k->criteria_count != order->count
	    || k->collation != order->collation)
		return false;
	for (size_t i = 0; i < order->count; i++)
		if (k->criteria[i].by != order->criteria[i].by
		    || k->criteria[i].reverse != order->criteria[i].reverse)
			return false;
	return true;
}

/* The N sorted numbers at SEQS are all of the view. */
static void
remember(struct mbox *m, struct sort_known *k, const struct sort_order *order,
    const uint32_t *seqs, size_t n)
{
	sort_known_free(k);
	if (order->count == 0 || order->count > SORT_KNOWN_CRITERIA || sort_may_change(order))
		return;
	memcpy(k->criteria, order->criteria, order->count * sizeof(k->criteria[0]));
	k->criteria_count = order->count;
	k->collation = order->collation;
	k->n = n;
	k->uid = mem_get(n * sizeof(*k->uid));
	k->rank = mem_get(n * sizeof(*k->rank));
	for (size_t i = 0; i < n; i++) {
		k->uid[seqs[i] - 1] = mbox_uid(m, seqs[i]);
		k->rank[seqs[i] - 1] = (uint32_t)i;
	}
}

/*
 * The N numbers at SEQS, which rise, at their places: PLACED[rank], 0 where
 * nothing is.  Returns how many of them are known, which are the first ones.
 */
static size_t
place(struct mbox *m, const struct sort_known *k, const uint32_t *seqs, size_t n,
    uint32_t *placed)
{
	size_t at = 0, i = 0;

	for (; i < n; i++) {
		uint32_t uid = mbox_uid(m, seqs[i]);

		while (at < k->n && k->uid[at] < uid)
			at++;
		if (at == k->n || k->uid[at] != uid)
			break;
		placed[k->rank[at]] = seqs[i];
	}
	return i;
}

/* Brings the order up to all that is in the view: by now, some more. */
static enum err
learn(struct mbox *m, struct sort_known *k, const struct sort_order *order)
{
	uint32_t count = mbox_count(m);
	uint32_t *all = mem_get(((size_t)count + 1) * sizeof(*all));
	uint32_t *placed = mem_zero(k->n + 1, sizeof(*placed));
	size_t old, n = 0;
	enum err e = OK;

	for (uint32_t i = 0; i < count; i++)
		all[i] = i + 1;
	old = place(m, k, all, count, placed);
	if (count - old > count / FEW) {
		e = sort_run(m, order, all, count);
		n = count;
	} else {
		for (size_t i = 0; i < k->n; i++)
			if (placed[i] != 0)
				all[n++] = placed[i];
	}
	/* Those that are new come behind all others in the view. */
	for (; n < count && e == OK; n++) {
		uint32_t seq = (uint32_t)n + 1;
		size_t at;

		e = sort_place(m, order, all, n, seq, &at);
		if (e != OK)
			break;
		memmove(all + at + 1, all + at, (n - at) * sizeof(*all));
		all[at] = seq;
	}
	if (e == OK)
		remember(m, k, order, all, count);
	free(placed);
	free(all);
	return e;
}

/* False: not all of them are known. */
static bool
from_memory(struct mbox *m, const struct sort_known *k, uint32_t *seqs, size_t n)
{
	uint32_t *placed = mem_zero(k->n + 1, sizeof(*placed));
	bool all = place(m, k, seqs, n, placed) == n;
	size_t to = 0;

	for (size_t i = 0; i < k->n && all; i++)
		if (placed[i] != 0)
			seqs[to++] = placed[i];
	free(placed);
	return all;
}

enum err
sort_known_run(struct mbox *m, struct sort_known *k, const struct sort_order *order,
    uint32_t *seqs, size_t n)
{
	enum err e;

	if (is_known(k, order)) {
		if (from_memory(m, k, seqs, n))
			return OK;
		e = learn(m, k, order);
		if (e != OK)
			return e;
		if (from_memory(m, k, seqs, n))
			return OK;
	}
	e = sort_run(m, order, seqs, n);
	if (e == OK && n == mbox_count(m))
		remember(m, k, order, seqs, n);
	return e;
}
