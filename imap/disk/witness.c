/* witness.c - a second place that knows how far a mailbox has come */
#include "imap/disk/witness.h"

#include "lib/crc.h"
#include "lib/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HEADER_MAX = 1 << 20,
	LINES = 2,
};
static const char file_name[] = "cyrus.header";

struct place {
	struct buf file;
	size_t at[LINES];		/* 0: that line is not there */
	struct witness w[LINES];	/* zeros if it cannot be read */
	bool good[LINES];
};

size_t
witness_place(struct str file)
{
	static const char mark[] = "\ncrc\t";
	const size_t n = sizeof(mark) - 1, rest = sizeof("01234567\n") - 1;

	for (size_t at = 0; at + n + rest <= file.n; at++)
		if (memcmp(file.p + at, mark, n) == 0)
			return file.p[at + n + rest - 1] == '\n' ? at + n + rest : 0;
	return 0;
}

static void
format_line(struct buf *b, const struct id128 *id, const struct witness *w)
{
	size_t at = b->n;

	buf_printf(b, "last\t%010" PRIu32 "\t%020" PRIu64 "\t", w->last_uid, w->modseq);
	buf_printf(b, "%08x\n", crc32c(crc32c(0, id->b, sizeof(id->b)), b->p + at, b->n - at));
}

void
witness_format(struct buf *b, const struct id128 *id, const struct witness *w)
{
	const struct witness none = { 0 };

	format_line(b, id, w);
	format_line(b, id, &none);
}

static bool
digits(const char *p, size_t n, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*value = *value * 10 + (uint64_t)(p[i] - '0');
	}
	return true;
}

static bool
parse_line(const char *p, const struct id128 *id, struct witness *w)
{
	struct buf again = BUF_INIT;
	uint64_t uid, modseq;
	bool ok = digits(p + 5, 10, &uid) && uid <= UINT32_MAX && digits(p + 16, 20, &modseq);

	if (ok) {
		*w = (struct witness){ (uint32_t)uid, modseq };
		format_line(&again, id, w);
		ok = memcmp(again.p, p, WITNESS_LINE) == 0;
		buf_free(&again);
	}
	if (!ok)
		*w = (struct witness){ 0 };
	return ok;
}

static enum err
look(int dirfd, const struct id128 *id, struct place *p)
{
	enum err e;

	*p = (struct place){ .file = BUF_INIT };
	e = file_slurp(dirfd, file_name, HEADER_MAX, &p->file);
	size_t end = e == OK ? witness_place(buf_str(&p->file)) : 0;
	for (size_t i = 0; end != 0 && i < LINES; i++) {
		size_t at = end + i * WITNESS_LINE;

		if (at + WITNESS_LINE > p->file.n)
			break;
		p->at[i] = at;
		p->good[i] = parse_line(p->file.p + at, id, &p->w[i]);
	}
	if (e == OK && !p->good[0] && !p->good[1])
		e = ERR_NOTFOUND;
	return e;
}

/* Both numbers only rise, so of two lines each gives what is more. */
static struct witness
best(const struct place *p)
{
	return (struct witness){
		.last_uid = p->w[0].last_uid > p->w[1].last_uid ?
		    p->w[0].last_uid : p->w[1].last_uid,
		.modseq = p->w[0].modseq > p->w[1].modseq ? p->w[0].modseq : p->w[1].modseq,
	};
}

enum err
witness_read(int dirfd, const struct id128 *id, struct witness *w)
{
	struct place p;
	enum err e = look(dirfd, id, &p);

	*w = best(&p);
	buf_free(&p.file);
	return e;
}

/* The place of the line to write over: a bad one, or the one that says less. */
static size_t
poorer(const struct place *p)
{
	if (p->good[0] && p->good[1])
		return p->at[p->w[0].modseq > p->w[1].modseq];
	return p->at[p->good[0]];
}

enum err
witness_raise(int dirfd, const struct id128 *id, const struct witness *w)
{
	struct place p;
	struct buf line = BUF_INIT;
	enum err e = look(dirfd, id, &p);
	struct witness now = best(&p);
	int fd;

	if (e != OK || (now.last_uid >= w->last_uid && now.modseq >= w->modseq)) {
		buf_free(&p.file);
		return e;
	}
	now.last_uid = now.last_uid > w->last_uid ? now.last_uid : w->last_uid;
	now.modseq = now.modseq > w->modseq ? now.modseq : w->modseq;
	format_line(&line, id, &now);
	e = poorer(&p) != 0 ? file_open(dirfd, file_name, O_RDWR, 0, &fd) : ERR_NOTFOUND;
	if (e == OK) {
		e = file_write_at(fd, file_name, line.p, line.n, poorer(&p));
		close(fd);
	}
	buf_free(&line);
	buf_free(&p.file);
	return e;
}
