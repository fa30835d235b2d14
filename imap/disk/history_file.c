/* history_file.c - cyrus.history: its head and its entries as bytes */
#include "imap/disk/history_in.h"

#include "lib/crc.h"
#include "lib/file.h"

#include <string.h>

enum {
	VERSION = 1,
	HEAD_PLAIN = 56,		/* what the CRC is of */
	ENTRY_PLAIN = 20,
	PIECE = 1024,			/* entries read at once */
};

static const char head_magic[8] = { 'c', 'h', 'a', 'p', 'a', 'r', 'h', 'i' };

void
history_add_entry(struct buf *b, const struct history_entry *e)
{
	size_t start = b->n;

	buf_add_u64(b, e->modseq);
	buf_add_u32(b, e->uids.first);
	buf_add_u32(b, e->uids.last);
	buf_add_u8(b, (uint8_t)e->kind);
	buf_add_u8(b, e->more);
	buf_add_u16(b, 0);
	buf_add_u32(b, crc32c(0, b->p + start, ENTRY_PLAIN));
}

/* False: damaged. */
static bool
get_entry(const char *p, struct history_entry *e)
{
	struct str s = { p, HISTORY_ENTRY };
	uint8_t kind, more;
	uint16_t zero;
	uint32_t crc;

	if (!str_get_u64(&s, &e->modseq) || !str_get_u32(&s, &e->uids.first) ||
	    !str_get_u32(&s, &e->uids.last) || !str_get_u8(&s, &kind) ||
	    !str_get_u8(&s, &more) || !str_get_u16(&s, &zero) || !str_get_u32(&s, &crc) ||
	    crc != crc32c(0, p, ENTRY_PLAIN) || kind > HISTORY_EXPUNGED ||
	    e->uids.first > e->uids.last)
		return false;
	e->kind = (enum history_kind)kind;
	e->more = more != 0;
	return true;
}

void
history_add_head(struct buf *b, const struct index_header *h, const struct history_head *hd)
{
	size_t start = b->n;

	buf_add(b, head_magic, sizeof(head_magic));
	buf_add_u32(b, VERSION);
	buf_add_u32(b, (uint32_t)hd->packed);
	buf_add(b, h->id.b, sizeof(h->id.b));
	buf_add_u32(b, h->uidvalidity);
	buf_add_u32(b, 0);
	buf_add_u64(b, hd->from);
	buf_add_u64(b, hd->cut);
	buf_add_u32(b, crc32c(0, b->p + start, HEAD_PLAIN));
	buf_add_u32(b, 0);
}

static bool
get_head(struct str s, const struct index_header *h, struct history_head *hd)
{
	uint32_t version, packed, uidvalidity, zero, crc;
	struct str magic, id;
	const char *start = s.p;

	if (!str_get_bytes(&s, sizeof(head_magic), &magic) || !str_get_u32(&s, &version) ||
	    !str_get_u32(&s, &packed) || !str_get_bytes(&s, sizeof(h->id.b), &id) ||
	    !str_get_u32(&s, &uidvalidity) || !str_get_u32(&s, &zero) ||
	    !str_get_u64(&s, &hd->from) || !str_get_u64(&s, &hd->cut) ||
	    !str_get_u32(&s, &crc))
		return false;
	hd->packed = packed;
	return memcmp(magic.p, head_magic, magic.n) == 0 && version == VERSION &&
	    crc == crc32c(0, start, HEAD_PLAIN) &&
	    memcmp(id.p, h->id.b, id.n) == 0 && uidvalidity == h->uidvalidity;
}

uint64_t
history_place(const struct history_file *f, uint64_t entry)
{
	return HISTORY_HEAD + f->head.packed + entry * HISTORY_ENTRY;
}

enum err
history_look_at(struct history_file *f, const struct index_header *h)
{
	char head[HISTORY_HEAD];
	uint64_t size;
	enum err e = file_size(f->fd, HISTORY_FILE, &size);

	if (e == OK && size < HISTORY_HEAD)
		return ERR_CORRUPT;
	if (e == OK)
		e = file_read_at(f->fd, HISTORY_FILE, head, sizeof(head), 0);
	if (e != OK)
		return e;
	if (!get_head((struct str){ head, sizeof(head) }, h, &f->head) ||
	    size - HISTORY_HEAD < f->head.packed)
		return ERR_CORRUPT;
	f->n = (size - HISTORY_HEAD - f->head.packed) / HISTORY_ENTRY;
	return OK;
}

enum err
history_read_entry(const struct history_file *f, uint64_t at, struct history_entry *e)
{
	char bytes[HISTORY_ENTRY];
	enum err err = file_read_at(f->fd, HISTORY_FILE, bytes, sizeof(bytes), history_place(f, at));

	return err == OK && !get_entry(bytes, e) ? ERR_CORRUPT : err;
}

enum err
history_find_upto(const struct history_file *f, uint64_t n, uint64_t *upto)
{
	struct history_entry e;
	enum err err;

	*upto = f->head.cut;
	if (n == 0)
		return OK;
	err = history_read_entry(f, n - 1, &e);
	if (err == OK)
		*upto = e.more ? e.modseq - 1 : e.modseq;
	return err;
}

enum err
history_walk(const struct history_file *f, uint64_t at,
    bool (*each)(void *, const struct history_entry *), void *ctx)
{
	struct buf piece = BUF_INIT;
	uint64_t last = f->head.cut;
	bool go_on = true;
	enum err e = OK;

	while (e == OK && go_on && at < f->n) {
		size_t n = f->n - at < PIECE ? (size_t)(f->n - at) : PIECE;
		const char *p = buf_reserve(&piece, n * HISTORY_ENTRY);

		e = file_read_at(f->fd, HISTORY_FILE, piece.p, n * HISTORY_ENTRY, history_place(f, at));
		for (size_t i = 0; e == OK && go_on && i < n; i++, at++) {
			struct history_entry entry;

			if (!get_entry(p + i * HISTORY_ENTRY, &entry) || entry.modseq <= f->head.cut ||
			    entry.modseq < last)
				e = ERR_CORRUPT;
			else
				go_on = each(ctx, &entry);
			last = entry.modseq;
		}
	}
	buf_free(&piece);
	return e;
}
