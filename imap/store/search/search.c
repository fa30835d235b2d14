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
#include "imap/store/search/search.h"

#include "imap/mime/mime.h"
#include "imap/store/search/search_text.h"
#include "lib/buf.h"

#include <stdlib.h>
#include <string.h>

enum {
	DAY = 24 * 60 * 60,
	QUICK_ONES = 1024,		/* messages between two words on progress */
};

/* What a test costs at most, in its order. */
enum cost { COST_NUMBER, COST_RECORD, COST_CACHE, COST_HEADER, COST_BODY };

/* A key bound to a mailbox. */
struct test {
	const struct search_key *key;
	struct test *child, *next;
	int keyword;			/* its bit; -1: the mailbox has none such */
};

struct run {
	struct mbox *m;
	struct search_text *text;	/* made when first needed */
	struct arena *arena;
	const struct search_how *how;
	enum err err;
	/* The message at hand. */
	uint32_t seq, uid;
	bool have_record;
	struct message record;
};

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

static bool
is_text_key(const struct search_key *key)
{
	return key->op == SEARCH_HEADER || key->op == SEARCH_BODY || key->op == SEARCH_TEXT
	    || key->op == SEARCH_ANNOTATION;
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
	if (is_text_key(key))
		fold_text(arena, how->collation, key);
}

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
static struct test *
bind_key(struct mbox *m, struct arena *arena, const struct search_key *key)
{
	struct test *t = arena_new_obj(arena, struct test);

	if (!t || (is_text_key(key) && !key->text.p))
		return NULL;
	t->key = key;
	t->keyword = key->op == SEARCH_KEYWORD ? keyword_number(m, key->text) : -1;

	struct test **to = &t->child;

	for (const struct search_key *k = key->child; k; k = k->next) {
		*to = bind_key(m, arena, k);
		if (!*to)
			return NULL;
		to = &(*to)->next;
	}
	return t;
}

static bool
in_ranges(const struct search_key *key, uint32_t n)
{
	size_t low = 0, high = key->ranges;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (key->range[mid].last < n)
			low = mid + 1;
		else
			high = mid;
	}
	return low < key->ranges && key->range[low].first <= n;
}

static const struct message *
record(struct run *r)
{
	if (!r->have_record) {
		enum err e = mbox_message(r->m, r->seq, &r->record);

		if (e != OK && r->err == OK)
			r->err = e;
		r->have_record = true;
	}
	return &r->record;
}

/* Days since 1970 of SECONDS as a clock ZONE minutes east shows them. */
static int64_t
day_of(int64_t seconds, int zone)
{
	int64_t local = seconds + (int64_t)zone * 60;

	return (local >= 0 ? local : local - (DAY - 1)) / DAY;
}

static bool
compare_day(enum search_op op, int64_t day, uint64_t number)
{
	int64_t than = (int64_t)number;

	if (op == SEARCH_BEFORE || op == SEARCH_SENTBEFORE || op == SEARCH_SAVEDBEFORE)
		return day < than;
	if (op == SEARCH_ON || op == SEARCH_SENTON || op == SEARCH_SAVEDON)
		return day == than;
	return day >= than;
}

/* The bytes, or false if they cannot be had: then r->err says if that matters. */
static bool
message_bytes(struct run *r, struct str *bytes)
{
	enum err e = mbox_body(r->m, r->seq, bytes);

	if (e != OK && e != ERR_NOTFOUND && r->err == OK)
		r->err = e;
	return e == OK;
}

static bool
cached_bytes(struct run *r, enum cache_item item, struct str *bytes)
{
	enum err e = mbox_cache(r->m, r->seq, item, bytes);

	if (e != OK && e != ERR_NOTFOUND && r->err == OK)
		r->err = e;
	return e == OK;
}

static bool
header_bytes(struct run *r, struct str name, struct str *header)
{
	if (cache_has_header(name))
		return cached_bytes(r, CACHE_HEADERS, header);
	if (!message_bytes(r, header))
		return false;
	if (header->n > record(r)->header_size)
		header->n = record(r)->header_size;
	return true;
}

/* The day in the Date: field as its writer saw it. */
static int64_t
written_day(struct run *r)
{
	const struct message *msg = record(r);
	struct arena_mark mark = arena_mark(r->arena);
	struct str header, value;
	int64_t seconds = msg->sentdate;
	int zone = 0;

	if (!header_bytes(r, STR("date"), &header))
		return day_of(seconds, 0);
	if (!mime_field_value(r->arena, header, "date", &value)
	    || !mime_parse_date(value, &seconds, &zone)) {
		seconds = msg->internaldate;
		zone = msg->zone_minutes;
	}
	arena_rewind(r->arena, mark);
	return day_of(seconds, zone);
}

/*
 * The record has the moment of the Date: field but not its zone.  No zone is
 * more than a day from UTC, so the field itself is needed only for messages
 * of the day in question and its neighbours.
 */
static bool
match_sent(struct run *r, const struct search_key *key)
{
	int64_t utc = day_of(record(r)->sentdate, 0);
	int64_t than = (int64_t)key->number;

	if (utc < than - 1 || utc > than + 1)
		return compare_day(key->op, utc, key->number);
	return compare_day(key->op, written_day(r), key->number);
}

static struct search_text *
text_of(struct run *r)
{
	if (!r->text)
		r->text = search_text_new(r->how->collation);
	return r->text;
}

static bool
match_header(struct run *r, const struct search_key *key)
{
	struct str header;

	return header_bytes(r, key->name, &header)
	    && search_text_field(text_of(r), header, key->name, key->text);
}

static bool
match_text(struct run *r, const struct search_key *key)
{
	struct str bytes;

	return message_bytes(r, &bytes) && search_text_message(text_of(r), bytes,
	    key->op == SEARCH_TEXT, key->text);
}

/* Is ONE what KEY speaks of, and does it contain the text? */
static bool
annotation_fits(const struct run *r, const struct search_key *key, const struct annot *one)
{
	struct buf value = BUF_INIT;
	bool found = mbox_sees_annot(r->m, one)
	    && (key->flag & (one->owner.n > 0 ? SEARCH_OWN : SEARCH_SHARED))
	    && annot_matches(key->name, one->entry);

	if (found && key->text.n > 0) {
		collate_key(r->how->collation, one->value, &value);
		found = value.n >= key->text.n
		    && memmem(value.p, value.n, key->text.p, key->text.n) != NULL;
		buf_free(&value);
	}
	return found;
}

static bool
match_annotation(struct run *r, const struct search_key *key)
{
	const struct annots *a;
	bool found = false;
	enum err e = mbox_annots(r->m, &a);

	if (e != OK) {
		r->err = r->err == OK ? e : r->err;
		return false;
	}
	for (size_t i = annots_first(a, r->uid); !found && i < a->n && a->v[i].uid == r->uid; i++)
		found = annotation_fits(r, key, &a->v[i]);
	return found != ((key->flag & SEARCH_NONE) != 0);
}

static bool
has_keyword(const struct message *msg, int bit)
{
	return bit >= 0 && (msg->keywords.w[bit / 64] >> (bit % 64) & 1);
}

/* Of a message that came without one: "MUST use the internal date" (RFC 8514 4.3). */
static int64_t
saved_day(const struct message *msg)
{
	return msg->savedate > 0 ? day_of(msg->savedate, 0)
	    : day_of(msg->internaldate, msg->zone_minutes);
}

static bool match(struct run *r, const struct test *t);

static bool
match_operands(struct run *r, const struct test *t)
{
	bool any = t->key->op == SEARCH_OR;

	for (const struct test *c = t->child; c && r->err == OK; c = c->next)
		if (match(r, c) == any)
			return any;
	return !any;
}

static bool
match(struct run *r, const struct test *t)
{
	const struct search_key *key = t->key;

	switch (key->op) {
	case SEARCH_ALL:
		return true;
	case SEARCH_AND:
	case SEARCH_OR:
		return match_operands(r, t);
	case SEARCH_NOT:
		return !match(r, t->child);
	case SEARCH_FUZZY:
		return match(r, t->child);
	case SEARCH_FILTER:
		return t->child != NULL && match(r, t->child);
	case SEARCH_SAVED:
		return false;
	case SEARCH_SEQ:
		return in_ranges(key, r->seq);
	case SEARCH_UID:
		return in_ranges(key, r->uid);
	case SEARCH_FLAG:
		return (record(r)->flags & key->flag) != 0;
	case SEARCH_KEYWORD:
		return has_keyword(record(r), t->keyword);
	case SEARCH_RECENT:
		return record(r)->recent;
	case SEARCH_LARGER:
		return record(r)->size > key->number;
	case SEARCH_SMALLER:
		return record(r)->size < key->number;
	case SEARCH_BEFORE:
	case SEARCH_ON:
	case SEARCH_SINCE:
		return compare_day(key->op, day_of(record(r)->internaldate,
		    record(r)->zone_minutes), key->number);
	case SEARCH_SENTBEFORE:
	case SEARCH_SENTON:
	case SEARCH_SENTSINCE:
		return match_sent(r, key);
	case SEARCH_ANNOTATION:
		return match_annotation(r, key);
	case SEARCH_HEADER:
		return match_header(r, key);
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return match_text(r, key);
	case SEARCH_MODSEQ:
		return record(r)->modseq >= key->number;
	case SEARCH_YOUNGER:
		return record(r)->internaldate > r->how->now - (int64_t)key->number;
	case SEARCH_OLDER:
		return record(r)->internaldate <= r->how->now - (int64_t)key->number;
	case SEARCH_GUID:
		return key->text.n > 0 &&
		    memcmp(record(r)->guid, key->text.p, key->text.n) == 0;
	case SEARCH_SAVEDBEFORE:
	case SEARCH_SAVEDON:
	case SEARCH_SAVEDSINCE:
		return compare_day(key->op, saved_day(record(r)), key->number);
	}
	return false;
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
test_message(struct run *r, const struct test *t, uint32_t seq)
{
	r->seq = seq;
	r->uid = mbox_uid(r->m, seq);
	r->have_record = false;
	if (r->text)
		search_text_next(r->text);
	return match(r, t);
}

/* Messages that need not be read are too quick to be counted one by one. */
static void
tell_progress(const struct run *r, size_t done, size_t total)
{
	const struct search_progress *p = r->how->progress;

	if (p && (r->text || done % QUICK_ONES == 0))
		p->step(p->ctx, (uint32_t)done, (uint32_t)total);
}

static enum err
run_tests(struct run *r, const struct test *t, uint32_t first, uint32_t last,
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
	struct run r = { .m = m, .arena = arena, .how = how };
	struct test *t = bind_key(m, arena, key);

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
	struct run r = { .m = m, .arena = arena, .how = how };
	struct search_range in = { 1, mbox_count(m) };
	struct test *t = bind_key(m, arena, key);
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
