/*
 * annot.c - cyrus.annotations
 *
 * Why replaced whole: annotations are few and change seldom, and a file that is
 * written beside the old one, flushed, and renamed is whole whatever happens.
 * What the log holds is put back on top of it, each change an absolute state.
 */
#include "imap/disk/annot.h"

#include "lib/buf.h"
#include "lib/crc.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CRC_TEXT = 9 };		/* TAB and 8 digits */

/* --- in memory --- */

static struct str
own(struct str s)
{
	char *p;

	if (s.p == NULL)
		return s;
	p = mem_zero(1, s.n + 1);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct str){ p, s.n };
}

static void
release(struct annot *one)
{
	free((void *)(uintptr_t)one->owner.p);
	free((void *)(uintptr_t)one->entry.p);
	free((void *)(uintptr_t)one->value.p);
}

void
annots_free(struct annots *a)
{
	for (size_t i = 0; i < a->n; i++)
		release(&a->v[i]);
	free(a->v);
	*a = ANNOTS_INIT;
}

static int
compare_bytes(struct str x, struct str y)
{
	size_t n = x.n < y.n ? x.n : y.n;
	int c = n > 0 ? memcmp(x.p, y.p, n) : 0;

	return c != 0 ? c : x.n < y.n ? -1 : x.n > y.n;
}

static int
compare(const struct annot *one, uint32_t uid, struct str entry, struct str owner)
{
	int c;

	if (one->uid != uid)
		return one->uid < uid ? -1 : 1;
	c = compare_bytes(one->entry, entry);
	return c != 0 ? c : compare_bytes(one->owner, owner);
}

int
annot_cmp(const struct annot *a, const struct annot *b)
{
	return compare(a, b->uid, b->entry, b->owner);
}

/* Where it is, or would be. */
static size_t
place(const struct annots *a, uint32_t uid, struct str entry, struct str owner)
{
	size_t lo = 0, hi = a->n;

	/* A file is sorted: reading it adds at the end. */
	if (hi > 0 && compare(&a->v[hi - 1], uid, entry, owner) < 0)
		return hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(&a->v[mid], uid, entry, owner) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct annot *
annots_find(const struct annots *a, uint32_t uid, struct str entry, struct str owner)
{
	size_t at = place(a, uid, entry, owner);

	return at < a->n && compare(&a->v[at], uid, entry, owner) == 0 ? &a->v[at] : NULL;
}

size_t
annots_first(const struct annots *a, uint32_t uid)
{
	return place(a, uid, STR(""), STR(""));
}

static void
take_away(struct annots *a, size_t at)
{
	release(&a->v[at]);
	memmove(&a->v[at], &a->v[at + 1], (a->n - at - 1) * sizeof(*a->v));
	a->n--;
}

void
annots_put(struct annots *a, const struct annot *change)
{
	size_t at = place(a, change->uid, change->entry, change->owner);
	bool is_there = at < a->n &&
	    compare(&a->v[at], change->uid, change->entry, change->owner) == 0;

	if (change->value.p == NULL) {
		if (is_there)
			take_away(a, at);
		return;
	}
	if (is_there) {
		struct str value = own(change->value);

		free((void *)(uintptr_t)a->v[at].value.p);
		a->v[at].value = value;
		a->v[at].modseq = change->modseq;
		return;
	}
	if (a->n == a->size) {
		a->size = a->size == 0 ? 8 : a->size * 2;
		a->v = mem_grow(a->v, a->size * sizeof(*a->v));
	}
	memmove(&a->v[at + 1], &a->v[at], (a->n - at) * sizeof(*a->v));
	a->v[at] = (struct annot){ .uid = change->uid, .modseq = change->modseq,
	    .owner = own(change->owner), .entry = own(change->entry),
	    .value = own(change->value) };
	a->n++;
}

void
annots_filter(struct annots *a, annots_keep_fn keep, void *ctx)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (keep(ctx, &a->v[i]))
			a->v[n++] = a->v[i];
		else
			release(&a->v[i]);
	}
	a->n = n;
}

uint64_t
annot_size(const struct annot *one)
{
	return one->entry.n + one->value.n;
}

/* Where to go on after a wildcard that takes one more byte; p 0: nowhere. */
struct backtrack {
	size_t p, n;
};

/*
 * One place to go back to is enough for each wildcard: what follows it is put
 * as early as it fits, which leaves the most to the rest.
 */
bool
annot_matches(struct str pattern, struct str entry)
{
	struct backtrack star = { 0, 0 }, percent = { 0, 0 };
	size_t p = 0, n = 0;

	while (n < entry.n || p < pattern.n) {
		char c = p < pattern.n ? pattern.p[p] : '\0';
		bool more = p < pattern.n && n < entry.n;

		if (more && c == '*') {
			star = (struct backtrack){ ++p, ++n };
			percent.p = 0;
		} else if (more && c == '%' && entry.p[n] != '/') {
			percent = (struct backtrack){ ++p, ++n };
		} else if (more && c != '%' && c == entry.p[n]) {
			p++;
			n++;
		} else if (percent.p > 0 && percent.n < entry.n && entry.p[percent.n] != '/') {
			p = percent.p;
			n = ++percent.n;
		} else if (star.p > 0 && star.n < entry.n) {
			p = star.p;
			n = ++star.n;
			percent.p = 0;
		} else {
			return false;
		}
	}
	return true;
}

/* --- lines --- */

static void
add_escaped(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 32 || c == 127 || c == '%')
			buf_printf(b, "%%%02X", c);
		else
			buf_addc(b, (char)c);
	}
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
unescape(struct str s, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < s.n; i++) {
		int high, low;

		if (s.p[i] != '%') {
			buf_addc(out, s.p[i]);
			continue;
		}
		if (s.n - i < 3 || (high = hex_digit(s.p[i + 1])) < 0 ||
		    (low = hex_digit(s.p[i + 2])) < 0)
			return false;
		buf_addc(out, (char)(high * 16 + low));
		i += 2;
	}
	return true;
}

static void
add_line(struct buf *b, const struct annot *one)
{
	size_t start = b->n;

	buf_printf(b, "%" PRIu32 "\t%" PRIu64 "\t", one->uid, one->modseq);
	add_escaped(b, one->owner);
	buf_addc(b, '\t');
	add_escaped(b, one->entry);
	buf_addc(b, '\t');
	add_escaped(b, one->value);
	buf_printf(b, "\t%08" PRIx32 "\n", crc32c(0, b->p + start, b->n - start));
}

static void
add_end(struct buf *b, size_t lines)
{
	size_t start = b->n;

	buf_printf(b, "end\t%zu", lines);
	buf_printf(b, "\t%08" PRIx32 "\n", crc32c(0, b->p + start, b->n - start));
}

/* Takes what is before the next END, which must be there, off *text. */
static bool
cut(struct str *text, char end, struct str *piece)
{
	const char *at = text->n > 0 ? memchr(text->p, end, text->n) : NULL;

	if (at == NULL)
		return false;
	*piece = (struct str){ text->p, (size_t)(at - text->p) };
	*text = (struct str){ at + 1, text->n - piece->n - 1 };
	return true;
}

static bool
number(struct str s, uint64_t max, uint64_t *n)
{
	*n = 0;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)(s.p[i] - '0');

		if (s.p[i] < '0' || s.p[i] > '9' || *n > (max - digit) / 10)
			return false;
		*n = *n * 10 + digit;
	}
	return s.n > 0;
}

static bool
checksum_ok(struct str *line)
{
	char want[CRC_TEXT + 1];

	if (line->n < CRC_TEXT)
		return false;
	line->n -= CRC_TEXT;
	snprintf(want, sizeof(want), "\t%08" PRIx32, crc32c(0, line->p, line->n));
	return memcmp(want, line->p + line->n, CRC_TEXT) == 0;
}

struct pieces {
	struct buf owner, entry, value;
};

static bool
parse_line(struct str line, struct pieces *p, struct annots *a)
{
	struct str uid, modseq, owner, entry;
	struct annot one = { .uid = 0 };
	uint64_t n;

	if (!checksum_ok(&line) || !cut(&line, '\t', &uid) || !cut(&line, '\t', &modseq) ||
	    !cut(&line, '\t', &owner) || !cut(&line, '\t', &entry) ||
	    !number(uid, UINT32_MAX, &n) || !number(modseq, UINT64_MAX, &one.modseq) ||
	    !unescape(owner, &p->owner) || !unescape(entry, &p->entry) ||
	    !unescape(line, &p->value) || p->entry.n == 0)
		return false;
	one.uid = (uint32_t)n;
	one.owner = buf_str(&p->owner);
	one.entry = buf_str(&p->entry);
	one.value = buf_str(&p->value);
	annots_put(a, &one);
	return true;
}

/* The last line; *N: how many there should be before it. */
static bool
parse_end(struct str line, uint64_t *n)
{
	const struct str end = STR("end\t");

	if (line.n < end.n || memcmp(line.p, end.p, end.n) != 0 || !checksum_ok(&line))
		return false;
	return number((struct str){ line.p + end.n, line.n - end.n }, SIZE_MAX, n);
}

static void
parse(struct str text, const char *file, struct annots *a)
{
	struct pieces p = { BUF_INIT, BUF_INIT, BUF_INIT };
	uint64_t damaged = 0, good = 0, all;
	bool ended = false;
	struct str line;

	while (!ended && cut(&text, '\n', &line)) {
		ended = parse_end(line, &all);
		if (ended)
			break;
		if (parse_line(line, &p, a))
			good++;
		else
			damaged++;
	}
	if (ended && all > good)
		damaged = all - good;
	if (damaged > 0)
		log_err("%s: %" PRIu64 " lines are damaged; these annotations are lost", file,
		    damaged);
	if (!ended)
		log_err("%s: was cut off; annotations may be lost", file);
	buf_free(&p.owner);
	buf_free(&p.entry);
	buf_free(&p.value);
}

enum err
annots_read(int dirfd, const char *file, struct annots *a)
{
	struct buf b = BUF_INIT;
	enum err e = file_slurp(dirfd, file, ANNOTS_MAX, &b);

	annots_free(a);
	if (e == OK)
		parse(buf_str(&b), file, a);
	a->missing = e == ERR_NOTFOUND;
	buf_free(&b);
	return e == ERR_NOTFOUND ? OK : e;
}

/* --- replacing --- */

static void
name_of_new(const char *file, struct buf *name)
{
	buf_adds(name, file);
	buf_adds(name, ".NEW");
}

/* On the disk before it takes the name: the log has the last changes only. */
static enum err
flush(int dirfd, const char *file)
{
	enum err e;
	int fd;

	e = file_open(dirfd, file, O_RDONLY, 0, &fd);
	if (e != OK)
		return e;
	e = file_fdatasync(fd, file);
	close(fd);
	return e;
}

enum err
annots_prepare(int dirfd, const char *file, const struct annots *a)
{
	struct buf text = BUF_INIT, name = BUF_INIT;
	enum err e = OK;

	for (size_t i = 0; i < a->n; i++)
		add_line(&text, &a->v[i]);
	add_end(&text, a->n);
	name_of_new(file, &name);
	if (text.n > ANNOTS_MAX)
		e = ERR_LIMIT;
	else
		e = file_replace(dirfd, name.p, text.p, text.n, 0600, false);
	if (e == OK)
		e = flush(dirfd, name.p);
	buf_free(&text);
	buf_free(&name);
	return e;
}

enum err
annots_apply(int dirfd, const char *file)
{
	struct buf name = BUF_INIT;
	enum err e;

	name_of_new(file, &name);
	e = file_rename(dirfd, name.p, dirfd, file);
	buf_free(&name);
	return e;
}

void
annots_cancel(int dirfd, const char *file)
{
	struct buf name = BUF_INIT;

	name_of_new(file, &name);
	if (file_unlink(dirfd, name.p) == ERR_IO)
		log_warning("%s: could not be removed", name.p);
	buf_free(&name);
}
