/* rec.c - change records: see rec.h for the meaning, doc/records.md for the bytes */
#include "imap/disk/rec.h"

#include "lib/digest.h"

#include <string.h>

/* A record: u8 type, u32 length of what follows, the body. */
static size_t
open_record(struct buf *b, enum rec_type type)
{
	buf_add_u8(b, (uint8_t)type);
	buf_add_u32(b, 0);
	return b->n;
}

static void
close_record(struct buf *b, size_t body, size_t more)
{
	uint32_t n = (uint32_t)(b->n - body + more);

	b->p[body - 4] = (char)(n >> 24);
	b->p[body - 3] = (char)(n >> 16);
	b->p[body - 2] = (char)(n >> 8);
	b->p[body - 1] = (char)n;
}

void
rec_begin(struct buf *frame, int64_t now)
{
	struct id128 commit = id128_new();

	buf_add_u8(frame, REC_VERSION);
	buf_add(frame, commit.b, sizeof(commit.b));
	buf_add_u64(frame, (uint64_t)now);
}

bool
rec_first(struct str *frame)
{
	struct str id;
	uint8_t version;
	uint64_t when;

	return str_get_u8(frame, &version) && version == REC_VERSION &&
	    str_get_bytes(frame, 16, &id) && str_get_u64(frame, &when);
}

void
rec_add_mailbox(struct buf *frame, const struct id128 *id)
{
	size_t at = open_record(frame, REC_MAILBOX);

	buf_add(frame, id->b, sizeof(id->b));
	close_record(frame, at, 0);
}

static bool
get_id(struct str *s, struct id128 *id)
{
	struct str b;

	if (!str_get_bytes(s, sizeof(id->b), &b))
		return false;
	memcpy(id->b, b.p, sizeof(id->b));
	return true;
}

void
rec_add_head(struct buf *frame, const struct rec_head *h)
{
	size_t at = open_record(frame, REC_HEAD);

	buf_add_u32(frame, h->last_uid);
	buf_add_u32(frame, h->recent_uid);
	buf_add_u64(frame, h->highestmodseq);
	close_record(frame, at, 0);
}

static bool
get_head(struct str s, struct rec_head *h)
{
	return str_get_u32(&s, &h->last_uid) && str_get_u32(&s, &h->recent_uid) &&
	    str_get_u64(&s, &h->highestmodseq);
}

void
rec_add_message(struct buf *frame, const struct rec_message *m)
{
	const struct index_record *r = &m->r;
	size_t at = open_record(frame, REC_MESSAGE);

	buf_add_u32(frame, r->uid);
	buf_add_u32(frame, r->flags);
	buf_add_u64(frame, r->keywords[0]);
	buf_add_u64(frame, r->keywords[1]);
	buf_add_u64(frame, r->modseq);
	buf_add_u64(frame, (uint64_t)r->internaldate);
	buf_add_u16(frame, (uint16_t)r->zone_minutes);
	buf_add_u64(frame, (uint64_t)r->sentdate);
	buf_add_u64(frame, (uint64_t)r->savedate);
	buf_add_u64(frame, (uint64_t)r->changed);
	buf_add_u64(frame, r->create_modseq);
	buf_add_u64(frame, r->size);
	buf_add_u32(frame, r->header_size);
	buf_add(frame, r->blob.b, sizeof(r->blob.b));
	buf_add_u64(frame, r->blob_offset);
	buf_add(frame, r->guid, sizeof(r->guid));
	buf_add_u8(frame, (uint8_t)m->source);
	buf_add(frame, m->from_mailbox.b, sizeof(m->from_mailbox.b));
	buf_add_u32(frame, m->from_uid);
	close_record(frame, at, 0);
}

static bool
get_i64(struct str *s, int64_t *v)
{
	uint64_t u;

	if (!str_get_u64(s, &u))
		return false;
	*v = (int64_t)u;
	return true;
}

static bool
get_message(struct str s, struct rec_message *m)
{
	struct index_record *r = &m->r;
	struct str guid;
	uint16_t zone;
	uint8_t source;

	memset(m, 0, sizeof(*m));
	if (!(str_get_u32(&s, &r->uid) && str_get_u32(&s, &r->flags) &&
	    str_get_u64(&s, &r->keywords[0]) && str_get_u64(&s, &r->keywords[1]) &&
	    str_get_u64(&s, &r->modseq) && get_i64(&s, &r->internaldate) &&
	    str_get_u16(&s, &zone) && get_i64(&s, &r->sentdate) &&
	    get_i64(&s, &r->savedate) && get_i64(&s, &r->changed) &&
	    str_get_u64(&s, &r->create_modseq) && str_get_u64(&s, &r->size) &&
	    str_get_u32(&s, &r->header_size) && get_id(&s, &r->blob) &&
	    str_get_u64(&s, &r->blob_offset) &&
	    str_get_bytes(&s, sizeof(r->guid), &guid) &&
	    str_get_u8(&s, &source) && get_id(&s, &m->from_mailbox) &&
	    str_get_u32(&s, &m->from_uid)))
		return false;
	r->zone_minutes = (int16_t)zone;
	memcpy(r->guid, guid.p, sizeof(r->guid));
	m->source = source;
	return r->uid != 0 && source >= SOURCE_INLINE && source <= SOURCE_COPY;
}

void
rec_add_flags(struct buf *frame, const struct rec_flags *f)
{
	size_t at = open_record(frame, REC_FLAGS);

	buf_add_u32(frame, f->uid);
	buf_add_u32(frame, f->flags);
	buf_add_u64(frame, f->keywords[0]);
	buf_add_u64(frame, f->keywords[1]);
	buf_add_u64(frame, f->modseq);
	buf_add_u64(frame, (uint64_t)f->changed);
	close_record(frame, at, 0);
}

static bool
get_flags(struct str s, struct rec_flags *f)
{
	return str_get_u32(&s, &f->uid) && str_get_u32(&s, &f->flags) &&
	    str_get_u64(&s, &f->keywords[0]) && str_get_u64(&s, &f->keywords[1]) &&
	    str_get_u64(&s, &f->modseq) && get_i64(&s, &f->changed);
}

void
rec_add_keyword(struct buf *frame, const struct rec_keyword *k)
{
	size_t at = open_record(frame, REC_KEYWORD);

	buf_add_u8(frame, k->number);
	buf_add_str(frame, k->name);
	close_record(frame, at, 0);
}

static bool
get_keyword(struct str s, struct rec_keyword *k)
{
	if (!str_get_u8(&s, &k->number) || k->number >= MBOX_KEYWORDS || s.n == 0)
		return false;
	k->name = s;
	return true;
}

void
rec_add_seen(struct buf *frame, const struct rec_seen *r)
{
	size_t at = open_record(frame, REC_SEEN);

	buf_add_u32(frame, r->recent_uid);
	buf_add_u64(frame, (uint64_t)r->changed);
	buf_add_u16(frame, (uint16_t)r->user.n);
	buf_add_str(frame, r->user);
	buf_add_str(frame, r->uids);
	close_record(frame, at, 0);
}

static bool
get_seen(struct str s, struct rec_seen *r)
{
	uint16_t n;

	if (!str_get_u32(&s, &r->recent_uid) || !get_i64(&s, &r->changed) ||
	    !str_get_u16(&s, &n) || !str_get_bytes(&s, n, &r->user))
		return false;
	r->uids = s;
	return true;
}

void
rec_add_blob_head(struct buf *frame, const struct id128 *id, size_t size)
{
	size_t at = open_record(frame, REC_BLOB);

	buf_add(frame, id->b, sizeof(id->b));
	close_record(frame, at, size);
}

static bool
get_blob(struct str s, struct rec_blob *b)
{
	if (!get_id(&s, &b->id))
		return false;
	b->bytes = s;
	return true;
}

static const uint32_t no_value = UINT32_MAX;

void
rec_add_annots(struct buf *frame, const struct annot *change, size_t n)
{
	size_t at = open_record(frame, REC_ANNOTS);

	for (size_t i = 0; i < n; i++) {
		const struct annot *c = &change[i];

		buf_add_u32(frame, c->uid);
		buf_add_u64(frame, c->modseq);
		buf_add_u16(frame, (uint16_t)c->owner.n);
		buf_add_str(frame, c->owner);
		buf_add_u16(frame, (uint16_t)c->entry.n);
		buf_add_str(frame, c->entry);
		buf_add_u32(frame, c->value.p != NULL ? (uint32_t)c->value.n : no_value);
		if (c->value.p != NULL)
			buf_add_str(frame, c->value);
	}
	close_record(frame, at, 0);
}

bool
rec_annot_next(struct str *annots, struct annot *c)
{
	uint16_t owner, entry;
	uint32_t value;

	if (!str_get_u32(annots, &c->uid) || !str_get_u64(annots, &c->modseq) ||
	    !str_get_u16(annots, &owner) || !str_get_bytes(annots, owner, &c->owner) ||
	    !str_get_u16(annots, &entry) || !str_get_bytes(annots, entry, &c->entry) ||
	    !str_get_u32(annots, &value) || entry == 0)
		return false;
	c->value = (struct str){ NULL, 0 };
	return value == no_value || str_get_bytes(annots, value, &c->value);
}

/* All of it can be read. */
static bool
get_annots(struct str s, struct str *annots)
{
	struct annot c;

	*annots = s;
	while (s.n > 0)
		if (!rec_annot_next(&s, &c))
			return false;
	return true;
}

bool
rec_next(struct str *frame, struct rec *r)
{
	struct str body;
	uint32_t n;
	uint8_t type;
	bool ok = false;

	if (frame->n == 0)
		return false;
	if (!str_get_u8(frame, &type) || !str_get_u32(frame, &n) ||
	    !str_get_bytes(frame, n, &body)) {
		r->type = REC_BAD;
		frame->n = 0;
		return true;
	}
	r->type = type;
	switch (r->type) {
	case REC_BAD:
		break;
	case REC_MAILBOX:
		ok = get_id(&body, &r->mailbox);
		break;
	case REC_HEAD:
		ok = get_head(body, &r->head);
		break;
	case REC_MESSAGE:
		ok = get_message(body, &r->message);
		break;
	case REC_FLAGS:
		ok = get_flags(body, &r->flags);
		break;
	case REC_KEYWORD:
		ok = get_keyword(body, &r->keyword);
		break;
	case REC_SEEN:
		ok = get_seen(body, &r->seen);
		break;
	case REC_BLOB:
		ok = get_blob(body, &r->blob);
		break;
	case REC_ANNOTS:
		ok = get_annots(body, &r->annots);
		break;
	}
	if (!ok)
		r->type = REC_BAD;
	return true;
}
