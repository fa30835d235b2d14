/*
 * sort_ranks.c - messages' places by one text, as numbers
 *
 * What is kept must be right for ever, so what was found out while a message could not be
 * read is not: of a message whose own key could not be made nothing is kept, and
 * nothing at all of a search that met such a key.  The answer is then as good as can be.
 */
#include "imap/store/search/sort_ranks.h"

#include "imap/store/mbox/ranked.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	WANTED = 64,		/* of all: for fewer it is cheaper to make their keys */
	NEW = 32,		/* more than this share unknown: so it is, too */
	KEEP_NEW = 16,		/* so many are worth a new file, and of a large mailbox */
	KEEP_SHARE = 2048,	/*   this share more */
};

/* The letters of cyrus.sort. */
static const char texts[] = {
	[SORT_CC] = 'C', [SORT_FROM] = 'F', [SORT_SUBJECT] = 'S', [SORT_TO] = 'T',
	[SORT_DISPLAYFROM] = 'f', [SORT_DISPLAYTO] = 't', [SORT_ANNOTATION] = '\0',
};
static const char collations[COLLATIONS] = {
	[COLLATE_UNICODE_CASEMAP] = 'u', [COLLATE_ASCII_CASEMAP] = 'a', [COLLATE_OCTET] = 'o',
};

struct item {
	uint64_t start;			/* the key's first eight bytes */
	size_t at;			/* where it is in the keys */
	uint32_t n;
	uint32_t i;			/* whose: seqs[i] */
};

/* Ranks that are being found. */
struct ranking {
	struct sort_maker *k;
	const struct sort_criterion *c;
	const uint32_t *seqs;
	size_t n;
	uint32_t *rank;			/* 0: not known (yet) */
	uint32_t highest;
	bool *unsure;			/* those whose key could not be made, or NULL */
	bool doubtful;			/* nothing of it can be kept */
};

/* --- keys --- */

static uint64_t
start_of(struct str key)
{
	uint64_t start = 0;

	for (size_t i = 0; i < 8; i++)
		start = start << 8 | (i < key.n ? (unsigned char)key.p[i] : 0);
	return start;
}

static struct str
key_of(const struct item *it, const char *keys)
{
	return (struct str){ keys + it->at, it->n };
}

static int
by_key(const void *a, const void *b, void *keys)
{
	const struct item *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return str_cmp(key_of(x, keys), key_of(y, keys));
}

static enum err
add_item(struct ranking *r, size_t i, struct buf *keys, struct item *it)
{
	bool is_sure = true;
	size_t at = keys->n;
	enum err e = sort_text_key(r->k, r->seqs[i], r->c, keys, &is_sure);

	if (e == OK && keys->n > SORT_MEMORY)
		e = ERR_LIMIT;
	*it = (struct item){ .at = at, .n = (uint32_t)(keys->n - at), .i = (uint32_t)i,
	    .start = start_of((struct str){ keys->p + at, keys->n - at }) };
	if (!is_sure && r->unsure != NULL)
		r->unsure[i] = true;
	return e;
}

/* Items of all whose rank is 0, sorted by their keys. */
static enum err
collect(struct ranking *r, struct buf *keys, struct item *items, size_t *n)
{
	enum err e = OK;

	*n = 0;
	for (size_t i = 0; i < r->n && e == OK; i++)
		if (r->rank[i] == 0)
			e = add_item(r, i, keys, &items[(*n)++]);
	if (e == OK)
		qsort_r(items, *n, sizeof(*items), by_key, keys->p);
	return e;
}

/* All of them by their keys, whatever is known. */
static enum err
by_keys(struct ranking *r)
{
	struct item *items = mem_get(r->n * sizeof(*items));
	struct buf keys = BUF_INIT;
	size_t n;
	enum err e;

	memset(r->rank, 0, r->n * sizeof(*r->rank));
	e = collect(r, &keys, items, &n);
	r->highest = 0;
	for (size_t i = 0; i < n && e == OK; i++) {
		if (i == 0 || by_key(&items[i - 1], &items[i], keys.p) != 0)
			r->highest++;
		r->rank[items[i].i] = r->highest;
	}
	buf_free(&keys);
	free(items);
	return e;
}

/* --- a few new ones among those that are known --- */

/* The places of all that are known, in the order of their ranks; how many. */
static size_t
sort_known_ones(const struct ranking *r, uint32_t *known)
{
	uint32_t *next = mem_zero((size_t)r->highest + 2, sizeof(*next));
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->rank[i] != 0) {
			next[r->rank[i] + 1]++;
			n++;
		}
	for (size_t i = 1; i <= r->highest; i++)
		next[i + 1] += next[i];
	for (size_t i = 0; i < r->n; i++)
		if (r->rank[i] != 0)
			known[next[r->rank[i]]++] = (uint32_t)i;
	free(next);
	return n;
}

/* Compares the key of a known one with KEY. */
static enum err
compare(struct ranking *r, uint32_t i, struct str key, struct buf *other, int *order)
{
	bool is_sure = true;
	enum err e;

	buf_reset(other);
	e = sort_text_key(r->k, r->seqs[i], r->c, other, &is_sure);
	r->doubtful |= !is_sure;
	*order = str_cmp(buf_str(other), key);
	return e;
}

struct place {
	size_t before;			/* so many known ones */
	bool is_equal;			/* to the next known one */
};

/*
 * Where KEY stands; not before FROM.  Equal ones have equal ranks, so where the
 * first one stands that is not smaller a rank begins.
 */
static enum err
find_place(struct ranking *r, const uint32_t *known, size_t n, size_t from, struct str key,
    struct buf *other, struct place *p)
{
	size_t low = from, high = n;
	enum err e = OK;

	p->is_equal = false;
	while (low < high && e == OK) {
		size_t mid = low + (high - low) / 2;
		int order;

		e = compare(r, known[mid], key, other, &order);
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
		/* The last one that was not smaller is the one found. */
		if (order >= 0)
			p->is_equal = order == 0;
	}
	p->before = low;
	return e;
}

/* The new ones at their places, and all ranks without gaps. */
static void
merge(struct ranking *r, const uint32_t *known, size_t n, const struct item *items,
    const struct place *place, size_t new, const char *keys)
{
	uint32_t rank = 0, was = 0;
	size_t j = 0;

	for (size_t i = 0; i <= n; i++) {
		bool begins = i == n || r->rank[known[i]] != was;

		for (; begins && j < new && place[j].before == i && !place[j].is_equal; j++) {
			if (j == 0 || by_key(&items[j - 1], &items[j], (void *)(uintptr_t)keys) != 0)
				rank++;
			r->rank[items[j].i] = rank;
		}
		if (i == n)
			break;
		was = r->rank[known[i]];
		rank += begins;
		r->rank[known[i]] = rank;
		for (; j < new && place[j].before == i && place[j].is_equal; j++)
			r->rank[items[j].i] = rank;
	}
	r->highest = rank;
}

static enum err
put_in(struct ranking *r, size_t unknown)
{
	struct item *items = mem_get(unknown * sizeof(*items));
	struct place *place = mem_get((unknown + 1) * sizeof(*place));
	uint32_t *known = mem_get(r->n * sizeof(*known));
	size_t n = sort_known_ones(r, known), new;
	struct buf keys = BUF_INIT, other = BUF_INIT;
	enum err e = collect(r, &keys, items, &new);

	for (size_t j = 0; j < new && e == OK; j++)
		e = find_place(r, known, n, j > 0 ? place[j - 1].before : 0,
		    key_of(&items[j], keys.p), &other, &place[j]);
	if (e == OK)
		merge(r, known, n, items, place, new, keys.p);
	buf_free(&keys);
	buf_free(&other);
	free(known);
	free(place);
	free(items);
	return e;
}

/* --- what is kept --- */

/* The ranks that are known of them, and of how many none is. */
static size_t
match(struct ranking *r, const struct ranks *kept)
{
	size_t at = 0, unknown = 0;

	for (size_t i = 0; i < r->n; i++) {
		uint32_t uid = mbox_uid(r->k->m, r->seqs[i]);

		while (at < kept->n && kept->uid[at] < uid)
			at++;
		r->rank[i] = at < kept->n && kept->uid[at] == uid ? kept->rank[at] : 0;
		unknown += r->rank[i] == 0;
	}
	r->highest = kept->highest;
	return unknown;
}

static struct ranks_by
table_of(const struct ranking *r)
{
	return (struct ranks_by){ texts[r->c->by], collations[r->k->collation] };
}

static void
keep(struct ranking *r)
{
	struct ranks new;
	uint32_t last = 0;
	size_t n = 0;

	if (r->doubtful)
		return;
	ranks_new(&new, r->n);
	for (size_t i = 0; i < r->n; i++) {
		uint32_t uid = mbox_uid(r->k->m, r->seqs[i]);

		if (r->unsure[i] || uid <= last)
			continue;
		new.uid[n] = last = uid;
		new.rank[n++] = r->rank[i];
	}
	new.n = n;
	new.highest = r->highest;
	ranked_keep(r->k->m, SORT_KEYS, table_of(r), &new);
}

/* --- all of it --- */

/* WHOLE: they are all messages of the view, so what is found out can be kept. */
static enum err
find(struct ranking *r, bool whole)
{
	struct ranks kept;
	size_t unknown, was;
	enum err e;

	if (ranked_read(r->k->m, SORT_KEYS, table_of(r), &kept) != OK)
		kept = (struct ranks){ .n = 0 };
	was = kept.n;
	unknown = match(r, &kept);
	ranks_free(&kept);
	if (unknown > r->n / NEW)
		e = by_keys(r);
	else
		e = unknown > 0 ? put_in(r, unknown) : OK;
	if (e == OK && whole && (unknown > KEEP_NEW + r->n / KEEP_SHARE || was > 2 * r->n))
		keep(r);
	return e;
}

/* Of the whole view, and then those that are wanted. */
static enum err
find_among_all(struct ranking *r, uint32_t count)
{
	uint32_t *all = mem_get(2 * (size_t)count * sizeof(*all));
	struct ranking whole = { .k = r->k, .c = r->c, .seqs = all, .n = count,
	    .rank = all + count };
	enum err e;

	for (uint32_t i = 0; i < count; i++)
		all[i] = i + 1;
	whole.unsure = mem_zero(count, sizeof(*whole.unsure));
	e = find(&whole, true);
	for (size_t i = 0; i < r->n && e == OK; i++)
		r->rank[i] = whole.rank[r->seqs[i] - 1];
	r->highest = whole.highest;
	free(whole.unsure);
	free(all);
	return e;
}

enum err
sort_ranks(struct sort_maker *k, const struct sort_criterion *c, const uint32_t *seqs,
    size_t n, uint32_t *rank, uint32_t *highest)
{
	struct ranking r = { .k = k, .c = c, .seqs = seqs, .n = n, .rank = rank };
	uint32_t count = mbox_count(k->m);
	enum err e;

	if (c->by == SORT_ANNOTATION || count < SORT_RANKS_MIN || n < count / WANTED)
		e = by_keys(&r);
	else if (n < count / 2)
		e = find(&r, false);
	else
		e = find_among_all(&r, count);
	*highest = r.highest;
	return e;
}
