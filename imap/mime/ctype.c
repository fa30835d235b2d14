/* ctype.c - Content-Type, Content-Disposition and their parameters */
#include "imap/mime/ctype.h"
#include "imap/mime/lex.h"

#include <string.h>

enum { MAX_LANGUAGES = 50 };

/*
 * Doubles the array at ITEM (COUNT in use, all of SIZE bytes) when it is full:
 * it holds 4, 8, 16, ...  NULL if the arena is full.
 */
static void *
grown(struct arena *arena, void *item, size_t count, size_t size)
{
	void *more;

	if (count != 0 && (count < 4 || (count & (count - 1)) != 0))
		return item;
	more = arena_alloc(arena, (count == 0 ? 4 : count * 2) * size);
	if (more != NULL && count > 0)
		memcpy(more, item, count * size);
	return more;
}

static void
add_param(struct arena *arena, struct mime_params *params, struct str name,
    struct str value)
{
	struct mime_param *item;

	if (value.p == NULL)
		return;
	item = grown(arena, params->item, params->count, sizeof(*item));
	if (item == NULL)
		return;
	params->item = item;
	params->item[params->count++] = (struct mime_param){ name, value };
}

/* The end of a run of characters that no white space or ";" interrupts. */
static const char *
word_end(const char *p, const char *end)
{
	while (p < end && *p != ';' && !lex_is_space(*p))
		p++;
	return p;
}

/*
 * A value that is not quoted.  Senders leave away the quotes around values
 * with spaces (name=My file.txt) as well as semicolons (charset=x format=y):
 * what follows the first word belongs to the value unless it is a comment or
 * has a "=".  A comment right behind the word is one only if the word ends
 * with it: charset=us-ascii(Plain), but filename=report(1).pdf.
 */
static struct str
plain_value(struct lex *l)
{
	const char *start = l->p, *end = word_end(l->p, l->end);
	const char *paren, *semi, *p;
	struct lex rest = { end, l->end, false };

	paren = memchr(start, '(', (size_t)(end - start));
	if (paren != NULL) {
		struct lex after = { paren, l->end, false };

		lex_cfws(&after, NULL);
		if (after.p == after.end || *after.p == ';'
		    || lex_is_space(after.p[-1]))
			end = rest.p = paren;
	}
	lex_cfws(&rest, NULL);
	l->p = rest.p;
	if (rest.p == rest.end || *rest.p == ';')
		return (struct str){ start, (size_t)(end - start) };
	semi = memchr(rest.p, ';', (size_t)(rest.end - rest.p));
	if (semi == NULL)
		semi = rest.end;
	p = memchr(rest.p, '=', (size_t)(semi - rest.p));
	if (p != NULL)
		return (struct str){ start, (size_t)(end - start) };
	l->p = semi;
	return lex_trim((struct str){ start, (size_t)(semi - start) });
}

/* value := token / quoted-string, or what was meant to be one */
static struct str
param_value(struct arena *arena, struct lex *l)
{
	struct str s;

	if (!lex_at(l, '"'))
		return lex_unfold(arena, plain_value(l));
	if (lex_quoted(l, &s))
		return lex_unquote(arena, s);
	s = lex_trim((struct str){ l->p + 1, (size_t)(l->end - l->p - 1) });
	l->p = l->end;
	return lex_unquote(arena, s);
}

/* attribute := what stands before the "="; more than RFC 2045 lets through */
static struct str
attribute(struct lex *l)
{
	const char *start = l->p;

	while (l->p < l->end && *l->p != '=' && *l->p != ';' && *l->p != '('
	    && !lex_is_space(*l->p))
		l->p++;
	return (struct str){ start, (size_t)(l->p - start) };
}

/* *(";" attribute "=" value) */
static void
parameters(struct arena *arena, struct lex *l, struct mime_params *params)
{
	for (size_t n = 0; n < MIME_MAX_PARAMS && l->p < l->end; n++) {
		const char *before = l->p;
		struct str name;

		lex_cfws(l, NULL);
		while (lex_at(l, ';') || lex_at(l, ',')) {
			l->p++;
			lex_cfws(l, NULL);
		}
		name = attribute(l);
		lex_cfws(l, NULL);
		if (lex_at(l, '=')) {
			l->p++;
			lex_cfws(l, NULL);
			if (name.n > 0)
				add_param(arena, params, name, param_value(arena, l));
			else
				plain_value(l);
		} else if (l->p == before) {
			l->p++;
		}
	}
}

bool
ctype_parse(struct arena *arena, struct str value, struct str *type,
    struct str *subtype, struct mime_params *params)
{
	struct lex l = lex_of(value);
	struct str major, minor;

	lex_cfws(&l, NULL);
	major = lex_token(&l);
	lex_cfws(&l, NULL);
	if (major.n == 0 || !lex_at(&l, '/'))
		return false;
	l.p++;
	lex_cfws(&l, NULL);
	minor = lex_token(&l);
	if (minor.n == 0)
		return false;
	*type = major;
	*subtype = minor;
	parameters(arena, &l, params);
	return true;
}

bool
ctype_disposition(struct arena *arena, struct str value,
    struct str *disposition, struct mime_params *params)
{
	struct lex l = lex_of(value), before;
	struct str word;

	lex_cfws(&l, NULL);
	before = l;
	word = lex_token(&l);
	lex_cfws(&l, NULL);
	if (lex_at(&l, '=')) {
		l = before;
		word.n = 0;
	}
	parameters(arena, &l, params);
	if (word.n == 0 && params->count == 0)
		return false;
	*disposition = word.n > 0 ? word : STR("attachment");
	return true;
}

struct str
ctype_word(struct str value)
{
	struct lex l = lex_of(value);

	lex_cfws(&l, NULL);
	return lex_token(&l);
}

size_t
ctype_languages(struct arena *arena, struct str value, struct str **tags)
{
	struct lex l = lex_of(value);
	size_t n = 0;

	*tags = NULL;
	while (l.p < l.end && n < MAX_LANGUAGES) {
		struct str tag;

		lex_cfws(&l, NULL);
		tag = lex_token(&l);
		if (tag.n > 0) {
			struct str *more = grown(arena, *tags, n, sizeof(*more));

			if (more == NULL)
				return n;
			*tags = more;
			more[n++] = tag;
		} else if (l.p < l.end) {
			l.p++;
		}
	}
	return n;
}
