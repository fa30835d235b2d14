/* history_read.c - cyrus.history: what has happened since a modseq */
#include "imap/disk/history_in.h"

#include "imap/disk/history_pack.h"
#include "lib/file.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Ranges in the order of modseqs, to be sorted. */
struct ranges {
	struct uidrange *r;
	size_t n, size;
};

struct reading {
	struct ranges expunged, changed;
	uint64_t since;
};

static void
add_range(struct ranges *s, struct uidrange r)
{
	if (s->n == s->size) {
		s->size = s->size == 0 ? 64 : s->size * 2;
		s->r = mem_grow(s->r, s->size * sizeof(*s->r));
	}
	s->r[s->n++] = r;
}

static void
read_one(void *ctx, const struct history_entry *e)
{
	struct reading *r = ctx;

	if (e->modseq <= r->since)
		return;
	switch (e->kind) {
	case HISTORY_NOTHING:
		break;
	case HISTORY_CHANGED:
		add_range(&r->changed, e->uids);
		break;
	case HISTORY_EXPUNGED:
		add_range(&r->expunged, e->uids);
		break;
	}
}

static bool
read_next(void *ctx, const struct history_entry *e)
{
	read_one(ctx, e);
	return true;
}

static enum err
read_packed(const struct history_file *f, struct reading *r)
{
	struct buf packed = BUF_INIT;
	enum err e;

	(void)buf_reserve(&packed, f->head.packed);
	e = file_read_at(f->fd, HISTORY_FILE, packed.p, f->head.packed, HISTORY_HEAD);
	packed.n = f->head.packed;
	if (e == OK && !history_unpack(buf_str(&packed), r->since, read_one, r))
		e = ERR_CORRUPT;
	buf_free(&packed);
	return e;
}

/* The first entry above SINCE. */
static enum err
find_first(const struct history_file *f, uint64_t since, uint64_t *at)
{
	uint64_t lo = 0, hi = f->n;
	enum err err = OK;

	while (err == OK && lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		struct history_entry e;

		err = history_read_entry(f, mid, &e);
		if (err == OK && e.modseq <= since)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return err;
}

static enum err
read_since(struct history_file *f, const struct index_header *h, struct reading *r, uint64_t *upto)
{
	uint64_t first;
	enum err e = history_look_at(f, h);

	if (e == OK)
		e = history_find_upto(f, f->n, upto);
	if (e == OK && r->since < f->head.cut)
		e = read_packed(f, r);
	if (e == OK)
		e = find_first(f, r->since, &first);
	return e == OK ? history_walk(f, first, read_next, r) : e;
}

enum err
history_since(int dirfd, const struct index_header *h, uint64_t since,
    struct history_answer *a)
{
	struct reading r = { .since = since };
	struct history_file f;
	enum err e = file_open(dirfd, HISTORY_FILE, O_RDONLY, 0, &f.fd);

	*a = (struct history_answer){ .expunged = UIDSET_INIT, .changed = UIDSET_INIT };
	if (e != OK)
		return e;
	e = read_since(&f, h, &r, &a->upto);
	close(f.fd);
	if (e == OK) {
		a->from = f.head.from;
		a->changed_from = f.head.cut;
		uidset_take(&a->expunged, r.expunged.r, r.expunged.n);
		uidset_take(&a->changed, r.changed.r, r.changed.n);
	}
	free(r.expunged.r);
	free(r.changed.r);
	/* Whoever writes next mends it. */
	return e == ERR_CORRUPT ? ERR_NOTFOUND : e;
}

void
history_answer_free(struct history_answer *a)
{
	uidset_free(&a->expunged);
	uidset_free(&a->changed);
}
