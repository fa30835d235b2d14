/*
 * A key is the criteria's parts one after the other.  Numbers are big-endian,
 * eight bytes, the sign bit turned.  Texts end in 00 00, and a 00 in them is 00
 * ff, so that the shorter one is first and no part reaches into the next.  A
 * part that is to be reversed has all its bits turned.
 */
#include "imap/store/search/sort_key.h"

#include "imap/mime/addr.h"
#include "imap/mime/mime.h"

enum { HEADER_MEMORY = 16 << 20 };	/* addresses of one field */

void
sort_maker_init(struct sort_maker *k, struct mbox *m, enum collation collation)
{
	*k = (struct sort_maker){ .m = m, .collation = collation,
	    .arena = arena_new(HEADER_MEMORY), .text = BUF_INIT, .folded = BUF_INIT };
	k->empty = arena_mark(k->arena);
}

void
sort_maker_fini(struct sort_maker *k)
{
	arena_free(k->arena);
	buf_free(&k->text);
	buf_free(&k->folded);
}

/* --- numbers --- */

bool
sort_is_number(enum sort_by by)
{
	return by == SORT_ARRIVAL || by == SORT_DATE || by == SORT_SIZE;
}

int64_t
sort_number(const struct message *msg, enum sort_by by)
{
	return by == SORT_SIZE ? (int64_t)msg->size :
	    by == SORT_DATE ? msg->sentdate : msg->internaldate;
}

static void
add_number(int64_t n, struct buf *key)
{
	buf_add_u64(key, (uint64_t)n ^ UINT64_C(1) << 63);
}

/* --- texts --- */

/* k->text as a part of the key. */
static void
add_text(struct sort_maker *k, struct buf *key)
{
	struct str s;

	buf_reset(&k->folded);
	collate_key(k->collation, buf_str(&k->text), &k->folded);
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
first_address(struct sort_maker *k, struct str headers, const char *field, struct mime_address *a)
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
mailbox_text(struct sort_maker *k, struct str headers, const char *field)
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
display_text(struct sort_maker *k, struct str headers, const char *field)
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
subject_text(struct sort_maker *k, struct str headers)
{
	struct str value;
	bool is_reply;

	if (mime_field_value(k->arena, headers, "subject", &value))
		mime_base_subject(value, &k->text, &is_reply);
}

static void
add_header_text(struct sort_maker *k, uint32_t seq, enum sort_by by, struct buf *key,
    bool *is_sure)
{
	static const char *const fields[] = {
		[SORT_CC] = "cc", [SORT_FROM] = "from", [SORT_TO] = "to",
		[SORT_DISPLAYFROM] = "from", [SORT_DISPLAYTO] = "to",
	};
	struct str headers;

	buf_reset(&k->text);
	if (mbox_cache(k->m, seq, CACHE_HEADERS, &headers) != OK) {
		headers = STR("");
		if (is_sure != NULL)
			*is_sure = false;
	}
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
add_annotation(struct sort_maker *k, uint32_t uid, const struct sort_criterion *c, struct buf *key)
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

enum err
sort_text_key(struct sort_maker *k, uint32_t seq, const struct sort_criterion *c,
    struct buf *key, bool *is_sure)
{
	switch (c->by) {
	case SORT_CC:
	case SORT_FROM:
	case SORT_SUBJECT:
	case SORT_TO:
	case SORT_DISPLAYFROM:
	case SORT_DISPLAYTO:
		add_header_text(k, seq, c->by, key, is_sure);
		break;
	case SORT_ANNOTATION:
		return add_annotation(k, mbox_uid(k->m, seq), c, key);
	case SORT_RELEVANCY:
	case SORT_ARRIVAL:
	case SORT_DATE:
	case SORT_SIZE:
		break;
	}
	return OK;
}

/* --- all of it --- */

static enum err
add_part(struct sort_maker *k, uint32_t seq, const struct sort_criterion *c, struct buf *key)
{
	struct message msg;
	enum err e;

	if (!sort_is_number(c->by))
		return sort_text_key(k, seq, c, key, NULL);
	e = mbox_message(k->m, seq, &msg);
	if (e == OK)
		add_number(sort_number(&msg, c->by), key);
	return e;
}

enum err
sort_key(struct sort_maker *k, uint32_t seq, const struct sort_order *order, struct buf *key)
{
	enum err e = OK;

	for (size_t i = 0; e == OK && i < order->count; i++) {
		size_t start = key->n;

		e = add_part(k, seq, &order->criteria[i], key);
		if (order->criteria[i].reverse)
			for (size_t j = start; j < key->n; j++)
				key->p[j] = (char)~key->p[j];
	}
	return e;
}
