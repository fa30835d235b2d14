/* msgid.c - the message-ids of a References field and its kin */
#include "imap/mime/lex.h"
#include "imap/mime/mime.h"

#include <string.h>

/* No value has more ids than this. */
static size_t
count_open(struct str value)
{
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++)
		n += value.p[i] == '<';
	return n;
}

/*
 * id-left "@" id-right without quotes, comments and white space, so that the
 * same id written in two ways is the same bytes; {NULL, 0}: the arena is full.
 */
static struct str
normalized(struct arena *arena, struct str id)
{
	struct lex l = lex_of(id);
	struct str out, inside;
	char *to;

	if (memchr(id.p, '"', id.n) == NULL && memchr(id.p, ' ', id.n) == NULL
	    && memchr(id.p, '\n', id.n) == NULL
	    && memchr(id.p, '\t', id.n) == NULL
	    && memchr(id.p, '(', id.n) == NULL)
		return id;
	to = arena_alloc(arena, id.n + 1);
	out = (struct str){ to, 0 };
	while (to != NULL && l.p < l.end) {
		lex_cfws(&l, NULL);
		if (lex_quoted(&l, &inside)) {
			inside = lex_unquote(arena, inside);
			memcpy(to + out.n, inside.p, inside.n);
			out.n += inside.n;
		} else if (l.p < l.end) {
			to[out.n++] = *l.p++;
		}
	}
	return out;
}

/*
 * The next "<...>", a second "<" within it starts anew; words outside (as in
 * "Your message of Monday", RFC 822) are none.
 */
static bool
next_id(struct str *value, struct str *id)
{
	const char *end = value->p + value->n, *start = NULL;

	for (const char *p = value->p; p < end; p++) {
		if (*p == '<') {
			start = p + 1;
		} else if (*p == '>' && start != NULL) {
			*id = (struct str){ start, (size_t)(p - start) };
			*value = (struct str){ p + 1, (size_t)(end - p - 1) };
			return true;
		}
	}
	return false;
}

size_t
mime_parse_msgids(struct arena *arena, struct str value, struct str **ids)
{
	size_t most = count_open(value), n = 0;
	struct str id;

	*ids = NULL;
	if (most == 0 || most > SIZE_MAX / sizeof(id))
		return 0;
	*ids = arena_alloc(arena, most * sizeof(id));
	while (*ids != NULL && next_id(&value, &id)) {
		id = normalized(arena, id);
		if (id.n > 0)
			(*ids)[n++] = id;
	}
	return n;
}
