/*
 * A key is the criteria's parts one after the other.  Numbers are big-endian,
 * eight bytes, the sign bit turned.  Texts end in 00 00, and a 00 in them is 00
 * ff, so that the shorter one is first and no part reaches into the next.  A
 * part that is to be reversed has all its bits turned.
 */
#include "imap/store/search/sort.h"

#include "imap/mime/addr.h"
#include "imap/mime/mime.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_MEMORY = 16 << 20 };	/* addresses of one field */

struct item {
	uint64_t start;			/* the key's first eight bytes */
	size_t at, n;			/* where it is in the keys */
	uint32_t seq;
};

/* What keys are made with. */
struct maker {
	struct mbox *m;
	const struct sort_order *order;
	struct arena *arena;
	struct arena_mark empty;
	struct buf text, folded;
	bool needs_record;		/* for one of the criteria */
};

static void
maker_init(struct maker *k, struct mbox *m, const struct sort_order *order)
{
	*k = (struct maker){ .m = m, .order = order, .arena = arena_new(HEADER_MEMORY),
	    .text = BUF_INIT, .folded = BUF_INIT };
	k->empty = arena_mark(k->arena);
	for (size_t i = 0; i < order->count; i++) {
		enum sort_by by = order->criteria[i].by;

		k->needs_record |= by == SORT_ARRIVAL || by == SORT_DATE || by == SORT_SIZE
		    || by == SORT_ANNOTATION;
	}
}

static void
maker_fini(struct maker *k)
{
	arena_free(k->arena);
	buf_free(&k->text);
	buf_free(&k->folded);
}

static void
add_number(int64_t n, struct buf *key)
{
	buf_add_u64(key, (uint64_t)n ^ UINT64_C(1) << 63);
}

/* k->text as a part of the key. */
static void
add_text(struct maker *k, struct buf *key)
{
	struct str s;

	buf_reset(&k->folded);
	collate_key(k->order->collation, buf_str(&k->text), &k->folded);
	s = str_slice(buf_str(&k->folded), 0, SORT_TEXT);
	while (s.n > 0) {
		size_t n = str_chr(s, '\0');

		buf_add(key, s.p, n);
		if (n < s.n)
			buf_add(key, "\0\xff", 2);
		s = str_slice(s, n + 1, s.n);
	}
	buf_add(key, "\0\0", 2);
}

/* The first address of a field; false: none. */
static bool
first_address(struct maker *k, struct str headers, const char *field, struct mime_address *a)
{
	struct addr_iter it;
	struct str value;

	if (!mime_field_value(k->arena, headers, field, &value))
		return false;
	it = addr_iter(value);
	return addr_next(k->arena, &it, a);
}

/* RFC 5256 section 3: "[IMAP] addr-mailbox of the first cc address". */
static void
mailbox_text(struct maker *k, struct str headers, const char *field)
{
	struct mime_address a;

	if (first_address(k, headers, field, &a))
		buf_add_str(&k->text, a.local);
}

/*
 * RFC 5957 section 2: the display name, decoded; without one the name of a
 * group, or mailbox "@" host.
 */
static void
display_text(struct maker *k, struct str headers, const char *field)
{
	struct mime_address a;

	if (!first_address(k, headers, field, &a))
		return;
	if (a.domain.p != NULL)
		mime_decode_header(a.name, &k->text);
	else
		mime_decode_header(a.local, &k->text);
	if (k->text.n > 0 || a.domain.p == NULL)
		return;
	buf_add_str(&k->text, a.local);
	buf_addc(&k->text, '@');
	buf_add_str(&k->text, a.domain);
}

static void
subject_text(struct maker *k, struct str headers)
{
	struct str value;
	bool is_reply;

	if (mime_field_value(k->arena, headers, "subject", &value))
		mime_base_subject(value, &k->text, &is_reply);
}

static void
add_header_text(struct maker *k, uint32_t seq, enum sort_by by, struct buf *key)
{
	static const char *const fields[] = {
		[SORT_CC] = "cc", [SORT_FROM] = "from", [SORT_TO] = "to",
		[SORT_DISPLAYFROM] = "from", [SORT_DISPLAYTO] = "to",
	};
	struct str headers;

	buf_reset(&k->text);
	if (mbox_cache(k->m, seq, CACHE_HEADERS, &headers) != OK)
		headers = STR("");
	if (by == SORT_SUBJECT)
		subject_text(k, headers);
	else if (by == SORT_DISPLAYFROM || by == SORT_DISPLAYTO)
		display_text(k, headers, fields[by]);
	else
		mailbox_text(k, headers, fields[by]);
	arena_rewind(k->arena, k->empty);
	add_text(k, key);
}

/* RFC 5257 section 4.9; what is not there is as if it were empty. */
static enum err
add_annotation(struct maker *k, uint32_t uid, const struct sort_criterion *c, struct buf *key)
{
	struct str owner = c->shared ? STR("") : str_c(mbox_userid(k->m));
	const struct annots *a;
	const struct annot *one;
	enum err e = mbox_annots(k->m, &a);

	if (e != OK)
		return e;
	one = annots_find(a, uid, c->entry, owner);
	buf_reset(&k->text);
	if (one != NULL)
		buf_add_str(&k->text, one->value);
	add_text(k, key);
	return OK;
}

static enum err
add_part(struct maker *k, const struct message *msg, uint32_t seq,
    const struct sort_criterion *c, struct buf *key)
{
	switch (c->by) {
	case SORT_ARRIVAL:
		add_number(msg->internaldate, key);
		break;
	case SORT_DATE:
		add_number(msg->sentdate, key);
		break;
	case SORT_SIZE:
		add_number((int64_t)msg->size, key);
		break;
	case SORT_CC:
	case SORT_FROM:
	case SORT_SUBJECT:
	case SORT_TO:
	case SORT_DISPLAYFROM:
	case SORT_DISPLAYTO:
		add_header_text(k, seq, c->by, key);
		break;
	case SORT_ANNOTATION:
		return add_annotation(k, msg->uid, c, key);
	case SORT_RELEVANCY:
		break;
	}
	return OK;
}

/* Appends SEQ's key. */
static enum err
make_key(struct maker *k, uint32_t seq, struct buf *key)
{
	struct message msg = { .uid = 0 };
	enum err e = k->needs_record ? mbox_message(k->m, seq, &msg) : OK;

	for (size_t i = 0; e == OK && i < k->order->count; i++) {
		size_t start = key->n;

		e = add_part(k, &msg, seq, &k->order->criteria[i], key);
		if (k->order->criteria[i].reverse)
			for (size_t j = start; j < key->n; j++)
				key->p[j] = (char)~key->p[j];
	}
	return e;
}

static uint64_t
start_of(struct str key)
{
	uint64_t start = 0;

	for (size_t i = 0; i < 8; i++)
		start = start << 8 | (i < key.n ? (unsigned char)key.p[i] : 0);
	return start;
}

static int
by_key(const void *a, const void *b, void *keys)
{
	const struct item *x = a, *y = b;
	const char *p = keys;
	int order;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	order = str_cmp((struct str){ p + x->at, x->n }, (struct str){ p + y->at, y->n });
	return order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
}

bool
sort_may_change(const struct sort_order *order)
{
	for (size_t i = 0; i < order->count; i++)
		if (order->criteria[i].by == SORT_ANNOTATION)
			return true;
	return false;
}

enum err
sort_run(struct mbox *m, const struct sort_order *order, uint32_t *seqs, size_t n)
{
	struct item *items = mem_get(n * sizeof(*items));
	struct buf keys = BUF_INIT;
	struct maker k;
	enum err e = OK;

	maker_init(&k, m, order);
	for (size_t i = 0; i < n && e == OK; i++) {
		size_t at = keys.n;

		e = make_key(&k, seqs[i], &keys);
		if (e == OK && keys.n > SORT_MEMORY)
			e = ERR_LIMIT;
		items[i] = (struct item){ .at = at, .n = keys.n - at, .seq = seqs[i],
		    .start = start_of((struct str){ keys.p + at, keys.n - at }) };
	}
	maker_fini(&k);
	if (e == OK) {
		qsort_r(items, n, sizeof(*items), by_key, keys.p);
		for (size_t i = 0; i < n; i++)
			seqs[i] = items[i].seq;
	}
	buf_free(&keys);
	free(items);
	return e;
}

enum err
sort_place(struct mbox *m, const struct sort_order *order, const uint32_t *seqs,
    size_t n, uint32_t seq, size_t *at)
{
	struct buf own = BUF_INIT, other = BUF_INIT;
	size_t low = 0, high = n;
	struct maker k;
	enum err e;

	maker_init(&k, m, order);
	e = make_key(&k, seq, &own);
	while (low < high && e == OK) {
		size_t mid = low + (high - low) / 2;
		int c;

		buf_reset(&other);
		e = make_key(&k, seqs[mid], &other);
		c = str_cmp(buf_str(&other), buf_str(&own));
		if (c < 0 || (c == 0 && seqs[mid] < seq))
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	maker_fini(&k);
	buf_free(&own);
	buf_free(&other);
	return e;
}
