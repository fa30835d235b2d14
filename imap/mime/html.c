/*
 * html.c - the words of an HTML text
 *
 * One byte after the other through the states; what a state collects (a name, a
 * reference) is at most HTML_WORD bytes, so pieces may be cut anywhere.  Most
 * bytes change nothing: runs of them have short ways of their own, skip().
 */
#include "imap/mime/html.h"

#include "imap/mime/lex.h"
#include "lib/utf8.h"

#include <stdlib.h>
#include <string.h>

/* HTML 4's, sorted; a reader of mail knows no more by heart. */
static const struct reference {
	const char *name;
	uint32_t code;
} references[] = {
	{ "AElig", 0xc6 }, { "Aacute", 0xc1 }, { "Acirc", 0xc2 }, { "Agrave", 0xc0 },
	{ "Alpha", 0x391 }, { "Aring", 0xc5 }, { "Atilde", 0xc3 }, { "Auml", 0xc4 },
	{ "Beta", 0x392 }, { "Ccedil", 0xc7 }, { "Chi", 0x3a7 }, { "Dagger", 0x2021 },
	{ "Delta", 0x394 }, { "ETH", 0xd0 }, { "Eacute", 0xc9 }, { "Ecirc", 0xca },
	{ "Egrave", 0xc8 }, { "Epsilon", 0x395 }, { "Eta", 0x397 }, { "Euml", 0xcb },
	{ "Gamma", 0x393 }, { "Iacute", 0xcd }, { "Icirc", 0xce }, { "Igrave", 0xcc },
	{ "Iota", 0x399 }, { "Iuml", 0xcf }, { "Kappa", 0x39a }, { "Lambda", 0x39b },
	{ "Mu", 0x39c }, { "Ntilde", 0xd1 }, { "Nu", 0x39d }, { "OElig", 0x152 },
	{ "Oacute", 0xd3 }, { "Ocirc", 0xd4 }, { "Ograve", 0xd2 }, { "Omega", 0x3a9 },
	{ "Omicron", 0x39f }, { "Oslash", 0xd8 }, { "Otilde", 0xd5 }, { "Ouml", 0xd6 },
	{ "Phi", 0x3a6 }, { "Pi", 0x3a0 }, { "Prime", 0x2033 }, { "Psi", 0x3a8 },
	{ "Rho", 0x3a1 }, { "Scaron", 0x160 }, { "Sigma", 0x3a3 }, { "THORN", 0xde },
	{ "Tau", 0x3a4 }, { "Theta", 0x398 }, { "Uacute", 0xda }, { "Ucirc", 0xdb },
	{ "Ugrave", 0xd9 }, { "Upsilon", 0x3a5 }, { "Uuml", 0xdc }, { "Xi", 0x39e },
	{ "Yacute", 0xdd }, { "Yuml", 0x178 }, { "Zeta", 0x396 }, { "aacute", 0xe1 },
	{ "acirc", 0xe2 }, { "acute", 0xb4 }, { "aelig", 0xe6 }, { "agrave", 0xe0 },
	{ "alpha", 0x3b1 }, { "amp", 0x26 }, { "apos", 0x27 }, { "aring", 0xe5 },
	{ "asymp", 0x2248 }, { "atilde", 0xe3 }, { "auml", 0xe4 }, { "bdquo", 0x201e },
	{ "beta", 0x3b2 }, { "brvbar", 0xa6 }, { "bull", 0x2022 }, { "ccedil", 0xe7 },
	{ "cedil", 0xb8 }, { "cent", 0xa2 }, { "chi", 0x3c7 }, { "circ", 0x2c6 },
	{ "clubs", 0x2663 }, { "copy", 0xa9 }, { "curren", 0xa4 },
	{ "dagger", 0x2020 }, { "darr", 0x2193 }, { "deg", 0xb0 }, { "delta", 0x3b4 },
	{ "diams", 0x2666 }, { "divide", 0xf7 }, { "eacute", 0xe9 }, { "ecirc", 0xea },
	{ "egrave", 0xe8 }, { "emsp", 0x2003 }, { "ensp", 0x2002 },
	{ "epsilon", 0x3b5 }, { "equiv", 0x2261 }, { "eta", 0x3b7 }, { "eth", 0xf0 },
	{ "euml", 0xeb }, { "euro", 0x20ac }, { "fnof", 0x192 }, { "frac12", 0xbd },
	{ "frac14", 0xbc }, { "frac34", 0xbe }, { "frasl", 0x2044 },
	{ "gamma", 0x3b3 }, { "ge", 0x2265 }, { "gt", 0x3e }, { "hArr", 0x21d4 },
	{ "harr", 0x2194 }, { "hearts", 0x2665 }, { "hellip", 0x2026 },
	{ "iacute", 0xed }, { "icirc", 0xee }, { "iexcl", 0xa1 }, { "igrave", 0xec },
	{ "infin", 0x221e }, { "iota", 0x3b9 }, { "iquest", 0xbf }, { "iuml", 0xef },
	{ "kappa", 0x3ba }, { "lArr", 0x21d0 }, { "lambda", 0x3bb }, { "laquo", 0xab },
	{ "larr", 0x2190 }, { "ldquo", 0x201c }, { "le", 0x2264 }, { "loz", 0x25ca },
	{ "lrm", 0x200e }, { "lsaquo", 0x2039 }, { "lsquo", 0x2018 }, { "lt", 0x3c },
	{ "macr", 0xaf }, { "mdash", 0x2014 }, { "micro", 0xb5 }, { "middot", 0xb7 },
	{ "minus", 0x2212 }, { "mu", 0x3bc }, { "nbsp", 0xa0 }, { "ndash", 0x2013 },
	{ "ne", 0x2260 }, { "not", 0xac }, { "ntilde", 0xf1 }, { "nu", 0x3bd },
	{ "oacute", 0xf3 }, { "ocirc", 0xf4 }, { "oelig", 0x153 }, { "ograve", 0xf2 },
	{ "oline", 0x203e }, { "omega", 0x3c9 }, { "omicron", 0x3bf },
	{ "ordf", 0xaa }, { "ordm", 0xba }, { "oslash", 0xf8 }, { "otilde", 0xf5 },
	{ "ouml", 0xf6 }, { "para", 0xb6 }, { "permil", 0x2030 }, { "phi", 0x3c6 },
	{ "pi", 0x3c0 }, { "piv", 0x3d6 }, { "plusmn", 0xb1 }, { "pound", 0xa3 },
	{ "prime", 0x2032 }, { "psi", 0x3c8 }, { "quot", 0x22 }, { "rArr", 0x21d2 },
	{ "radic", 0x221a }, { "raquo", 0xbb }, { "rarr", 0x2192 },
	{ "rdquo", 0x201d }, { "reg", 0xae }, { "rho", 0x3c1 }, { "rlm", 0x200f },
	{ "rsaquo", 0x203a }, { "rsquo", 0x2019 }, { "sbquo", 0x201a },
	{ "scaron", 0x161 }, { "sect", 0xa7 }, { "shy", 0xad }, { "sigma", 0x3c3 },
	{ "sigmaf", 0x3c2 }, { "spades", 0x2660 }, { "sum", 0x2211 }, { "sup1", 0xb9 },
	{ "sup2", 0xb2 }, { "sup3", 0xb3 }, { "szlig", 0xdf }, { "tau", 0x3c4 },
	{ "theta", 0x3b8 }, { "thetasym", 0x3d1 }, { "thinsp", 0x2009 },
	{ "thorn", 0xfe }, { "tilde", 0x2dc }, { "times", 0xd7 }, { "trade", 0x2122 },
	{ "uacute", 0xfa }, { "uarr", 0x2191 }, { "ucirc", 0xfb }, { "ugrave", 0xf9 },
	{ "uml", 0xa8 }, { "upsih", 0x3d2 }, { "upsilon", 0x3c5 }, { "uuml", 0xfc },
	{ "xi", 0x3be }, { "yacute", 0xfd }, { "yen", 0xa5 }, { "yuml", 0xff },
	{ "zeta", 0x3b6 }, { "zwj", 0x200d }, { "zwnj", 0x200c },
};

/* Elements inside a line; all others end one. */
static const char *const inside[] = {
	"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del",
	"dfn", "em", "font", "i", "ins", "kbd", "label", "mark", "nobr", "q", "s",
	"samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var",
	"wbr",
};

/* Elements whose text nobody reads. */
static const char *const hidden[] = { "script", "style" };

static int
reference_cmp(const void *key, const void *item)
{
	return strcmp(key, ((const struct reference *)item)->name);
}

static int
name_cmp(const void *key, const void *item)
{
	return strcmp(key, *(const char *const *)item);
}

/* The number of "#233" or "#xe9"; 0: it is none. */
static uint32_t
numeric(const char *digits)
{
	bool hex = digits[0] == 'x' || digits[0] == 'X';
	const char *start = digits + hex;
	char *end;
	unsigned long code;

	if (start[0] == '-' || start[0] == '+' || lex_is_space(start[0]))
		return 0;
	code = strtoul(start, &end, hex ? 16 : 10);
	return end == start || *end != '\0' || code > 0x10ffff ? 0 : (uint32_t)code;
}

static uint32_t
code_of(const char *word)
{
	const struct reference *r;

	if (word[0] == '#')
		return numeric(word + 1);
	r = bsearch(word, references, sizeof(references) / sizeof(references[0]),
	    sizeof(references[0]), reference_cmp);
	return r != NULL ? r->code : 0;
}

static void
put(struct html *h, char c, struct buf *out)
{
	bool space = lex_is_space(c) || c == '\f';

	if (space && h->space)
		return;
	buf_addc(out, space ? ' ' : c);
	h->space = space;
}

/* A line feed takes the place of a space before it. */
static void
break_line(struct html *h, struct buf *out)
{
	if (out->n > 0 && out->p[out->n - 1] == ' ')
		out->p[out->n - 1] = '\n';
	else if (!h->space)
		buf_addc(out, '\n');
	h->space = true;
}

static void
put_reference(struct html *h, bool ended, struct buf *out)
{
	uint32_t code;

	h->word[h->n] = '\0';
	code = code_of(h->word);
	if (code == 0xa0) {
		put(h, ' ', out);
	} else if (code != 0) {
		utf8_add(out, code);
		h->space = false;
	} else {
		put(h, '&', out);
		for (size_t i = 0; i < h->n; i++)
			put(h, h->word[i], out);
		if (ended)
			put(h, ';', out);
	}
	h->state = HTML_TEXT;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* False: C does not belong to the reference, and comes after it. */
static bool
in_reference(struct html *h, char c, struct buf *out)
{
	bool fits = is_letter(c) || is_digit(c) || (c == '#' && h->n == 0);

	if (fits && h->n < HTML_WORD - 1) {
		h->word[h->n++] = c;
		return true;
	}
	put_reference(h, c == ';', out);
	return c == ';';
}

/* The name of an element is known. */
static void
begin_tag(struct html *h, struct buf *out)
{
	h->word[h->n] = '\0';
	if (h->raw != NULL) {
		if (h->closing && strcmp(h->word, h->raw) == 0)
			h->raw = NULL;
		return;
	}
	if (bsearch(h->word, inside, sizeof(inside) / sizeof(inside[0]),
	    sizeof(inside[0]), name_cmp) != NULL)
		return;
	break_line(h, out);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]) && !h->closing; i++)
		if (strcmp(h->word, hidden[i]) == 0)
			h->raw = hidden[i];
	if (h->no_title && !h->closing && strcmp(h->word, "title") == 0)
		h->raw = "title";
}

static void
end_tag(struct html *h)
{
	h->state = h->raw != NULL ? HTML_RAW : HTML_TEXT;
}

/* Behind "<": false, if that is just a "<" and C is to be looked at again. */
static bool
open(struct html *h, char c, struct buf *out)
{
	if (c == '/' && !h->closing) {
		h->closing = true;
		return true;
	}
	if (is_letter(c)) {
		h->word[0] = (char)(c | ' ');
		h->n = 1;
		h->state = HTML_NAME;
		return true;
	}
	if (h->raw != NULL) {
		h->state = HTML_RAW;
		return false;
	}
	if ((c == '!' || c == '?') && !h->closing) {
		h->n = 0;
		h->state = HTML_DECLARATION;
		return true;
	}
	put(h, '<', out);
	if (h->closing)
		put(h, '/', out);
	h->state = HTML_TEXT;
	return false;
}

static void
in_tag(struct html *h, char c)
{
	if (c == '>') {
		end_tag(h);
	} else if (c == '"' || c == '\'') {
		h->quote = c;
		h->state = HTML_QUOTED;
	}
}

static bool
in_name(struct html *h, char c, struct buf *out)
{
	if (is_letter(c) || is_digit(c)) {
		if (h->n < HTML_WORD - 1)
			h->word[h->n++] = is_letter(c) ? (char)(c | ' ') : c;
		return true;
	}
	begin_tag(h, out);
	h->state = HTML_TAG;
	return false;
}

/* "<!" up to ">", unless it begins with "--". */
static void
in_declaration(struct html *h, char c)
{
	if (c == '>')
		h->state = HTML_TEXT;
	else if (c == '-' && h->n < 2 && ++h->n == 2)
		h->state = HTML_COMMENT;
	else if (c != '-')
		h->n = 2;
	h->dashes = 0;
}

static void
in_comment(struct html *h, char c)
{
	if (c == '>' && h->dashes >= 2)
		h->state = HTML_TEXT;
	h->dashes = c == '-' ? h->dashes + 1 : 0;
}

static void
in_text(struct html *h, char c, struct buf *out)
{
	h->n = 0;
	h->closing = false;
	if (c == '<')
		h->state = HTML_OPEN;
	else if (c == '&')
		h->state = HTML_REFERENCE;
	else
		put(h, c, out);
}

/* False: the state has changed and C is to be looked at again. */
static bool
step(struct html *h, char c, struct buf *out)
{
	switch (h->state) {
	case HTML_TEXT:
		in_text(h, c, out);
		return true;
	case HTML_REFERENCE:
		return in_reference(h, c, out);
	case HTML_OPEN:
		return open(h, c, out);
	case HTML_NAME:
		return in_name(h, c, out);
	case HTML_TAG:
		in_tag(h, c);
		return true;
	case HTML_QUOTED:
		if (c == h->quote)
			h->state = HTML_TAG;
		return true;
	case HTML_DECLARATION:
		in_declaration(h, c);
		return true;
	case HTML_COMMENT:
		in_comment(h, c);
		return true;
	case HTML_RAW:
		h->closing = false;
		if (c == '<')
			h->state = HTML_OPEN;
		return true;
	}
	return true;
}

/* --- runs of bytes that leave the state as it is --- */

enum { PLAIN, SPACE, MARK };

static const unsigned char kind[256] = {
	['\t'] = SPACE, ['\n'] = SPACE, ['\f'] = SPACE, ['\r'] = SPACE, [' '] = SPACE,
	['<'] = MARK, ['&'] = MARK,
};

/* Text up to the next "<" or "&"; returns its length. */
static size_t
text_run(struct html *h, struct str s, struct buf *out)
{
	char *to = buf_reserve(out, s.n + 1);
	bool space = h->space;
	size_t n = 0;

	for (; n < s.n; n++) {
		unsigned char k = kind[(unsigned char)s.p[n]];

		if (k == MARK)
			break;
		/* A byte that is not kept is written over by the next one. */
		*to = k == SPACE ? ' ' : s.p[n];
		to += !(space & k);
		space = k;
	}
	*to = '\0';
	out->n = (size_t)(to - out->p);
	h->space = space;
	return n;
}

static size_t
run_before(struct str s, char c)
{
	const char *p = memchr(s.p, c, s.n);

	return p != NULL ? (size_t)(p - s.p) : s.n;
}

static size_t
tag_run(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '>' && s.p[n] != '"' && s.p[n] != '\'')
		n++;
	return n;
}

/* How many bytes at the start of S are done with. */
static size_t
skip(struct html *h, struct str s, struct buf *out)
{
	switch (h->state) {
	case HTML_TEXT:
		return text_run(h, s, out);
	case HTML_TAG:
		return tag_run(s);
	case HTML_QUOTED:
		return run_before(s, h->quote);
	case HTML_RAW:
		return run_before(s, '<');
	case HTML_COMMENT:
		return h->dashes == 0 ? run_before(s, '-') : 0;
	case HTML_REFERENCE:
	case HTML_OPEN:
	case HTML_NAME:
	case HTML_DECLARATION:
		break;
	}
	return 0;
}

void
html_piece(struct html *h, struct str piece, struct buf *out)
{
	for (size_t i = 0; i < piece.n; i++) {
		i += skip(h, str_slice(piece, i, piece.n), out);
		while (i < piece.n && !step(h, piece.p[i], out))
			;
	}
}

void
html_end(struct html *h, struct buf *out)
{
	if (h->state == HTML_REFERENCE)
		put_reference(h, false, out);
	if (h->state == HTML_OPEN && h->raw == NULL)
		put(h, '<', out);
	h->state = HTML_TEXT;
}
