/*
 * param.c - the value of a MIME parameter (RFC 2231)
 *
 * One value may come as name=x, as name*=charset'language'x%20y, or in pieces
 * name*0=x; name*1*=%20y, the pieces in any order.
 */
#include "imap/mime/mime.h"

#include <string.h>

/* The first parameter NAME, NAME*N or NAME*N*; *ENCODED: with an asterisk. */
static const struct mime_param *
find(const struct mime_params *params, struct str name, struct str number,
    bool *encoded)
{
	for (size_t i = 0; i < params->count; i++) {
		struct str s = params->item[i].name;

		if (s.n < name.n || !str_ieq((struct str){ s.p, name.n }, name))
			continue;
		s = (struct str){ s.p + name.n, s.n - name.n };
		if (number.n > 0) {
			if (s.n <= number.n || s.p[0] != '*'
			    || memcmp(s.p + 1, number.p, number.n) != 0)
				continue;
			s = (struct str){ s.p + 1 + number.n, s.n - 1 - number.n };
		}
		*encoded = str_eq(s, STR("*"));
		if (s.n == 0 || *encoded)
			return &params->item[i];
	}
	return NULL;
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int)(p - digits) % 16 : -1;
}

/* Decodes %XX of FROM to *TO and moves it on. */
static void
percent(struct str from, char **to)
{
	for (size_t i = 0; i < from.n; i++) {
		int a = -1, b = -1;

		if (from.p[i] == '%' && i + 2 < from.n) {
			a = hex(from.p[i + 1]);
			b = hex(from.p[i + 2]);
		}
		if (a >= 0 && b >= 0) {
			*(*to)++ = (char)(a * 16 + b);
			i += 2;
		} else {
			*(*to)++ = from.p[i];
		}
	}
}

/* Moves *VALUE past charset'language' and returns the charset. */
static struct str
take_charset(struct str *value)
{
	const char *a = memchr(value->p, '\'', value->n), *b;
	const char *end = value->p + value->n;
	struct str charset;

	if (a == NULL)
		return (struct str){ NULL, 0 };
	b = memchr(a + 1, '\'', (size_t)(end - a - 1));
	if (b == NULL)
		return (struct str){ NULL, 0 };
	charset = (struct str){ value->p, (size_t)(a - value->p) };
	*value = (struct str){ b + 1, (size_t)(end - b - 1) };
	return charset;
}

/* The piece with this number, or the only one if NUMBER is negative. */
static const struct mime_param *
find_piece(const struct mime_params *params, struct str name, int number,
    bool *encoded)
{
	char digits[3];
	size_t n = 0;

	if (number >= 100)
		digits[n++] = (char)('0' + number / 100);
	if (number >= 10)
		digits[n++] = (char)('0' + number / 10 % 10);
	if (number >= 0)
		digits[n++] = (char)('0' + number % 10);
	return find(params, name, (struct str){ digits, n }, encoded);
}

/* Room for all that pieces of the parameters can be. */
static size_t
total_length(const struct mime_params *params)
{
	size_t n = 0;

	for (size_t i = 0; i < params->count; i++)
		n += params->item[i].value.n;
	return n;
}

/* Joins the pieces from number FIRST on (-1: one alone, without a number). */
static bool
join(struct arena *arena, const struct mime_params *params, struct str name,
    int first, struct str *value, struct str *charset)
{
	char *start = arena_alloc(arena, total_length(params) + 1), *to = start;
	const struct mime_param *piece;
	bool encoded;

	if (start == NULL)
		return false;
	for (int k = first; k < MIME_MAX_PARAMS; k++) {
		struct str s;

		piece = find_piece(params, name, k, &encoded);
		if (piece == NULL)
			break;
		s = piece->value;
		if (encoded && k <= 0)
			*charset = take_charset(&s);
		if (encoded) {
			percent(s, &to);
		} else {
			memcpy(to, s.p, s.n);
			to += s.n;
		}
		if (k < 0)
			break;
	}
	*value = (struct str){ start, (size_t)(to - start) };
	return true;
}

bool
mime_param_value(struct arena *arena, const struct mime_params *params,
    const char *name, struct str *value)
{
	struct str key = str_c(name), charset;
	bool encoded;

	for (size_t i = 0; i < params->count; i++)
		if (str_ieq(params->item[i].name, key)) {
			*value = params->item[i].value;
			return true;
		}
	if (find_piece(params, key, -1, &encoded) != NULL)
		return join(arena, params, key, -1, value, &charset);
	if (find_piece(params, key, 0, &encoded) != NULL)
		return join(arena, params, key, 0, value, &charset);
	return false;
}
