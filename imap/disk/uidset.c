/* uidset.c - a set of UIDs as sorted ranges */
#include "imap/disk/uidset.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

void
uidset_free(struct uidset *s)
{
	free(s->r);
	*s = (struct uidset)UIDSET_INIT;
}

/* The first range that ends at or behind UID. */
static size_t
find(const struct uidset *s, uint32_t uid)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->r[mid].last < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
uidset_has(const struct uidset *s, uint32_t uid)
{
	size_t i = find(s, uid);

	return i < s->n && s->r[i].first <= uid;
}

static void
insert(struct uidset *s, size_t at, struct uidrange r)
{
	if (s->n == s->size) {
		s->size = s->size == 0 ? 16 : s->size * 2;
		s->r = mem_grow(s->r, s->size * sizeof(*s->r));
	}
	memmove(&s->r[at + 1], &s->r[at], (s->n - at) * sizeof(*s->r));
	s->r[at] = r;
	s->n++;
}

static void
erase(struct uidset *s, size_t at, size_t n)
{
	memmove(&s->r[at], &s->r[at + n], (s->n - at - n) * sizeof(*s->r));
	s->n -= n;
}

void
uidset_add(struct uidset *s, uint32_t first, uint32_t last)
{
	size_t i = find(s, first > 1 ? first - 1 : first), j;

	for (j = i; j < s->n && s->r[j].first <= (last == UINT32_MAX ? last : last + 1); j++) {
		if (s->r[j].first < first)
			first = s->r[j].first;
		if (s->r[j].last > last)
			last = s->r[j].last;
	}
	if (j == i) {
		insert(s, i, (struct uidrange){ first, last });
		return;
	}
	s->r[i] = (struct uidrange){ first, last };
	erase(s, i + 1, j - i - 1);
}

static int
range_cmp(const void *a, const void *b)
{
	const struct uidrange *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void
uidset_take(struct uidset *s, struct uidrange *r, size_t n)
{
	s->n = 0;
	if (n == 0)
		return;
	qsort(r, n, sizeof(*r), range_cmp);
	for (size_t i = 0; i < n; i++)
		uidset_add(s, r[i].first, r[i].last);
}

void
uidset_remove(struct uidset *s, uint32_t uid)
{
	size_t i = find(s, uid);
	struct uidrange r;

	if (i == s->n || s->r[i].first > uid)
		return;
	r = s->r[i];
	if (r.first == uid && r.last == uid) {
		erase(s, i, 1);
	} else if (r.first == uid) {
		s->r[i].first++;
	} else if (r.last == uid) {
		s->r[i].last--;
	} else {
		s->r[i].last = uid - 1;
		insert(s, i + 1, (struct uidrange){ uid + 1, r.last });
	}
}

void
uidset_copy(struct uidset *to, const struct uidset *from)
{
	to->n = 0;
	for (size_t i = 0; i < from->n; i++)
		insert(to, i, from->r[i]);
}

void
uidset_format(const struct uidset *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		buf_addu(out, s->r[i].first);
		if (s->r[i].last != s->r[i].first) {
			buf_addc(out, ':');
			buf_addu(out, s->r[i].last);
		}
	}
}

static bool
number(struct str *t, uint32_t *v)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < t->n && t->p[i] >= '0' && t->p[i] <= '9' && n <= UINT32_MAX; i++)
		n = n * 10 + (uint64_t)(t->p[i] - '0');
	if (i == 0 || n == 0 || n > UINT32_MAX)
		return false;
	t->p += i;
	t->n -= i;
	*v = (uint32_t)n;
	return true;
}

static bool
skip(struct str *t, char c)
{
	if (t->n == 0 || *t->p != c)
		return false;
	t->p++;
	t->n--;
	return true;
}

bool
uidset_parse(struct uidset *s, struct str text)
{
	struct uidrange r;

	s->n = 0;
	if (text.n == 0)
		return true;
	do {
		if (!number(&text, &r.first))
			break;
		r.last = r.first;
		if (skip(&text, ':') && !number(&text, &r.last))
			break;
		if (r.last < r.first || (s->n > 0 && s->r[s->n - 1].last >= r.first))
			break;
		insert(s, s->n, r);
		if (text.n == 0)
			return true;
	} while (skip(&text, ','));
	s->n = 0;
	return false;
}
