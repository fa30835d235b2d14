/*
 * ranks.c - cyrus.sort
 *
 * Numbers are big-endian.
 *    0 8 bytes magic "chaparso"   8 u32 version, 1   12 u32 how keys are made
 *   16 u32 version of the Unicode tables   20 16 bytes mailbox id
 *   36 u32 UIDVALIDITY   40 u32 count of tables
 *   44 of each table: u8 text, u8 collation, u16 0, u32 count N, u32 CRC of it
 *   .. u32 CRC of all before
 *   .. the tables, one after the other: N u32 UIDs, N u32 ranks
 *
 * Whoever reads has the old file or the new one, for it is replaced by rename(2).
 * Two who write at the same time: the second one's is there, and what only the
 * first one knew somebody will find again.  It is not flushed: after a power cut it may
 * be anything, and then its checksums fail.
 */
#include "imap/disk/ranks.h"

#include "lib/crc.h"
#include "lib/file.h"
#include "lib/mem.h"

#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	VERSION = 1,
	HEAD = 44,
	ROW = 12,
	HEAD_MAX = HEAD + RANKS_TABLES * ROW + 4,
	ONE = 8,			/* bytes of one message in a table */
};

static const char magic[8] = "chaparso";

struct row {
	struct ranks_by by;
	uint32_t n, crc;
	uint64_t at;			/* in the file */
};

struct head {
	struct row row[RANKS_TABLES];
	uint32_t n;
};

void
ranks_new(struct ranks *r, size_t n)
{
	r->uid = mem_get(n * ONE);
	r->rank = r->uid + n;
	r->n = n;
	r->highest = 0;
}

void
ranks_free(struct ranks *r)
{
	free(r->uid);
	*r = (struct ranks){ .n = 0 };
}

/* --- reading --- */

static bool
is_same(struct ranks_by a, struct ranks_by b)
{
	return a.text == b.text && a.collation == b.collation;
}

/* OF is how all begins: which release made it, of what mailbox. */
static bool
is_origin(const struct ranks_origin *o, struct str of)
{
	uint32_t version = 0, keys = 0, unicode = 0, uidvalidity = 0;
	struct str id;

	return str_get_u32(&of, &version) && version == VERSION
	    && str_get_u32(&of, &keys) && keys == o->keys
	    && str_get_u32(&of, &unicode) && unicode == o->unicode
	    && str_get_bytes(&of, sizeof(o->mailbox.b), &id)
	    && memcmp(id.p, o->mailbox.b, id.n) == 0
	    && str_get_u32(&of, &uidvalidity) && uidvalidity == o->uidvalidity;
}

/* Are the tables that the rows promise all of the file, and none too large? */
static bool
get_rows(struct str rows, uint64_t size, struct head *h)
{
	uint64_t at = HEAD + (uint64_t)h->n * ROW + 4;

	for (uint32_t i = 0; i < h->n; i++) {
		struct row *row = &h->row[i];
		uint8_t text, collation;
		uint16_t zero;

		if (!str_get_u8(&rows, &text) || !str_get_u8(&rows, &collation)
		    || !str_get_u16(&rows, &zero) || !str_get_u32(&rows, &row->n)
		    || !str_get_u32(&rows, &row->crc) || row->n > RANKS_MAX)
			return false;
		row->by = (struct ranks_by){ (char)text, (char)collation };
		row->at = at;
		at += (uint64_t)row->n * ONE;
	}
	return at == size;
}

static enum err
parse_head(struct str s, uint64_t size, const struct ranks_origin *o, struct head *h)
{
	struct str end;
	uint32_t crc;
	size_t n;

	if (s.n < HEAD + 4 || memcmp(s.p, magic, sizeof(magic)) != 0)
		return ERR_CORRUPT;
	end = str_slice(s, HEAD - 4, s.n);
	if (!str_get_u32(&end, &h->n) || h->n > RANKS_TABLES)
		return ERR_CORRUPT;
	n = HEAD + h->n * ROW;
	end = str_slice(s, n, s.n);
	if (!str_get_u32(&end, &crc) || crc != crc32c(0, s.p, n))
		return ERR_CORRUPT;
	if (!is_origin(o, str_slice(s, sizeof(magic), HEAD)))
		return ERR_NOTFOUND;
	return get_rows(str_slice(s, HEAD, n), size, h) ? OK : ERR_CORRUPT;
}

static enum err
read_head(int fd, const struct ranks_origin *o, struct head *h)
{
	char head[HEAD_MAX];
	uint64_t size;
	size_t n;
	enum err e = file_size(fd, RANKS_FILE, &size);

	if (e != OK)
		return e;
	n = size < sizeof(head) ? (size_t)size : sizeof(head);
	e = file_read_at(fd, RANKS_FILE, head, n, 0);
	return e == OK ? parse_head((struct str){ head, n }, size, o, h) : e;
}

static enum err
read_table(int fd, const struct row *row, void *bytes)
{
	size_t n = (size_t)row->n * ONE;
	enum err e = file_read_at(fd, RANKS_FILE, bytes, n, row->at);

	if (e == OK && crc32c(0, bytes, n) != row->crc)
		e = ERR_CORRUPT;
	return e;
}

/* From the file's byte order; false: who wrote that checksum did not mean it. */
static bool
decode(struct ranks *r)
{
	uint32_t last = 0;

	for (size_t i = 0; i < r->n; i++) {
		uint32_t uid = be32toh(r->uid[i]), rank = be32toh(r->rank[i]);

		if (uid <= last || rank == 0 || rank > RANKS_MAX)
			return false;
		r->uid[i] = last = uid;
		r->rank[i] = rank;
		r->highest = rank > r->highest ? rank : r->highest;
	}
	return true;
}

static enum err
read_ranks(int fd, const struct ranks_origin *o, struct ranks_by by, struct ranks *r)
{
	struct head h;
	enum err e = read_head(fd, o, &h);
	uint32_t i = 0;

	while (e == OK && i < h.n && !is_same(h.row[i].by, by))
		i++;
	if (e == OK && i == h.n)
		e = ERR_NOTFOUND;
	if (e != OK)
		return e;
	ranks_new(r, h.row[i].n);
	e = read_table(fd, &h.row[i], r->uid);
	if (e == OK && !decode(r))
		e = ERR_CORRUPT;
	if (e != OK)
		ranks_free(r);
	return e;
}

enum err
ranks_read(int dirfd, const struct ranks_origin *o, struct ranks_by by, struct ranks *r)
{
	enum err e;
	int fd;

	*r = (struct ranks){ .n = 0 };
	e = file_open(dirfd, RANKS_FILE, O_RDONLY, 0, &fd);
	if (e != OK)
		return e;
	e = read_ranks(fd, o, by, r);
	close(fd);
	return e;
}

/* --- writing --- */

static void
add_numbers(const uint32_t *p, size_t n, struct buf *out)
{
	char *to = buf_reserve(out, n * 4);

	for (size_t i = 0; i < n; i++) {
		uint32_t v = htobe32(p[i]);

		memcpy(to + 4 * i, &v, 4);
	}
	out->n += n * 4;
	out->p[out->n] = '\0';
}

static void
add_row(struct ranks_by by, struct str table, struct buf *rows)
{
	buf_add_u8(rows, (uint8_t)by.text);
	buf_add_u8(rows, (uint8_t)by.collation);
	buf_add_u16(rows, 0);
	buf_add_u32(rows, (uint32_t)(table.n / ONE));
	buf_add_u32(rows, crc32c(0, table.p, table.n));
}

static bool
is_among(struct ranks_by by, const struct ranks_table *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_same(t[i].by, by))
			return true;
	return false;
}

/* The tables that are there, but for the N at T and for what is not worth it. */
static void
add_others(int fd, const struct ranks_origin *o, const struct ranks_table *t, size_t n,
    struct buf *rows, struct buf *tables)
{
	size_t longest = 0;
	struct head h;

	for (size_t i = 0; i < n; i++)
		longest = t[i].ranks.n > longest ? t[i].ranks.n : longest;
	if (read_head(fd, o, &h) != OK)
		return;
	for (uint32_t i = 0; i < h.n && rows->n / ROW < RANKS_TABLES; i++) {
		size_t bytes = (size_t)h.row[i].n * ONE;
		char *at;

		if (is_among(h.row[i].by, t, n) || h.row[i].n > 2 * longest
		    || tables->n + bytes + HEAD_MAX > RANKS_FILE_MAX)
			continue;
		at = buf_reserve(tables, bytes);
		if (read_table(fd, &h.row[i], at) != OK)
			continue;
		tables->n += bytes;
		add_row(h.row[i].by, (struct str){ at, bytes }, rows);
	}
}

static void
add_head(const struct ranks_origin *o, struct str rows, struct buf *file)
{
	size_t start = file->n;

	buf_add(file, magic, sizeof(magic));
	buf_add_u32(file, VERSION);
	buf_add_u32(file, o->keys);
	buf_add_u32(file, o->unicode);
	buf_add(file, o->mailbox.b, sizeof(o->mailbox.b));
	buf_add_u32(file, o->uidvalidity);
	buf_add_u32(file, (uint32_t)(rows.n / ROW));
	buf_add_str(file, rows);
	buf_add_u32(file, crc32c(0, file->p + start, file->n - start));
}

void
ranks_build(int dirfd, const struct ranks_origin *o, const struct ranks_table *t, size_t n,
    struct buf *file)
{
	struct buf rows = BUF_INIT, tables = BUF_INIT;
	int fd;

	for (size_t i = 0; i < n; i++) {
		size_t start = tables.n;

		add_numbers(t[i].ranks.uid, t[i].ranks.n, &tables);
		add_numbers(t[i].ranks.rank, t[i].ranks.n, &tables);
		add_row(t[i].by, (struct str){ tables.p + start, tables.n - start }, &rows);
	}
	if (file_open(dirfd, RANKS_FILE, O_RDONLY, 0, &fd) == OK) {
		add_others(fd, o, t, n, &rows, &tables);
		close(fd);
	}
	add_head(o, buf_str(&rows), file);
	buf_add_str(file, buf_str(&tables));
	buf_free(&rows);
	buf_free(&tables);
}
