/*
 * check_index.c - what a mailbox's old index says, as far as it can be read; telling
 */
#include "imap/store/check_in.h"

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum {
	INDEX_MAX = 1 << 30,
	PAGE = 4096,			/* what is lost with a sector of it */
	PIECE = 16 * PAGE,
};
static const uint64_t MODSEQ_SANE = (uint64_t)1 << 62;

void
check_report(struct checking *c, const char *fmt, ...)
{
	struct buf line = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	if (c->p->report != NULL)
		c->p->report(c->p->ctx, c->e->name, line.p);
	log_notice("reconstruct: %s: %s", c->e->name, line.p);
	buf_free(&line);
}

bool
check_header_is_ours(const struct checking *c, const struct index_header *h)
{
	return index_header_valid(h) && id128_eq(&h->id, &c->e->id) &&
	    h->uidvalidity == c->e->uidvalidity && h->highestmodseq < MODSEQ_SANE;
}

static void
take_records(struct checking *c, struct str file)
{
	uint32_t last = 0;

	c->rec = mem_zero(1, file.n);
	for (size_t at = INDEX_HEADER_SIZE, i = 0; at + INDEX_RECORD_SIZE <= file.n;
	    at += INDEX_RECORD_SIZE, i++) {
		struct index_record *r = &c->rec[c->recs];

		memcpy(r, file.p + at, sizeof(*r));
		if (index_record_valid(r) && r->uid > last && r->modseq < MODSEQ_SANE) {
			last = r->uid;
			c->recs++;
		} else if (c->anew ? r->uid != 0 : i < c->old.records) {
			c->res->damaged++;
			c->res->changed = true;
			check_report(c, "record %zu of cyrus.index is damaged", i);
		}
	}
}

static void
found_wrong(struct checking *c, const char *what)
{
	check_report(c, "%s", what);
	c->res->changed = true;
}

/*
 * Of an index that is older than it should be the records are good, and files
 * above its last UID keep theirs.  The witness makes sure that none is given
 * twice, and no modseq (find_highest(), replace()).
 */
static void
check_old(struct checking *c)
{
	struct index_header *h = &c->old;

	c->intact = index_sums_valid(h) && h->last_uid >= c->witness.last_uid &&
	    h->highestmodseq >= c->witness.modseq;
	if (!index_sums_valid(h)) {
		found_wrong(c, "the sums in cyrus.index are damaged");
		h->last_uid = c->witness.last_uid;
		h->highestmodseq = c->witness.modseq;
	} else if (h->last_uid < c->witness.last_uid || h->highestmodseq < c->witness.modseq) {
		found_wrong(c, "cyrus.index is older than the mailbox");
	}
	if (h->state != 0)
		found_wrong(c, "cyrus.index bears the mark of a deleted or replaced one");
}

/* A piece that cannot be read, page by page; what is lost is zeros. */
static uint32_t
read_pages(int fd, char *p, size_t n, uint64_t at)
{
	uint32_t lost = 0;

	for (size_t i = 0; i < n; i += PAGE) {
		size_t part = n - i < PAGE ? n - i : PAGE;

		if (file_read_at(fd, "cyrus.index", p + i, part, at + i) == OK)
			continue;
		memset(p + i, 0, part);
		lost++;
	}
	return lost;
}

/*
 * All that the disk gives of it: a bad sector costs its records and no other.
 * What it was is told by the records' checksums.
 */
static enum err
read_index(struct checking *c, struct buf *file)
{
	uint32_t lost = 0;
	uint64_t size;
	enum err e;
	int fd;

	e = file_open(c->dirfd, "cyrus.index", O_RDONLY, 0, &fd);
	if (e != OK)
		return e;
	e = file_size(fd, "cyrus.index", &size);
	if (e == OK && size > INDEX_MAX)
		e = ERR_LIMIT;
	for (uint64_t at = 0; e == OK && at < size; at += PIECE) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
		char *p = buf_reserve(file, n);

		e = file_read_at(fd, "cyrus.index", p, n, at);
		if (e == ERR_IO && errno == EIO) {
			lost += read_pages(fd, p, n, at);
			e = OK;
		}
		if (e == OK)
			file->n += n;
	}
	close(fd);
	if (lost > 0) {
		check_report(c, "%u pages of cyrus.index cannot be read", lost);
		c->res->changed = true;
	}
	return e;
}

enum err
check_read_index(struct checking *c)
{
	struct buf file = BUF_INIT;
	enum err e = read_index(c, &file);

	c->anew = true;
	if (witness_read(c->dirfd, &c->e->id, &c->witness) == ERR_IO)
		check_report(c, "cyrus.header cannot be read");
	if (e == ERR_NOTFOUND || (e == OK && file.n < INDEX_HEADER_SIZE)) {
		check_report(c, "cyrus.index is %s", e == OK ? "cut off" : "missing");
		c->res->changed = true;
		e = OK;
	} else if (e == OK) {
		memcpy(&c->old, file.p, sizeof(c->old));
		c->anew = !check_header_is_ours(c, &c->old);
		if (c->anew) {
			if (!c->p->renew)
				check_report(c, "the header of cyrus.index is damaged or "
				    "another mailbox's");
			c->res->changed = true;
			memset(&c->old, 0, sizeof(c->old));
		} else {
			check_old(c);
		}
		take_records(c, buf_str(&file));
	}
	buf_free(&file);
	return e;
}
