/*
 * param.c - the value of a MIME parameter (RFC 2231)
 *
 * One value may come as name=x, as name*=charset'language'x%20y, or in pieces
 * name*0=x; name*1*=%20y, the pieces in any order.
 */
#include "imap/mime/mime.h"

#include "lib/charset.h"

#include <string.h>

/* The pieces of one parameter: the first of each number, NULL: not there. */
struct pieces {
	const struct mime_param *piece[MIME_MAX_PARAMS];
	bool encoded[MIME_MAX_PARAMS];		/* name*N*, not name*N */
};

/* section = "*" ("0" / 1*DIGIT without a leading 0), and "*" if encoded */
static bool
section(struct str s, size_t *number, bool *encoded)
{
	size_t i = 1;

	*number = 0;
	if (s.n < 2 || s.p[0] != '*' || (s.p[1] == '0' && s.n > 2 && s.p[2] != '*'))
		return false;
	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		if (*number < MIME_MAX_PARAMS)
			*number = *number * 10 + (size_t)(s.p[i] - '0');
	*encoded = i + 1 == s.n && s.p[i] == '*';
	return i > 1 && (*encoded || i == s.n) && *number < MIME_MAX_PARAMS;
}

/* Sorts those that are called NAME*... ; the one NAME* is like a NAME*0*. */
static void
find_pieces(const struct mime_params *params, struct str name,
    struct pieces *found)
{
	bool encoded;
	size_t n;

	for (size_t i = 0; i < params->count; i++) {
		const struct mime_param *p = &params->item[i];
		struct str s = p->name;

		if (s.n <= name.n || !str_ieq((struct str){ s.p, name.n }, name))
			continue;
		s = (struct str){ s.p + name.n, s.n - name.n };
		if (str_eq(s, STR("*"))) {
			*found = (struct pieces){ .piece = { p }, .encoded = { true } };
			return;
		}
		if (section(s, &n, &encoded) && found->piece[n] == NULL) {
			found->piece[n] = p;
			found->encoded[n] = encoded;
		}
	}
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

/* Behind charset'language'; all of VALUE if that is missing. */
static struct str
behind_charset(struct str value, struct str *charset)
{
	const char *end = value.p + value.n, *a, *b;

	a = memchr(value.p, '\'', value.n);
	b = a != NULL ? memchr(a + 1, '\'', (size_t)(end - a - 1)) : NULL;
	if (b == NULL)
		return value;
	*charset = (struct str){ value.p, (size_t)(a - value.p) };
	return (struct str){ b + 1, (size_t)(end - b - 1) };
}

/*
 * The pieces from number 0 up to the first that is missing; *CHARSET stays as
 * it is if they do not name one.
 */
static bool
join(struct arena *arena, const struct pieces *found, struct str *value, struct str *charset)
{
	size_t length = 0, n = 0;
	char *start, *to;

	for (; n < MIME_MAX_PARAMS && found->piece[n] != NULL; n++)
		length += found->piece[n]->value.n;
	start = to = n > 0 ? arena_alloc(arena, length + 1) : NULL;
	if (start == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct str s = found->piece[i]->value;

		if (i == 0 && found->encoded[i])
			s = behind_charset(s, charset);
		if (found->encoded[i]) {
			percent(s, &to);
		} else {
			memcpy(to, s.p, s.n);
			to += s.n;
		}
	}
	*value = (struct str){ start, (size_t)(to - start) };
	return true;
}

/* *CHARSET is {NULL, 0} unless an RFC 2231 value names one. */
static bool
find_value(struct arena *arena, const struct mime_params *params, struct str name,
    struct str *value, struct str *charset)
{
	struct pieces found;

	*charset = (struct str){ NULL, 0 };
	for (size_t i = 0; i < params->count; i++)
		if (str_ieq(params->item[i].name, name)) {
			*value = params->item[i].value;
			return true;
		}
	if (params->count == 0)
		return false;
	found = (struct pieces){ .piece = { NULL } };
	find_pieces(params, name, &found);
	return join(arena, &found, value, charset);
}

bool
mime_param_value(struct arena *arena, const struct mime_params *params,
    const char *name, struct str *value)
{
	struct str charset;

	return find_value(arena, params, str_c(name), value, &charset);
}

bool
mime_param_text(struct arena *arena, const struct mime_params *params,
    const char *name, struct buf *utf8)
{
	struct str value, charset;

	if (!find_value(arena, params, str_c(name), &value, &charset))
		return false;
	if (charset.n == 0 || charset_to_utf8(charset, value, utf8) != OK)
		mime_decode_header(value, utf8);
	return true;
}

/* --- in one piece --- */

enum { JOINED_MAX = 20 };		/* parameters in pieces that are put together */

/* What P is the first piece of: how many there are, 0: P is no such. */
static size_t
pieces_from(const struct mime_params *params, const struct mime_param *p,
    struct str *base, struct pieces *found)
{
	const char *star = memchr(p->name.p, '*', p->name.n);
	size_t number, n = 0;
	bool encoded;

	if (star == NULL || star == p->name.p)
		return 0;
	*base = (struct str){ p->name.p, (size_t)(star - p->name.p) };
	if (!section((struct str){ star, p->name.n - base->n }, &number, &encoded) || number != 0)
		return 0;
	*found = (struct pieces){ .piece = { NULL } };
	find_pieces(params, *base, found);
	while (n < MIME_MAX_PARAMS && found->piece[n] != NULL)
		n++;
	return found->piece[0] == p ? n : 0;
}

/* attribute-char of RFC 2231 section 7 as it is, all others as %XX */
static void
add_percent(struct buf *to, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] > ' ' && s.p[i] < 0x7f && strchr("*'%()<>@,;:\\\"/[]?=", s.p[i]) == NULL)
			buf_addc(to, s.p[i]);
		else
			buf_printf(to, "%%%02X", (unsigned char)s.p[i]);
}

/* Once one piece is encoded all are, behind a charset, empty if none is named. */
static void
put_joined(const struct pieces *found, size_t n, struct str base,
    void (*put)(void *ctx, struct str name, struct str value), void *ctx)
{
	struct buf name = BUF_INIT, value = BUF_INIT;
	bool encoded = false;

	for (size_t i = 0; i < n; i++)
		encoded = encoded || found->encoded[i];
	buf_add_str(&name, base);
	if (encoded)
		buf_addc(&name, '*');
	if (encoded && !found->encoded[0])
		buf_adds(&value, "''");
	for (size_t i = 0; i < n; i++)
		if (encoded && !found->encoded[i])
			add_percent(&value, found->piece[i]->value);
		else
			buf_add_str(&value, found->piece[i]->value);
	put(ctx, buf_str(&name), buf_str(&value));
	buf_free(&value);
	buf_free(&name);
}

void
mime_params_each(const struct mime_params *params,
    void (*put)(void *ctx, struct str name, struct str value), void *ctx)
{
	bool is_first[MIME_MAX_PARAMS] = { false }, is_later[MIME_MAX_PARAMS] = { false };
	struct pieces found;
	struct str base;
	size_t joined = 0;

	for (size_t i = 0; i < params->count && joined < JOINED_MAX; i++) {
		size_t n = pieces_from(params, &params->item[i], &base, &found);

		is_first[i] = n > 0;
		joined += n > 0;
		for (size_t k = 1; k < n; k++)
			is_later[found.piece[k] - params->item] = true;
	}
	for (size_t i = 0; i < params->count; i++)
		if (is_first[i]) {
			size_t n = pieces_from(params, &params->item[i], &base, &found);

			put_joined(&found, n, base, put, ctx);
		} else if (!is_later[i]) {
			put(ctx, params->item[i].name, params->item[i].value);
		}
}
