/* decode.c - content transfer encodings, in pieces */
#include "imap/mime/decode.h"

#include <string.h>

static const struct {
	struct str name;
	enum decode_kind kind;
} encodings[] = {
	{ { "7bit", 4 }, DECODE_NONE },
	{ { "8bit", 4 }, DECODE_NONE },
	{ { "binary", 6 }, DECODE_NONE },
	{ { "quoted-printable", 16 }, DECODE_QP },
	{ { "base64", 6 }, DECODE_BASE64 },
	{ { "x-uuencode", 10 }, DECODE_UU },
	{ { "uuencode", 8 }, DECODE_UU },
	{ { "x-uue", 5 }, DECODE_UU },
	{ { "uue", 3 }, DECODE_UU },
};

enum err
decode_init(struct decode *d, struct str encoding)
{
	*d = (struct decode){ .kind = DECODE_NONE };
	if (encoding.n == 0)
		return OK;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(*encodings); i++)
		if (str_ieq(encoding, encodings[i].name)) {
			d->kind = encodings[i].kind;
			return OK;
		}
	return ERR_UNSUPPORTED;
}

/*
 * Behind the last line end, so that no line is torn.  Where a line is longer
 * than a piece, not within "=XX".
 */
size_t
decode_cut(const struct decode *d, struct str s, size_t max)
{
	const char *nl;

	if (s.n <= max)
		return s.n;
	if (d->kind == DECODE_NONE || d->kind == DECODE_BASE64)
		return max;
	nl = memrchr(s.p, '\n', max);
	if (nl != NULL)
		return (size_t)(nl + 1 - s.p);
	if (max > 3 && s.p[max - 1] == '=')
		return max - 1;
	return max > 3 && s.p[max - 2] == '=' ? max - 2 : max;
}

/* The value of a base64 character, or one of these. */
enum { PAD = 64, JUNK = 65 };

static const unsigned char base64_value[256] = {
#define J4	JUNK, JUNK, JUNK, JUNK
#define J16	J4, J4, J4, J4
	J16, J16,
	J4, J4, JUNK, JUNK, JUNK, 62, JUNK, JUNK, JUNK, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, JUNK, JUNK, JUNK, PAD, JUNK, JUNK,
	JUNK, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, J4, JUNK,
	JUNK, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, J4, JUNK,
	J16, J16, J16, J16, J16, J16, J16, J16,
#undef J16
#undef J4
};

/* One character at a time: around line ends, junk and the end. */
static char *
base64_char(struct decode *d, unsigned char c, char *to)
{
	unsigned char v = base64_value[c];

	if (v == JUNK)
		return to;
	if (v == PAD) {
		d->done = d->bit_count >= 2 && d->bit_count != 6;
		return to;
	}
	d->bits = d->bits << 6 | v;
	d->bit_count += 6;
	if (d->bit_count >= 8) {
		d->bit_count -= 8;
		*to++ = (char)(d->bits >> d->bit_count);
	}
	return to;
}

static void
base64(struct decode *d, struct str s, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
	char *start = buf_reserve(out, s.n), *to = start;

	while (p < end && !d->done) {
		if (d->bit_count == 0 && end - p >= 4) {
			unsigned a = base64_value[p[0]], b = base64_value[p[1]];
			unsigned c = base64_value[p[2]], e = base64_value[p[3]];

			if ((a | b | c | e) < 64) {
				uint32_t v = a << 18 | b << 12 | c << 6 | e;

				*to++ = (char)(v >> 16);
				*to++ = (char)(v >> 8);
				*to++ = (char)v;
				p += 4;
				continue;
			}
		}
		to = base64_char(d, *p++, to);
	}
	out->n += (size_t)(to - start);
	out->p[out->n] = '\0';
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Appends S with "=XX" decoded; other "=" stay. */
static void
hex_escapes(struct str s, struct buf *out)
{
	const char *p = s.p, *end = s.p + s.n, *eq;

	while ((eq = memchr(p, '=', (size_t)(end - p))) != NULL) {
		int a = end - eq > 2 ? hex(eq[1]) : -1;
		int b = end - eq > 2 ? hex(eq[2]) : -1;

		buf_add(out, p, (size_t)(eq - p));
		if (a >= 0 && b >= 0) {
			buf_addc(out, (char)(a * 16 + b));
			p = eq + 3;
		} else {
			buf_addc(out, '=');
			p = eq + 1;
		}
	}
	buf_add(out, p, (size_t)(end - p));
}

/*
 * One line with its end: white space before the end was added on the way (RFC
 * 2045 section 6.7 rule 3) and goes; so does an end after "=".
 */
static void
qp_line(struct str line, struct buf *out)
{
	size_t n = line.n, text;

	if (n > 0 && line.p[n - 1] == '\n')
		n -= n > 1 && line.p[n - 2] == '\r' ? 2 : 1;
	text = n;
	if (n < line.n)
		while (text > 0 && (line.p[text - 1] == ' '
		    || line.p[text - 1] == '\t'))
			text--;
	if (n < line.n && text > 0 && line.p[text - 1] == '=') {
		hex_escapes((struct str){ line.p, text - 1 }, out);
		return;
	}
	hex_escapes((struct str){ line.p, text }, out);
	buf_add(out, line.p + n, line.n - n);
}

/* The first line of *S, with its end; moves past it. */
static struct str
take_line(struct str *s)
{
	const char *nl = memchr(s->p, '\n', s->n);
	struct str line = { s->p, nl != NULL ? (size_t)(nl + 1 - s->p) : s->n };

	*s = (struct str){ s->p + line.n, s->n - line.n };
	return line;
}

/* A line of uuencode: its length in bytes, then four characters for three. */
static void
uu_line(struct str line, struct buf *out)
{
	size_t want = (size_t)(line.p[0] - ' ') & 63, have = 0;
	char *to = buf_reserve(out, want + 3);

	for (size_t i = 1; i + 3 < line.n && have < want; i += 4, have += 3) {
		uint32_t v = 0;

		for (size_t j = 0; j < 4; j++)
			v = v << 6 | ((uint32_t)(line.p[i + j] - ' ') & 63);
		to[have] = (char)(v >> 16);
		to[have + 1] = (char)(v >> 8);
		to[have + 2] = (char)v;
	}
	out->n += have < want ? have : want;
	out->p[out->n] = '\0';
}

static void
uudecode(struct decode *d, struct str s, struct buf *out)
{
	while (s.n > 0 && !d->done) {
		struct str line = take_line(&s);

		while (line.n > 0 && (line.p[line.n - 1] == '\n'
		    || line.p[line.n - 1] == '\r'))
			line.n--;
		if (!d->inside)
			d->inside = line.n > 6 && memcmp(line.p, "begin ", 6) == 0;
		else if (str_eq(line, STR("end")))
			d->done = true;
		else if (line.n > 0)
			uu_line(line, out);
	}
}

void
decode_piece(struct decode *d, struct str piece, struct buf *out)
{
	switch (d->kind) {
	case DECODE_NONE:
		buf_add_str(out, piece);
		break;
	case DECODE_QP:
		buf_reserve(out, piece.n);
		while (piece.n > 0)
			qp_line(take_line(&piece), out);
		break;
	case DECODE_BASE64:
		base64(d, piece, out);
		break;
	case DECODE_UU:
		uudecode(d, piece, out);
		break;
	}
}

void
decode_q(struct str s, struct buf *out)
{
	while (s.n > 0) {
		const char *under = memchr(s.p, '_', s.n);
		size_t n = under != NULL ? (size_t)(under - s.p) : s.n;

		hex_escapes((struct str){ s.p, n }, out);
		if (under == NULL)
			return;
		buf_addc(out, ' ');
		s = (struct str){ under + 1, s.n - n - 1 };
	}
}
