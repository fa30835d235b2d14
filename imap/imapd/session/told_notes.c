/*
 * told_notes.c - what a client knows of annotations
 *
 * One after the other: 'p' (private) or 's', the name, NUL, a digest of the value.
 */
#include "imap/imapd/session/told_notes.h"

#include "lib/digest.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST = 8 };			/* bytes that are kept of one */

struct note {
	bool private;
	struct str entry;
	const char *digest;
};

static void
add(struct buf *b, bool private, struct str entry, struct str value)
{
	uint8_t digest[SHA256_SIZE];

	sha256(value.p, value.n, digest);
	buf_addc(b, private ? 'p' : 's');
	buf_add_str(b, entry);
	buf_addc(b, '\0');
	buf_add(b, digest, DIGEST);
}

static bool
next(struct str *left, struct note *note)
{
	if (left->n == 0)
		return false;
	note->private = left->p[0] == 'p';
	note->entry = str_c(left->p + 1);
	note->digest = note->entry.p + note->entry.n + 1;
	*left = str_slice(*left, note->entry.n + 2 + DIGEST, left->n);
	return true;
}

static struct str
all_of(const struct told_notes *t)
{
	return (struct str){ t->p, t->n };
}

static bool
find(const struct told_notes *t, const struct note *wanted, struct note *found)
{
	struct str left = all_of(t);

	while (next(&left, found))
		if (found->private == wanted->private && str_eq(found->entry, wanted->entry))
			return true;
	return false;
}

static void
keep(struct told_notes *t, struct buf *b)
{
	told_notes_free(t);
	t->n = b->n;
	if (b->n > 0) {
		t->p = mem_get(b->n);
		memcpy(t->p, b->p, b->n);
	}
	buf_free(b);
}

void
told_notes_take(struct told_notes *t, const struct annots *a)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < a->n && a->v[i].uid == 0; i++)
		add(&b, a->v[i].owner.n > 0, a->v[i].entry, a->v[i].value);
	keep(t, &b);
}

void
told_notes_free(struct told_notes *t)
{
	free(t->p);
	*t = (struct told_notes){ NULL, 0 };
}

void
told_notes_compare(const struct told_notes *was, const struct told_notes *is,
    told_notes_fn each, void *ctx)
{
	struct str left = all_of(was);
	struct note one, other;

	while (next(&left, &one))
		if (!find(is, &one, &other))
			each(ctx, one.private, one.entry);
	left = all_of(is);
	while (next(&left, &one))
		if (!find(was, &one, &other) || memcmp(one.digest, other.digest, DIGEST) != 0)
			each(ctx, one.private, one.entry);
}

void
told_notes_set(struct told_notes *t, bool private, struct str entry, struct str value)
{
	struct str left = all_of(t);
	struct buf b = BUF_INIT;
	struct note one;

	while (next(&left, &one)) {
		if (one.private == private && str_eq(one.entry, entry))
			continue;
		buf_addc(&b, one.private ? 'p' : 's');
		buf_add(&b, one.entry.p, one.entry.n + 1 + DIGEST);
	}
	if (value.p != NULL)
		add(&b, private, entry, value);
	keep(t, &b);
}
