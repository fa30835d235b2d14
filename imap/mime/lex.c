/* lex.c - the words that structured header fields are made of */
#include "imap/mime/lex.h"

#include <string.h>

struct lex
lex_of(struct str value)
{
	return (struct lex){ value.p, value.p + value.n, false };
}

void
lex_space(struct lex *l)
{
	while (l->p < l->end && lex_is_space(*l->p))
		l->p++;
}

/* comment = "(" *([FWS] ccontent) [FWS] ")", with .p at the parenthesis */
static struct str
comment(struct lex *l)
{
	const char *start = ++l->p;
	size_t depth = 1;

	for (; l->p < l->end; l->p++) {
		if (*l->p == '\\' && l->p + 1 < l->end)
			l->p++;
		else if (*l->p == '(')
			depth++;
		else if (*l->p == ')' && --depth == 0)
			return (struct str){ start, (size_t)(l->p++ - start) };
	}
	return (struct str){ start, (size_t)(l->end - start) };
}

void
lex_cfws(struct lex *l, struct str *inside)
{
	for (;;) {
		struct str s;

		lex_space(l);
		if (!lex_at(l, '('))
			return;
		s = comment(l);
		if (inside != NULL)
			*inside = s;
	}
}

static bool
is_token_char(char c)
{
	return c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

struct str
lex_token(struct lex *l)
{
	const char *start = l->p;

	while (l->p < l->end && is_token_char(*l->p))
		l->p++;
	return (struct str){ start, (size_t)(l->p - start) };
}

bool
lex_quoted(struct lex *l, struct str *inside)
{
	if (!lex_at(l, '"') || l->unclosed)
		return false;
	for (const char *p = l->p + 1; p < l->end; p++) {
		if (*p == '\\' && p + 1 < l->end) {
			p++;
		} else if (*p == '"') {
			*inside = (struct str){ l->p + 1, (size_t)(p - l->p - 1) };
			l->p = p + 1;
			return true;
		}
	}
	l->unclosed = true;
	return false;
}

struct str
lex_unquote(struct arena *arena, struct str inside)
{
	struct str out = { inside.p, 0 };
	char *copy;

	if (memchr(inside.p, '\\', inside.n) == NULL
	    && memchr(inside.p, '\n', inside.n) == NULL)
		return inside;
	out.p = copy = arena_copy(arena, inside.p, inside.n);
	if (copy == NULL)
		return out;
	for (size_t i = 0; i < inside.n; i++) {
		if (inside.p[i] == '\\' && i + 1 < inside.n)
			i++;
		else if (inside.p[i] == '\n'
		    || (inside.p[i] == '\r' && i + 1 < inside.n
		    && inside.p[i + 1] == '\n'))
			continue;
		copy[out.n++] = inside.p[i];
	}
	return out;
}

struct str
lex_trim(struct str text)
{
	while (text.n > 0 && lex_is_space(text.p[0])) {
		text.p++;
		text.n--;
	}
	while (text.n > 0 && lex_is_space(text.p[text.n - 1]))
		text.n--;
	return text;
}

struct str
lex_unfold(struct arena *arena, struct str text)
{
	struct str in = lex_trim(text), out;
	char *copy;

	if (memchr(in.p, '\n', in.n) == NULL)
		return in;
	out = (struct str){ copy = arena_copy(arena, in.p, in.n), 0 };
	if (copy == NULL)
		return out;
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] != '\n'
		    && !(in.p[i] == '\r' && i + 1 < in.n && in.p[i + 1] == '\n'))
			copy[out.n++] = in.p[i];
	return out;
}
