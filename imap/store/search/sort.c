/*
 * sort.c - messages in the order of some criteria
 *
 * By the last criterion first, each time so that equal ones stay as they are: then the
 * first one decides, and the others where it does not.  Each criterion is a
 * number a message has: its own, or its rank among all by a text.
 */
#include "imap/store/search/sort.h"

#include "imap/store/search/sort_key.h"
#include "imap/store/search/sort_ranks.h"
#include "lib/mem.h"

#include <stdlib.h>

enum { DIGITS = 8 };			/* of a number: its bytes */

struct sorting {
	struct sort_maker k;
	const uint32_t *seqs;		/* rising */
	size_t n;
	uint32_t *order, *spare;	/* places in seqs, as they are sorted by now */
};

/* --- numbers --- */

/* By digit D of their numbers; NEXT: where those of each digit begin. */
static void
deal_out(struct sorting *s, const uint64_t *number, size_t d, uint32_t next[256])
{
	uint32_t *was = s->order;

	for (size_t i = 0; i < s->n; i++)
		s->spare[next[number[was[i]] >> 8 * d & 255]++] = was[i];
	s->order = s->spare;
	s->spare = was;
}

static bool
is_sorted(const struct sorting *s, const uint64_t *number)
{
	for (size_t i = 1; i < s->n; i++)
		if (number[s->order[i - 1]] > number[s->order[i]])
			return false;
	return true;
}

/* Digit by digit, the least one first, but for those that are the same in all. */
static void
sort_by_numbers(struct sorting *s, const uint64_t *number)
{
	uint32_t (*count)[256];

	if (is_sorted(s, number))
		return;
	count = mem_zero(DIGITS, sizeof(*count));
	for (size_t i = 0; i < s->n; i++)
		for (size_t d = 0; d < DIGITS; d++)
			count[d][number[i] >> 8 * d & 255]++;
	for (size_t d = 0; d < DIGITS; d++) {
		uint32_t at = 0;

		if (count[d][number[0] >> 8 * d & 255] == s->n)
			continue;
		for (size_t i = 0; i < 256; i++) {
			uint32_t n = count[d][i];

			count[d][i] = at;
			at += n;
		}
		deal_out(s, number, d, count[d]);
	}
	free(count);
}

static enum err
by_number(struct sorting *s, const struct sort_criterion *c)
{
	uint64_t *number = mem_get(s->n * sizeof(*number));
	uint64_t turn = c->reverse ? UINT64_MAX : 0;
	struct message msg;
	enum err e = OK;

	for (size_t i = 0; i < s->n && e == OK; i++) {
		e = mbox_message(s->k.m, s->seqs[i], &msg);
		if (e == OK)
			number[i] = (uint64_t)sort_number(&msg, c->by)
			    ^ UINT64_C(1) << 63 ^ turn;
	}
	if (e == OK)
		sort_by_numbers(s, number);
	free(number);
	return e;
}

/* --- ranks --- */

static void
sort_by_ranks(struct sorting *s, const uint32_t *rank, uint32_t highest, bool reverse)
{
	uint32_t *next = mem_zero((size_t)highest + 1, sizeof(*next));
	uint32_t *was = s->order, at = 0;

	for (size_t i = 0; i < s->n; i++)
		next[rank[i]]++;
	for (size_t i = 0; i <= highest; i++) {
		uint32_t *slot = &next[reverse ? highest - i : i], n = *slot;

		*slot = at;
		at += n;
	}
	for (size_t i = 0; i < s->n; i++)
		s->spare[next[rank[was[i]]]++] = was[i];
	s->order = s->spare;
	s->spare = was;
	free(next);
}

static enum err
by_text(struct sorting *s, const struct sort_criterion *c)
{
	uint32_t *rank = mem_get(s->n * sizeof(*rank));
	uint32_t highest;
	enum err e = sort_ranks(&s->k, c, s->seqs, s->n, rank, &highest);

	if (e == OK)
		sort_by_ranks(s, rank, highest, c->reverse);
	free(rank);
	return e;
}

/* --- all of it --- */

bool
sort_may_change(const struct sort_order *order)
{
	for (size_t i = 0; i < order->count; i++)
		if (order->criteria[i].by == SORT_ANNOTATION)
			return true;
	return false;
}

static int
by_seq(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
let_rise(uint32_t *seqs, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (seqs[i - 1] > seqs[i]) {
			qsort(seqs, n, sizeof(*seqs), by_seq);
			return;
		}
}

enum err
sort_run(struct mbox *m, const struct sort_order *order, uint32_t *seqs, size_t n)
{
	uint32_t *memory = mem_get(3 * n * sizeof(*memory));
	struct sorting s = { .seqs = memory, .n = n, .order = memory + n, .spare = memory + 2 * n };
	enum err e = OK;

	let_rise(seqs, n);
	for (size_t i = 0; i < n; i++) {
		memory[i] = seqs[i];
		s.order[i] = (uint32_t)i;
	}
	sort_maker_init(&s.k, m, order->collation);
	for (size_t i = order->count; i > 0 && n > 0 && e == OK; i--) {
		const struct sort_criterion *c = &order->criteria[i - 1];

		if (c->by != SORT_RELEVANCY)
			e = sort_is_number(c->by) ? by_number(&s, c) : by_text(&s, c);
	}
	for (size_t i = 0; i < n && e == OK; i++)
		seqs[i] = memory[s.order[i]];
	sort_maker_fini(&s.k);
	free(memory);
	return e;
}

enum err
sort_place(struct mbox *m, const struct sort_order *order, const uint32_t *seqs,
    size_t n, uint32_t seq, size_t *at)
{
	struct buf own = BUF_INIT, other = BUF_INIT;
	size_t low = 0, high = n;
	struct sort_maker k;
	enum err e;

	sort_maker_init(&k, m, order->collation);
	e = sort_key(&k, seq, order, &own);
	while (low < high && e == OK) {
		size_t mid = low + (high - low) / 2;
		int c;

		buf_reset(&other);
		e = sort_key(&k, seqs[mid], order, &other);
		c = str_cmp(buf_str(&other), buf_str(&own));
		if (c < 0 || (c == 0 && seqs[mid] < seq))
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	sort_maker_fini(&k);
	buf_free(&own);
	buf_free(&other);
	return e;
}
