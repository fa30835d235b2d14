/*
 * addr.c - the mailboxes of an address list, one by one
 *
 * addr_next() first looks for where the next mailbox ends and whether it is
 * "name <address>", "address (name)" or "group:", and takes its pieces apart
 * afterwards: so a wrong character spoils one mailbox, not the rest.
 */
#include "imap/mime/addr.h"

#include <string.h>

struct addr_iter
addr_iter(struct str value)
{
	return (struct addr_iter){ .l = lex_of(value) };
}

static struct str
between(const char *start, const char *end)
{
	return (struct str){ start, (size_t)(end - start) };
}

/* domain-literal; not moved if it is none.  An "[" or "@" in it ends the try. */
static bool
domain_literal(struct lex *l)
{
	const char *p = l->p + 1;

	while (p < l->end && !lex_is_space(*p) && strchr("[]@<>,;", *p) == NULL)
		p++;
	if (p == l->end || *p != ']')
		return false;
	l->p = p + 1;
	return true;
}

/* One unit to look at: a quoted string, comment, domain literal or character. */
static void
skip_unit(struct lex *l, struct str *comment)
{
	struct str inside;

	if (lex_at(l, '"') && lex_quoted(l, &inside))
		return;
	if (lex_at(l, '(')) {
		lex_cfws(l, comment);
		return;
	}
	if (lex_at(l, '[') && domain_literal(l))
		return;
	l->p++;
}

/* What a character may end, or begin; most do neither. */
enum mark { COMMA = 1, SEMICOLON = 2, LESS = 4, GREATER = 8, COLON = 16, OTHER = 32 };

static const unsigned char marks[256] = {
	[','] = COMMA, [';'] = SEMICOLON, ['<'] = LESS, ['>'] = GREATER, [':'] = COLON,
	['"'] = OTHER, ['('] = OTHER, ['['] = OTHER, ['@'] = OTHER,
};

/* Up to one of STOP outside of quotes; *AT, if not NULL: the last "@" there. */
static struct str
until(struct lex *l, unsigned stop, struct str *comment, const char **at)
{
	const char *start = l->p;

	for (;;) {
		while (l->p < l->end && marks[(unsigned char)*l->p] == 0)
			l->p++;
		if (l->p == l->end || (marks[(unsigned char)*l->p] & stop) != 0)
			break;
		if (*l->p == '@' && at != NULL)
			*at = l->p;
		skip_unit(l, comment);
	}
	return between(start, l->p);
}

/* Does it stand in the message as it is to be shown? */
static bool
is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '(' || s.p[i] == '\n'
		    || s.p[i] == '\t' || s.p[i] == '\r')
			return false;
		if (s.p[i] == ' ' && (s.p[i + 1] == ' ' || s.p[i + 1] == '.'
		    || s.p[i - 1] == '.'))
			return false;
	}
	return true;
}

/*
 * The words of TEXT without quotes, comments and needless white space.  An
 * address (SPEC) has no space next to its dots, a name may.
 */
static struct str
words(struct arena *arena, struct str text, bool spec)
{
	struct lex l = lex_of(lex_trim(text));
	struct str inside, out;
	bool space = false;
	char *to;

	if (is_plain(between(l.p, l.end)))
		return between(l.p, l.end);
	to = arena_alloc(arena, (size_t)(l.end - l.p) + 1);
	out = (struct str){ to, 0 };
	while (to != NULL && l.p < l.end) {
		if (lex_is_space(*l.p) || *l.p == '(') {
			lex_cfws(&l, NULL);
			space = true;
			continue;
		}
		if (space && out.n > 0
		    && !(spec && (*l.p == '.' || to[out.n - 1] == '.')))
			to[out.n++] = ' ';
		space = false;
		if (*l.p == '"' && lex_quoted(&l, &inside)) {
			inside = lex_unquote(arena, inside);
			memcpy(to + out.n, inside.p, inside.n);
			out.n += inside.n;
		} else {
			to[out.n++] = *l.p++;
		}
	}
	return out;
}

/* addr-spec = local-part "@" domain, the "@" at AT if there is one */
static void
addr_spec(struct arena *arena, struct str spec, const char *at,
    struct mime_address *a)
{
	const char *end = spec.p + spec.n;

	if (at == NULL) {
		a->local = words(arena, spec, true);
		a->domain = STR("");
		return;
	}
	a->local = words(arena, between(spec.p, at), true);
	a->domain = words(arena, between(at + 1, end), true);
}

/* angle-addr = "<" [obs-route] addr-spec ">", with .p behind the "<" */
static void
angle_addr(struct arena *arena, struct lex *l, struct mime_address *a)
{
	const char *at = NULL;
	struct str spec;

	lex_cfws(l, NULL);
	if (lex_at(l, '@')) {
		struct lex route = *l;
		struct str s = until(&route, COLON | GREATER, NULL, NULL);

		if (lex_at(&route, ':')) {
			a->adl = words(arena, s, true);
			route.p++;
			*l = route;
		}
	}
	spec = until(l, GREATER | COMMA | SEMICOLON, NULL, &at);
	addr_spec(arena, spec, at, a);
	if (lex_at(l, '>'))
		l->p++;
}

/*
 * Comments, and words that belong to nothing; but if another "<" comes before
 * the comma, they are the next mailbox and the comma was forgotten.
 */
static void
behind_angle_addr(struct lex *l, struct str *comment)
{
	struct str later;
	struct lex look;

	lex_cfws(l, comment);
	later = *comment;
	look = *l;
	until(&look, COMMA | SEMICOLON | LESS, &later, NULL);
	if (!lex_at(&look, '<')) {
		*comment = later;
		*l = look;
	}
	l->unclosed = look.unclosed;
}

/* A name that says nothing is none. */
static struct str
name_of(struct str s)
{
	return s.n > 0 ? s : (struct str){ NULL, 0 };
}

static struct str
comment_name(struct arena *arena, struct str comment)
{
	if (comment.n == 0)
		return (struct str){ NULL, 0 };
	return name_of(lex_trim(lex_unquote(arena, comment)));
}

/* address = mailbox / group, with .p at its first character */
static void
address(struct arena *arena, struct addr_iter *it, struct mime_address *a)
{
	struct str comment = { NULL, 0 }, text;
	const unsigned stop = COMMA | SEMICOLON | LESS;
	const char *at = NULL;
	struct lex *l = &it->l;

	text = until(l, it->in_group ? stop : stop | COLON, &comment, &at);
	while (lex_at(l, ':') && at != NULL) {
		l->p++;
		until(l, stop | COLON, &comment, &at);
		text.n = (size_t)(l->p - text.p);
	}
	if (lex_at(l, ':')) {
		l->p++;
		it->in_group = true;
		a->local = words(arena, text, false);
	} else if (lex_at(l, '<')) {
		a->name = name_of(words(arena, text, false));
		l->p++;
		angle_addr(arena, l, a);
		behind_angle_addr(l, &comment);
		if (a->name.p == NULL)
			a->name = comment_name(arena, comment);
	} else {
		addr_spec(arena, text, at, a);
		if (a->local.n > 0 || a->domain.n > 0)
			a->name = comment_name(arena, comment);
	}
}

static bool
is_empty(const struct mime_address *a)
{
	return a->name.n == 0 && a->local.n == 0 && a->domain.n == 0;
}

bool
addr_next(struct arena *arena, struct addr_iter *it, struct mime_address *a)
{
	struct lex *l = &it->l;

	for (;;) {
		*a = (struct mime_address){ .next = NULL };
		lex_space(l);
		while (lex_at(l, ',') || (lex_at(l, ';') && !it->in_group)) {
			l->p++;
			lex_space(l);
		}
		if (l->p == l->end || lex_at(l, ';')) {
			bool was_in_group = it->in_group;

			if (l->p < l->end)
				l->p++;
			it->in_group = false;
			return was_in_group;
		}
		address(arena, it, a);
		if (a->domain.p == NULL || !is_empty(a))
			return true;
	}
}

struct mime_address *
mime_parse_addresses(struct arena *arena, struct str value)
{
	struct addr_iter it = addr_iter(value);
	struct mime_address *first = NULL, **next = &first, a;

	while (addr_next(arena, &it, &a)) {
		*next = arena_new_obj(arena, struct mime_address);
		if (*next == NULL)
			break;
		**next = a;
		next = &(*next)->next;
	}
	return first;
}
