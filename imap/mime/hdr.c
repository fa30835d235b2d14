/* hdr.c - where a header's fields and the header itself end */
#include "imap/mime/hdr.h"
#include "imap/mime/lex.h"
#include "imap/mime/mime.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t
hdr_empty_line(struct str rest)
{
	if (rest.n >= 1 && rest.p[0] == '\n')
		return 1;
	return rest.n >= 2 && rest.p[0] == '\r' && rest.p[1] == '\n' ? 2 : 0;
}

/* The length of the first line with its line end. */
static size_t
line_length(struct str s)
{
	const char *nl = memchr(s.p, '\n', s.n);

	return nl != NULL ? (size_t)(nl + 1 - s.p) : s.n;
}

static bool
is_mbox_from(struct str s)
{
	size_t quoted = s.n > 0 && s.p[0] == '>' ? 1 : 0;

	return s.n >= quoted + 5 && memcmp(s.p + quoted, "From ", 5) == 0;
}

/*
 * field-name = 1*ftext, then *WSP ":" (RFC 5322 sections 3.6.8 and 4.5.8);
 * *NAME is not touched if there is none.
 */
static bool
field_name(struct str s, struct str *name)
{
	size_t n = 0, colon;

	while (n < s.n && (unsigned char)s.p[n] > ' ' && s.p[n] != ':'
	    && s.p[n] != 0x7f)
		n++;
	colon = n;
	while (colon < s.n && (s.p[colon] == ' ' || s.p[colon] == '\t'))
		colon++;
	if (n == 0 || colon == s.n || s.p[colon] != ':')
		return false;
	*name = (struct str){ s.p, n };
	return true;
}

/*
 * The length of a line that is neither a field nor the end, but a Content-
 * field comes right behind it: senders break a long Content-Type without
 * folding it, and who ends the header there shows a broken attachment.
 */
static size_t
torn_line(struct str s)
{
	struct str name, next;
	size_t n = line_length(s);

	/* What is seldom true comes first: this is asked for each field. */
	next = (struct str){ s.p + n, s.n - n };
	if (next.n < 8 || (next.p[0] != 'C' && next.p[0] != 'c')
	    || !str_ieq((struct str){ next.p, 8 }, STR("content-"))
	    || !field_name(next, &name))
		return 0;
	if (s.n < 2 || hdr_empty_line(s) != 0 || field_name(s, &name)
	    || is_mbox_from(s) || (s.p[0] == '-' && s.p[1] == '-'))
		return 0;
	return n;
}

/* The lines that go on with the field whose first N bytes are known. */
static size_t
continued(struct str s, size_t n)
{
	for (;;) {
		size_t more;

		while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t'))
			n += line_length((struct str){ s.p + n, s.n - n });
		more = torn_line((struct str){ s.p + n, s.n - n });
		if (more == 0)
			return n;
		n += more;
	}
}

bool
mime_next_field(struct str *header, struct str *name, struct str *raw)
{
	struct str s = *header;
	size_t n;

	if (s.n == 0 || hdr_empty_line(s) != 0)
		return false;
	*name = (struct str){ s.p, 0 };
	if (!field_name(s, name) && s.p[0] != ' ' && s.p[0] != '\t'
	    && !is_mbox_from(s))
		return false;
	n = continued(s, line_length(s));
	*raw = (struct str){ s.p, n };
	*header = (struct str){ s.p + n, s.n - n };
	return true;
}

struct str
hdr_value(struct str name, struct str raw)
{
	size_t at = name.n;

	while (at < raw.n && raw.p[at] != ':')
		at++;
	if (at < raw.n)
		at++;
	return (struct str){ raw.p + at, raw.n - at };
}

bool
mime_field_value(struct arena *arena, struct str header, const char *wanted,
    struct str *value)
{
	struct str key = str_c(wanted), name, raw;

	while (mime_next_field(&header, &name, &raw))
		if (str_ieq(name, key)) {
			*value = lex_unfold(arena, hdr_value(name, raw));
			return value->p != NULL;
		}
	return false;
}

static int
name_cmp(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	int c = strncasecmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

/*
 * A client may name as many as it likes, of a header as long as it likes: many are
 * sorted first.
 */
struct names {
	const struct str *name;
	size_t n;
	struct str *sorted;		/* NULL: they are few */
};

enum { FEW_NAMES = 12 };

static struct names
names_of(const struct str *name, size_t n)
{
	struct names w = { name, n, NULL };

	if (n <= FEW_NAMES)
		return w;
	w.sorted = mem_get(n * sizeof(*name));
	memcpy(w.sorted, name, n * sizeof(*name));
	qsort(w.sorted, n, sizeof(*name), name_cmp);
	return w;
}

static bool
is_named(const struct names *w, struct str name)
{
	if (w->sorted != NULL)
		return bsearch(&name, w->sorted, w->n, sizeof(name), name_cmp) != NULL;
	for (size_t i = 0; i < w->n; i++)
		if (w->name[i].n == name.n && str_ieq(w->name[i], name))
			return true;
	return false;
}

void
mime_header_fields(struct str header, const struct str *names, size_t n,
    bool not, struct buf *out)
{
	struct names wanted = names_of(names, n);
	struct str name, raw;

	while (mime_next_field(&header, &name, &raw)) {
		if (is_named(&wanted, name) == not)
			continue;
		buf_add_str(out, raw);
		if (raw.p[raw.n - 1] != '\n')
			buf_adds(out, "\r\n");
	}
	free(wanted.sorted);
	buf_adds(out, "\r\n");
}
