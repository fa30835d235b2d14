/* annotated.c - a mailbox's annotations beside its index */
#include "imap/store/upkeep/annotated.h"

#include "lib/log.h"

/* The flags of UID's record; RECLAIMED if there is none. */
static uint32_t
flags_of(struct index *ix, uint32_t uid)
{
	uint32_t records = ix->h->records, at = index_find(ix, records, uid);
	const struct index_record *r = index_peek(ix, at);

	return at < records && r->uid == uid ? r->flags : REC_EXPUNGED | REC_RECLAIMED;
}

static bool
is_kept(void *ctx, const struct annot *one)
{
	return one->uid == 0 || !(flags_of(ctx, one->uid) & REC_RECLAIMED);
}

void
annotated_miss(const char *name, const struct annots *a, uint64_t octets)
{
	if (a->missing && octets > 0)
		log_err("mailbox %s: %s is missing; its annotations are lost", name, ANNOTS_FILE);
}

enum err
annotated_read(struct index *ix, struct annots *a)
{
	enum err e = annots_read(ix->dirfd, ANNOTS_FILE, a);

	if (e != OK)
		return e;
	annotated_miss(ix->name, a, ix->h->annotation);
	annots_filter(a, is_kept, ix);
	return OK;
}

uint64_t
annotated_usage(struct index *ix, const struct annots *a)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].uid == 0 || !(flags_of(ix, a->v[i].uid) & REC_EXPUNGED))
			sum += annot_size(&a->v[i]);
	return sum;
}

uint64_t
annotated_usage_of(const struct annots *a, uint32_t uid)
{
	uint64_t sum = 0;

	for (size_t i = annots_first(a, uid); i < a->n && a->v[i].uid == uid; i++)
		sum += annot_size(&a->v[i]);
	return sum;
}

enum err
annotated_sweep(struct index *ix)
{
	struct annots a = ANNOTS_INIT;
	enum err e;
	size_t n;

	if (ix->h->annotations_changed == 0)
		return OK;
	e = annots_read(ix->dirfd, ANNOTS_FILE, &a);
	n = a.n;
	annots_filter(&a, is_kept, ix);
	if (e == OK && a.n < n) {
		e = annots_prepare(ix->dirfd, ANNOTS_FILE, &a);
		if (e == OK)
			e = annots_apply(ix->dirfd, ANNOTS_FILE);
	}
	annots_free(&a);
	return e;
}
