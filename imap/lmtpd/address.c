/* address.c - paths and parameters of MAIL and RCPT */
#include "imap/lmtpd/address.h"

#include <string.h>

enum { PATH_LIMIT = 1000 };

static void
skip_spaces(struct str *s)
{
	while (s->n > 0 && *s->p == ' ') {
		s->p++;
		s->n--;
	}
}

static bool
allowed(char c)
{
	return (unsigned char)c >= ' ' && (unsigned char)c != 127;
}

/* Quoted-string, at the opening quote; the text goes to OUT. */
static bool
quoted(struct str s, size_t *i, char *out, size_t *n)
{
	for ((*i)++; *i < s.n && s.p[*i] != '"'; (*i)++) {
		if (s.p[*i] == '\\' && ++*i == s.n)
			return false;
		if (!allowed(s.p[*i]))
			return false;
		out[(*n)++] = s.p[*i];
	}
	if (*i == s.n)
		return false;
	(*i)++;
	return true;
}

/* local-part ["@" domain] of S, all of it. */
static enum err
split(struct arena *arena, struct str s, struct smtp_path *path)
{
	char *local = arena_alloc(arena, s.n + 1);
	size_t i = 0, n = 0;

	if (local == NULL)
		return ERR_LIMIT;
	if (s.n > 0 && s.p[0] == '"') {
		if (!quoted(s, &i, local, &n))
			return ERR_SYNTAX;
	} else {
		for (; i < s.n && s.p[i] != '@'; i++) {
			if (!allowed(s.p[i]) || strchr(" <>\"\\", s.p[i]) != NULL)
				return ERR_SYNTAX;
			local[n++] = s.p[i];
		}
	}
	path->local = (struct str){ local, n };
	path->domain = (struct str){ "", 0 };
	if (i == s.n)
		return n > 0 ? OK : ERR_SYNTAX;
	if (s.p[i] != '@' || n == 0 || i + 1 == s.n)
		return ERR_SYNTAX;
	path->domain = (struct str){ s.p + i + 1, s.n - i - 1 };
	for (size_t k = 0; k < path->domain.n; k++)
		if (!allowed(path->domain.p[k]) || strchr(" <>@\"", path->domain.p[k]) != NULL)
			return ERR_SYNTAX;
	return OK;
}

/* Where the closing '>' is, outside of quotes; 0: nowhere. */
static size_t
closing(struct str s)
{
	bool in_quotes = false;

	for (size_t i = 1; i < s.n; i++) {
		if (in_quotes && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			in_quotes = !in_quotes;
		else if (!in_quotes && s.p[i] == '>')
			return i;
	}
	return 0;
}

enum err
smtp_path(struct arena *arena, struct str *args, bool empty_ok, struct smtp_path *path)
{
	struct str s;
	size_t end;

	skip_spaces(args);
	if (args->n == 0)
		return ERR_SYNTAX;
	if (*args->p == '<') {
		end = closing(*args);
		if (end == 0)
			return ERR_SYNTAX;
		s = (struct str){ args->p + 1, end - 1 };
		end++;
	} else {
		const char *sp = memchr(args->p, ' ', args->n);

		end = sp != NULL ? (size_t)(sp - args->p) : args->n;
		s = (struct str){ args->p, end };
	}
	args->p += end;
	args->n -= end;
	if (args->n > 0 && *args->p != ' ')
		return ERR_SYNTAX;
	/* "@a,@b:user@c": a route of old; RFC 5321 says to ignore it. */
	if (s.n > 0 && *s.p == '@') {
		const char *colon = memchr(s.p, ':', s.n);

		if (colon == NULL)
			return ERR_SYNTAX;
		s.n -= (size_t)(colon + 1 - s.p);
		s.p = colon + 1;
	}
	if (s.n > PATH_LIMIT)
		return ERR_LIMIT;
	path->text = arena_copy(arena, s.p, s.n);
	if (path->text == NULL)
		return ERR_LIMIT;
	if (s.n == 0) {
		path->local = path->domain = (struct str){ "", 0 };
		return empty_ok ? OK : ERR_SYNTAX;
	}
	return split(arena, s, path);
}

bool
smtp_parameter(struct str *args, struct str *keyword, struct str *value)
{
	const char *sp, *eq;
	size_t n;

	skip_spaces(args);
	if (args->n == 0)
		return false;
	sp = memchr(args->p, ' ', args->n);
	n = sp != NULL ? (size_t)(sp - args->p) : args->n;
	*keyword = (struct str){ args->p, n };
	*value = (struct str){ "", 0 };
	eq = memchr(args->p, '=', n);
	if (eq != NULL) {
		keyword->n = (size_t)(eq - args->p);
		*value = (struct str){ eq + 1, n - keyword->n - 1 };
	}
	args->p += n;
	args->n -= n;
	return true;
}
