/*
 * history_pack.c - the old part of cyrus.history: expunged UIDs in few bytes
 *
 * A block: 4 bytes length of the payload, 4 bytes count of entries, 8 bytes
 * first and 8 bytes last modseq, 4 bytes CRC of all before it and the payload.
 * The payload is runs of entries, each of which goes on from the one before
 * (the first from the block's first modseq and UID 0): by how much the modseq
 * rises, where the range begins relative to the last UID (sign in bit 0), how
 * many UIDs follow the first (times 2, plus 1 if the run has a length), and
 * how many more entries go on in just the same way.  All are numbers of 7 bits
 * a byte, lowest first, bit 7: more follow.
 */
#include "imap/disk/history_pack.h"

#include "lib/crc.h"

enum {
	PAYLOAD = 4096,			/* a block ends when it has as much */
	PAYLOAD_MAX = 2 * PAYLOAD,
	BLOCK_HEAD = 28,
	BLOCK_HEAD_PLAIN = 24,		/* without the CRC */
	COUNT_MAX = 1 << 20,
	NUMBER_BYTES = 10,
};

/* How an entry goes on from the one before. */
struct step {
	uint64_t modseq, uid, follow;
};

/* --- writing --- */

struct packer {
	struct buf payload;
	uint32_t count;
	uint64_t first, last;		/* modseqs */
	uint32_t uid;			/* the last of the entry before */
	struct step step;		/* of the run at hand */
	uint64_t run;			/* entries in it; 0: none */
};

static void
add_number(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_add_u8(b, (uint8_t)(v | 0x80));
	buf_add_u8(b, (uint8_t)v);
}

static void
end_run(struct packer *p)
{
	if (p->run == 0)
		return;
	add_number(&p->payload, p->step.modseq);
	add_number(&p->payload, p->step.uid);
	add_number(&p->payload, p->step.follow << 1 | (p->run > 1));
	if (p->run > 1)
		add_number(&p->payload, p->run - 1);
	p->run = 0;
}

static void
end_block(struct packer *p, struct buf *out)
{
	size_t start = out->n;
	uint32_t crc;

	end_run(p);
	if (p->count == 0)
		return;
	buf_add_u32(out, (uint32_t)p->payload.n);
	buf_add_u32(out, p->count);
	buf_add_u64(out, p->first);
	buf_add_u64(out, p->last);
	crc = crc32c(0, out->p + start, BLOCK_HEAD_PLAIN);
	buf_add_u32(out, crc32c(crc, p->payload.p, p->payload.n));
	buf_add_str(out, buf_str(&p->payload));
	buf_reset(&p->payload);
	p->count = 0;
	p->uid = 0;
}

static void
pack_one(struct packer *p, const struct history_entry *e)
{
	bool back = e->uids.first < p->uid;
	uint64_t away = back ? p->uid - e->uids.first : e->uids.first - p->uid;
	struct step s;

	if (p->count == 0)
		p->first = p->last = e->modseq;
	s = (struct step){ e->modseq - p->last, away << 1 | back, e->uids.last - e->uids.first };
	if (p->run > 0 && (s.modseq != p->step.modseq || s.uid != p->step.uid ||
	    s.follow != p->step.follow))
		end_run(p);
	p->step = s;
	p->run++;
	p->count++;
	p->last = e->modseq;
	p->uid = e->uids.last;
}

void
history_pack(struct buf *out, const struct history_entry *e, size_t n)
{
	struct packer p = { .payload = BUF_INIT };

	for (size_t i = 0; i < n; i++) {
		if (e[i].kind != HISTORY_EXPUNGED)
			continue;
		pack_one(&p, &e[i]);
		if (p.payload.n >= PAYLOAD || p.count == COUNT_MAX)
			end_block(&p, out);
	}
	end_block(&p, out);
	buf_free(&p.payload);
}

/* --- reading --- */

static bool
get_number(struct str *s, uint64_t *v)
{
	*v = 0;
	for (unsigned i = 0; i < NUMBER_BYTES && i < s->n; i++) {
		uint8_t b = (uint8_t)s->p[i];

		*v |= (uint64_t)(b & 0x7f) << 7 * i;
		if (b & 0x80)
			continue;
		s->p += i + 1;
		s->n -= i + 1;
		return true;
	}
	return false;
}

/* From E to the next one; false if no entry can be so. */
static bool
take_step(struct history_entry *e, const struct step *s)
{
	uint64_t away = s->uid >> 1, first;

	if (away > UINT32_MAX || s->follow > UINT32_MAX || s->modseq > UINT64_MAX - e->modseq ||
	    (s->uid & 1 && away > e->uids.last))
		return false;
	first = s->uid & 1 ? e->uids.last - away : e->uids.last + away;
	if (first == 0 || first + s->follow > UINT32_MAX)
		return false;
	e->modseq += s->modseq;
	e->uids = (struct uidrange){ (uint32_t)first, (uint32_t)(first + s->follow) };
	return true;
}

static bool
unpack_run(struct str *payload, uint32_t *left, struct history_entry *e, history_each_fn each,
    void *ctx)
{
	struct step s;
	uint64_t more = 0;

	if (!get_number(payload, &s.modseq) || !get_number(payload, &s.uid) ||
	    !get_number(payload, &s.follow))
		return false;
	if (s.follow & 1 && !get_number(payload, &more))
		return false;
	s.follow >>= 1;
	if (more >= *left)
		return false;
	for (uint64_t i = 0; i <= more; i++) {
		if (!take_step(e, &s))
			return false;
		each(ctx, e);
	}
	*left -= (uint32_t)more + 1;
	return true;
}

struct block {
	uint32_t count;
	uint64_t first, last;
	struct str payload;
};

static bool
next_block(struct str *blocks, struct block *b)
{
	const char *start = blocks->p;
	uint32_t length, crc;

	if (!str_get_u32(blocks, &length) || !str_get_u32(blocks, &b->count) ||
	    !str_get_u64(blocks, &b->first) || !str_get_u64(blocks, &b->last) ||
	    !str_get_u32(blocks, &crc) || length > PAYLOAD_MAX ||
	    !str_get_bytes(blocks, length, &b->payload))
		return false;
	return crc == crc32c(crc32c(0, start, BLOCK_HEAD_PLAIN), b->payload.p, length);
}

bool
history_unpack(struct str blocks, uint64_t since, history_each_fn each, void *ctx)
{
	struct block b;

	while (blocks.n > 0) {
		struct history_entry e = { .kind = HISTORY_EXPUNGED };

		if (!next_block(&blocks, &b))
			return false;
		if (b.last <= since)
			continue;
		e.modseq = b.first;
		while (b.count > 0)
			if (!unpack_run(&b.payload, &b.count, &e, each, ctx))
				return false;
		if (b.payload.n > 0 || e.modseq != b.last)
			return false;
	}
	return true;
}
