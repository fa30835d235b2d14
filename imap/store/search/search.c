/*
 * A search runs in two steps.  The key tree, already in order of cost, is
 * first bound to the mailbox (keyword names become bit numbers, the top level's
 * number sets a range of messages); then every message of the range is tested.
 * Per message nothing is fetched before a test asks for it: the index record,
 * the cached header, the message itself.  On the cheap path nothing is
 * allocated.
 *
 * A message whose file is gone matches no test that has to look into it; a
 * damaged index record ends the search.
 */
#include "imap/store/search/search_in.h"

enum { QUICK_ONES = 1024 };		/* messages between two words on progress */

static int
keyword_number(struct mbox *m, struct str name)
{
	for (unsigned i = 0; i < MBOX_KEYWORDS; i++) {
		const char *have = mbox_keyword(m, i);

		if (have && str_ieq(str_c(have), name))
			return (int)i;
	}
	return -1;
}

/* NULL: the arena is full. */
static struct search_test *
bind_key(struct mbox *m, struct arena *arena, const struct search_key *key)
{
	struct search_test *t = arena_new_obj(arena, struct search_test);

	if (!t || (search_is_text(key) && !key->text.p))
		return NULL;
	t->key = key;
	t->keyword = key->op == SEARCH_KEYWORD ? keyword_number(m, key->text) : -1;

	struct search_test **to = &t->child;

	for (const struct search_key *k = key->child; k; k = k->next) {
		*to = bind_key(m, arena, k);
		if (!*to)
			return NULL;
		to = &(*to)->next;
	}
	return t;
}

/* Narrows the range to what a set at the top level leaves over. */
static void
narrow(struct mbox *m, const struct search_key *key, uint32_t *first, uint32_t *last)
{
	uint32_t low, high;

	if (key->op == SEARCH_AND)
		for (const struct search_key *k = key->child; k; k = k->next)
			narrow(m, k, first, last);
	if (key->op != SEARCH_SEQ && key->op != SEARCH_UID)
		return;
	if (key->ranges == 0) {
		*last = 0;
		return;
	}
	low = key->range[0].first;
	high = key->range[key->ranges - 1].last;
	if (key->op == SEARCH_UID) {
		low = mbox_seq_from_uid(m, low);
		if (high < UINT32_MAX)
			high = mbox_seq_from_uid(m, high + 1) - 1;
	}
	*first = low > *first ? low : *first;
	*last = high < *last ? high : *last;
}

static bool
test_message(struct search_run *r, const struct search_test *t, uint32_t seq)
{
	r->seq = seq;
	r->uid = mbox_uid(r->m, seq);
	r->have_record = false;
	/* Its record has rotted. */
	if (r->uid == 0) {
		r->err = ERR_CORRUPT;
		return false;
	}
	if (r->text)
		search_text_next(r->text);
	return search_match(r, t);
}

/* Messages that need not be read are too quick to be counted one by one. */
static void
tell_progress(const struct search_run *r, size_t done, size_t total)
{
	const struct search_progress *p = r->how->progress;

	if (p && (r->text || done % QUICK_ONES == 0))
		p->step(p->ctx, (uint32_t)done, (uint32_t)total);
}

static enum err
run_tests(struct search_run *r, const struct search_test *t, uint32_t first, uint32_t last,
    uint32_t **seqs, size_t *count)
{
	size_t room = last >= first ? (size_t)last - first + 1 : 0;
	uint32_t *hit = arena_alloc(r->arena, room * sizeof *hit + 1);
	size_t n = 0;

	if (!hit)
		return ERR_LIMIT;
	for (uint32_t seq = first; seq <= last && r->err == OK; seq++) {
		if (test_message(r, t, seq))
			hit[n++] = seq;
		tell_progress(r, (size_t)seq - first + 1, room);
	}
	*seqs = hit;
	*count = n;
	return r->err;
}

enum err
search_filter(struct mbox *m, struct arena *arena, const struct search_how *how,
    const struct search_key *key, uint32_t *seqs, size_t n, size_t *count)
{
	struct search_run r = { .m = m, .arena = arena, .how = how };
	struct search_test *t = bind_key(m, arena, key);

	*count = 0;
	if (!t)
		return ERR_LIMIT;
	for (size_t i = 0; i < n && r.err == OK; i++) {
		if (test_message(&r, t, seqs[i]))
			seqs[(*count)++] = seqs[i];
		tell_progress(&r, i + 1, n);
	}
	search_text_free(r.text);
	return r.err;
}

/* The messages of the view that UIDS names, as far as they are in first..last. */
static enum err
seqs_of(struct mbox *m, struct arena *arena, const struct uidset *uids,
    const struct search_range *in, uint32_t **seqs, size_t *n)
{
	size_t room = (size_t)in->last - in->first + 1;

	*n = 0;
	*seqs = arena_alloc(arena, room * sizeof **seqs);
	if (!*seqs)
		return ERR_LIMIT;
	for (size_t i = 0; i < uids->n; i++) {
		uint32_t seq = mbox_seq_from_uid(m, uids->r[i].first);

		for (seq = seq > in->first ? seq : in->first; seq <= in->last; seq++) {
			if (mbox_uid(m, seq) > uids->r[i].last)
				break;
			(*seqs)[(*n)++] = seq;
		}
	}
	return OK;
}

struct hits {
	uint32_t *seqs;
	size_t n;
};

/* ERR_UNSUPPORTED: nobody knows anything. */
static enum err
run_candidates(struct mbox *m, struct arena *arena, const struct search_how *how,
    const struct search_key *key, const struct search_range *in, struct hits *out)
{
	struct uidset uids = UIDSET_INIT;
	uint32_t *seqs = NULL;
	size_t n = 0;
	enum err e = ERR_UNSUPPORTED;

	if (how->source != NULL && in->first <= in->last)
		e = how->source->candidates(how->source->ctx, m, key, &uids);
	if (e == OK)
		e = seqs_of(m, arena, &uids, in, &seqs, &n);
	if (e == OK)
		e = search_filter(m, arena, how, key, seqs, n, &n);
	uidset_free(&uids);
	*out = (struct hits){ seqs, n };
	return e;
}

enum err
search_run(struct mbox *m, struct arena *arena, const struct search_how *how,
    const struct search_key *key, uint32_t **seqs, size_t *count)
{
	struct search_run r = { .m = m, .arena = arena, .how = how };
	struct search_range in = { 1, mbox_count(m) };
	struct search_test *t = bind_key(m, arena, key);
	struct hits hits;
	enum err e;

	if (!t)
		return ERR_LIMIT;
	narrow(m, key, &in.first, &in.last);
	e = run_candidates(m, arena, how, key, &in, &hits);
	if (e != ERR_UNSUPPORTED) {
		*seqs = hits.seqs;
		*count = hits.n;
		return e;
	}
	e = run_tests(&r, t, in.first, in.last, seqs, count);
	search_text_free(r.text);
	return e;
}
