/* search_prepare.c - a search program, made ready to be run */
#include "imap/store/search/search_in.h"

#include "lib/buf.h"

#include <stdlib.h>

/* What a test costs at most, in its order. */
enum cost { COST_NUMBER, COST_RECORD, COST_CACHE, COST_HEADER, COST_BODY };

static enum cost
cost_of(const struct search_key *key)
{
	enum cost most = COST_NUMBER, c;

	switch (key->op) {
	case SEARCH_ALL:
	case SEARCH_SAVED:
	case SEARCH_SEQ:
	case SEARCH_UID:
		return COST_NUMBER;
	case SEARCH_FLAG:
	case SEARCH_KEYWORD:
	case SEARCH_RECENT:
	case SEARCH_LARGER:
	case SEARCH_SMALLER:
	case SEARCH_BEFORE:
	case SEARCH_ON:
	case SEARCH_SINCE:
	case SEARCH_MODSEQ:
	case SEARCH_GUID:
	case SEARCH_YOUNGER:
	case SEARCH_OLDER:
	case SEARCH_SAVEDBEFORE:
	case SEARCH_SAVEDON:
	case SEARCH_SAVEDSINCE:
		return COST_RECORD;
	case SEARCH_SENTBEFORE:
	case SEARCH_SENTON:
	case SEARCH_SENTSINCE:
		return COST_CACHE;
	case SEARCH_ANNOTATION:
		return COST_CACHE;
	case SEARCH_HEADER:
		return cache_has_header(key->name) ? COST_CACHE : COST_HEADER;
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return COST_BODY;
	case SEARCH_AND:
	case SEARCH_OR:
	case SEARCH_NOT:
	case SEARCH_FUZZY:
	case SEARCH_FILTER:
		for (const struct search_key *k = key->child; k; k = k->next) {
			c = cost_of(k);
			most = c > most ? c : most;
		}
		return most;
	}
	return most;
}

static int
by_first(const void *a, const void *b)
{
	const struct search_range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Rising and apart, so that membership is a binary search. */
static void
normalize_ranges(struct search_key *key)
{
	size_t n = 0;

	if (key->ranges == 0)
		return;
	qsort(key->range, key->ranges, sizeof key->range[0], by_first);
	for (size_t i = 0; i < key->ranges; i++) {
		struct search_range r = key->range[i];

		if (n > 0 && r.first <= key->range[n - 1].last) {
			if (r.last > key->range[n - 1].last)
				key->range[n - 1].last = r.last;
			continue;
		}
		key->range[n++] = r;
	}
	key->ranges = n;
}

/* Cheap operands first; among equals the order stays as it was. */
static void
sort_operands(struct search_key *key)
{
	struct search_key *queue[COST_BODY + 1] = { NULL }, **end[COST_BODY + 1];

	for (int c = 0; c <= COST_BODY; c++)
		end[c] = &queue[c];
	for (struct search_key *k = key->child; k; k = k->next) {
		enum cost c = cost_of(k);

		*end[c] = k;
		end[c] = &k->next;
	}
	struct search_key **to = &key->child;

	for (int c = 0; c <= COST_BODY; c++) {
		if (end[c] == &queue[c])
			continue;
		*to = queue[c];
		to = end[c];
	}
	*to = NULL;
}

static void
fold_text(struct arena *arena, enum collation collation, struct search_key *key)
{
	struct buf folded = BUF_INIT;

	collate_key(collation, key->text, &folded);
	char *copy = arena_copy(arena, folded.p, folded.n);

	/* NULL tells search_run() that the arena was full. */
	key->text = copy ? (struct str){ copy, folded.n } : (struct str){ NULL, 0 };
	buf_free(&folded);
}

void
search_prepare(struct arena *arena, const struct search_how *how, struct search_key *key)
{
	for (struct search_key *k = key->child; k; k = k->next)
		search_prepare(arena, how, k);
	if (key->op == SEARCH_AND || key->op == SEARCH_OR)
		sort_operands(key);
	if (key->op == SEARCH_SEQ || key->op == SEARCH_UID)
		normalize_ranges(key);
	if (search_is_text(key))
		fold_text(arena, how->collation, key);
}
