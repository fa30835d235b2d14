/* wal_frame.c - the commit log's frames as bytes of its stream */
#include "imap/disk/wal_in.h"

#include "lib/crc.h"

enum {
	FRAME_MAGIC = 0x43485746,	/* "CHWF" */
	VOID_MAGIC = 0x43485756,	/* "CHWV" */
};

static void
frame_encode(const struct wal_frame *f, struct buf *b)
{
	buf_add_u32(b, f->is_void ? VOID_MAGIC : FRAME_MAGIC);
	buf_add_u32(b, f->len);
	buf_add_u64(b, f->lsn);
	buf_add_u32(b, f->chain);
}

bool
wal_frame_decode(const char *p, struct wal_frame *f)
{
	struct str s = { p, WAL_FRAME_HEADER };
	uint32_t magic;

	if (!str_get_u32(&s, &magic) || (magic != FRAME_MAGIC && magic != VOID_MAGIC))
		return false;
	f->is_void = magic == VOID_MAGIC;
	return str_get_u32(&s, &f->len) && str_get_u64(&s, &f->lsn) &&
	    str_get_u32(&s, &f->chain) && str_get_u32(&s, &f->crc) &&
	    (f->is_void || f->len <= WAL_FRAME_MAX);
}

enum err
wal_frame_read(struct wal *w, uint64_t lsn, const uint32_t *chain, struct wal_frame *f,
    struct buf *payload)
{
	char head[WAL_FRAME_HEADER];
	enum err e = wal_stream_read(w, lsn, head, sizeof(head));

	/* A segment that was cut off ends the log as a missing one does. */
	if (e != OK)
		return e == ERR_CORRUPT ? ERR_NOTFOUND : e;
	if (!wal_frame_decode(head, f) || f->lsn != lsn ||
	    (chain != NULL && f->chain != *chain))
		return ERR_NOTFOUND;
	buf_reset(payload);
	if (f->is_void)
		return crc32c(0, head, WAL_FRAME_HEADER - 4) == f->crc ? OK : ERR_NOTFOUND;
	e = wal_stream_read(w, lsn + WAL_FRAME_HEADER, buf_reserve(payload, f->len), f->len);
	if (e != OK)
		return e == ERR_CORRUPT ? ERR_NOTFOUND : e;
	payload->n = f->len;
	payload->p[payload->n] = '\0';
	if (crc32c(crc32c(0, head, WAL_FRAME_HEADER - 4), payload->p, payload->n) != f->crc)
		return ERR_NOTFOUND;
	return OK;
}

enum err
wal_frame_write(struct wal *w, const struct iovec *iov, int iovcnt, uint64_t lsn,
    struct wal_frame *f)
{
	struct buf head = BUF_INIT;
	uint64_t at = lsn + WAL_FRAME_HEADER;
	enum err e = OK;

	frame_encode(f, &head);
	f->crc = crc32c(0, head.p, head.n);
	for (int i = 0; i < iovcnt; i++)
		f->crc = crc32c(f->crc, iov[i].iov_base, iov[i].iov_len);
	buf_add_u32(&head, f->crc);
	for (int i = 0; i < iovcnt && e == OK; i++) {
		e = wal_stream_write(w, at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	/* The header last: until then there is nothing that looks like a frame. */
	if (e == OK)
		e = wal_stream_write(w, lsn, head.p, head.n);
	buf_free(&head);
	return e;
}

enum err
wal_frame_write_void(struct wal *w, struct wal_mark from, uint64_t to, struct wal_frame *f)
{
	static const char zeros[65536];
	struct buf head = BUF_INIT;
	enum err e = OK;

	*f = (struct wal_frame){ .lsn = from.lsn, .chain = from.chain, .is_void = true,
	    .len = (uint32_t)(to - from.lsn - WAL_FRAME_HEADER) };
	frame_encode(f, &head);
	f->crc = crc32c(0, head.p, head.n);
	buf_add_u32(&head, f->crc);
	for (uint64_t at = from.lsn + WAL_FRAME_HEADER; e == OK && at < to; at += sizeof(zeros)) {
		uint64_t n = to - at < sizeof(zeros) ? to - at : sizeof(zeros);

		e = wal_stream_write(w, at, zeros, (size_t)n);
	}
	if (e == OK)
		e = wal_stream_write(w, from.lsn, head.p, head.n);
	buf_free(&head);
	return e;
}
