#include "imap/imapd/session/batches.h"

uint32_t
batches_count(const struct mbox *m, uint32_t size)
{
	uint32_t count = mbox_count(m);

	return count / size + (count % size > 0);
}

/* The highest UID of batch N; 0 behind the last. */
static uint32_t
top_of(struct mbox *m, uint32_t size, uint32_t n)
{
	uint64_t above = (uint64_t)(n - 1) * size;

	return above < mbox_count(m) ? mbox_uid(m, mbox_count(m) - (uint32_t)above) : 0;
}

struct uidrange
batches_range(struct mbox *m, uint32_t size, uint32_t n)
{
	return (struct uidrange){ top_of(m, size, n), top_of(m, size, n + 1) + 1 };
}

/* --- what was told --- */

static void
forget(struct batch_size *b)
{
	uidset_free(&b->batches);
	*b = (struct batch_size){ .size = 0 };
}

void
batches_forget(struct batches_told *t)
{
	for (size_t i = 0; i < BATCH_SIZES; i++)
		forget(&t->of[i]);
}

/* Have as many messages come or gone as half a batch? */
static bool
is_outdated(const struct batch_size *b, struct mbox *m)
{
	uint32_t old = b->last_uid == UINT32_MAX ? mbox_count(m)
	    : mbox_seq_from_uid(m, b->last_uid + 1) - 1;
	uint32_t come = mbox_count(m) - old;
	uint32_t gone = b->count > old ? b->count - old : 0;
	uint32_t half = b->size / 2 + b->size % 2;

	return come >= half || gone >= half;
}

/* Where SIZE is noted; NULL: there is no room. */
static struct batch_size *
find(struct batches_told *t, struct mbox *m, uint32_t size)
{
	struct batch_size *unused = NULL;

	for (size_t i = 0; i < BATCH_SIZES; i++) {
		struct batch_size *b = &t->of[i];

		if (b->size != 0 && is_outdated(b, m))
			forget(b);
		if (b->size == size)
			return b;
		if (b->size == 0)
			unused = b;
	}
	if (unused != NULL)
		*unused = (struct batch_size){ .size = size, .count = mbox_count(m),
		    .last_uid = mbox_uid(m, mbox_count(m)), .batches = UIDSET_INIT };
	return unused;
}

static bool
has_all(const struct uidset *s, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->r[i].first <= first && last <= s->r[i].last)
			return true;
	return false;
}

bool
batches_tell(struct batches_told *t, struct mbox *m, uint32_t size, uint32_t first,
    uint32_t last)
{
	struct batch_size *b = find(t, m, size);

	if (b == NULL)
		return false;
	if (has_all(&b->batches, first, last))
		return b->repeats++ < BATCH_REPEATS;
	uidset_add(&b->batches, first, last);
	return true;
}
