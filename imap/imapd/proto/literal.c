#include "imap/imapd/proto/literal.h"

#include <string.h>

void
line_tail_keep(struct line_tail *t, const char *p, size_t n)
{
	const size_t size = sizeof(t->p);
	if (n >= size) {
		memcpy(t->p, p + n - size, size);
		t->n = size;
		return;
	}
	size_t keep = t->n < size - n ? t->n : size - n;
	memmove(t->p, t->p + t->n - keep, keep);
	memcpy(t->p + keep, p, n);
	t->n = keep + n;
}

bool
line_tail_announces(const struct line_tail *t, struct announced *a)
{
	const char *p = t->p;
	size_t n = t->n;
	n -= n > 0 && p[n - 1] == '\n';
	n -= n > 0 && p[n - 1] == '\r';
	if (n < 3 || p[n - 1] != '}')
		return false;
	n--;
	a->sync = p[n - 1] != '+';
	n -= !a->sync;
	size_t from = n;
	while (from > 0 && p[from - 1] >= '0' && p[from - 1] <= '9')
		from--;
	if (from == n || from == 0 || p[from - 1] != '{')
		return false;
	a->eight = from > 1 && p[from - 2] == '~';
	a->size = 0;
	for (; from < n; from++) {
		unsigned digit = (unsigned)(p[from] - '0');
		if (a->size > (UINT64_MAX - digit) / 10) {
			a->size = UINT64_MAX;
			break;
		}
		a->size = a->size * 10 + digit;
	}
	return true;
}

void
line_chomp(struct buf *line)
{
	if (line->n > 0 && line->p[line->n - 1] == '\n')
		buf_truncate(line, line->n - 1);
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		buf_truncate(line, line->n - 1);
}
