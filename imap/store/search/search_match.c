/* search_match.c - does one message match? */
#include "imap/store/search/search_in.h"

#include "imap/mime/mime.h"
#include "lib/buf.h"

#include <string.h>

enum { DAY = 24 * 60 * 60 };

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
record(struct search_run *r)
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
message_bytes(struct search_run *r, struct str *bytes)
{
	enum err e = mbox_body(r->m, r->seq, bytes);

	if (e != OK && e != ERR_NOTFOUND && r->err == OK)
		r->err = e;
	return e == OK;
}

static bool
cached_bytes(struct search_run *r, enum cache_item item, struct str *bytes)
{
	enum err e = mbox_cache(r->m, r->seq, item, bytes);

	if (e != OK && e != ERR_NOTFOUND && r->err == OK)
		r->err = e;
	return e == OK;
}

static bool
header_bytes(struct search_run *r, struct str name, struct str *header)
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
written_day(struct search_run *r)
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
match_sent(struct search_run *r, const struct search_key *key)
{
	int64_t utc = day_of(record(r)->sentdate, 0);
	int64_t than = (int64_t)key->number;

	if (utc < than - 1 || utc > than + 1)
		return compare_day(key->op, utc, key->number);
	return compare_day(key->op, written_day(r), key->number);
}

static struct search_text *
text_of(struct search_run *r)
{
	if (!r->text)
		r->text = search_text_new(r->how->collation);
	return r->text;
}

static bool
match_header(struct search_run *r, const struct search_key *key)
{
	struct str header;

	return header_bytes(r, key->name, &header)
	    && search_text_field(text_of(r), header, key->name, key->text);
}

static bool
match_text(struct search_run *r, const struct search_key *key)
{
	struct str bytes;

	return message_bytes(r, &bytes) && search_text_message(text_of(r), bytes,
	    key->op == SEARCH_TEXT, key->text);
}

/* Is ONE what KEY speaks of, and does it contain the text? */
static bool
annotation_fits(const struct search_run *r, const struct search_key *key, const struct annot *one)
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
match_annotation(struct search_run *r, const struct search_key *key)
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

static bool
match_operands(struct search_run *r, const struct search_test *t)
{
	bool any = t->key->op == SEARCH_OR;

	for (const struct search_test *c = t->child; c && r->err == OK; c = c->next)
		if (search_match(r, c) == any)
			return any;
	return !any;
}

bool
search_match(struct search_run *r, const struct search_test *t)
{
	const struct search_key *key = t->key;

	switch (key->op) {
	case SEARCH_ALL:
		return true;
	case SEARCH_AND:
	case SEARCH_OR:
		return match_operands(r, t);
	case SEARCH_NOT:
		return !search_match(r, t->child);
	case SEARCH_FUZZY:
		return search_match(r, t->child);
	case SEARCH_FILTER:
		return t->child != NULL && search_match(r, t->child);
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
