/*
 * preview.c - the beginning of a message's text, for a list of messages (RFC 8970)
 *
 * The first part that has something to say: of alternatives the plain one goes
 * before HTML; attachments say nothing, a forwarded message only if nothing
 * else does.  Of HTML what a reader would see is taken: no tags, styles or
 * scripts.  Runs of white space are one space.
 */
#include "imap/mime/mime.h"
#include "lib/utf8.h"

#include <string.h>

enum {
	PREVIEW_PIECES = 4,		/* of 64 KiB: HTML may begin with long styles */
	ENTITY_MAX = 16,
};

struct preview {
	struct str message;
	struct buf *out;
	unsigned characters;
	bool space;			/* one is owed before the next character */
};

static bool
is_full(const struct preview *v)
{
	return v->characters + (v->space ? 1 : 0) >= MIME_MAX_PREVIEW;
}

/* Characters that take no room, and that separate words. */
static bool
is_invisible(uint32_t c)
{
	return c == 0xad || c == 0x34f || (c >= 0x200b && c <= 0x200f) || c == 0x2060 ||
	    (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static bool
is_blank(uint32_t c)
{
	return c <= ' ' || (c >= 0x7f && c <= 0xa0) || (c >= 0x2000 && c <= 0x200a) ||
	    c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static void
add_character(struct preview *v, uint32_t c)
{
	if (is_invisible(c))
		return;
	if (is_blank(c)) {
		v->space = v->characters > 0;
		return;
	}
	if (is_full(v))
		return;
	if (v->space) {
		buf_addc(v->out, ' ');
		v->characters++;
		v->space = false;
	}
	utf8_add(v->out, c);
	v->characters++;
}

static void
add_text(struct preview *v, struct str text)
{
	uint32_t c;

	while (text.n > 0 && !is_full(v)) {
		if (!utf8_next(&text, &c))
			c = UTF8_REPLACEMENT;
		add_character(v, c);
	}
}

/* --- HTML --- */

struct html {
	enum { HTML_TEXT, HTML_TAG, HTML_COMMENT, HTML_HIDDEN } state;
	char name[12];			/* of the tag at hand, small letters */
	size_t name_n;
	bool named;			/* its name has ended */
	char quote;			/* within an attribute's value */
	char hidden[12];		/* the element whose content is not shown */
	char entity[ENTITY_MAX + 1];
	size_t entity_n;		/* with its "&"; 0: none begun */
	unsigned dashes;
};

static const struct {
	const char *name;
	uint32_t code;
} entities[] = {
	{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' },
	{ "nbsp", 0xa0 }, { "copy", 0xa9 }, { "reg", 0xae }, { "trade", 0x2122 },
	{ "shy", 0xad }, { "laquo", 0xab }, { "raquo", 0xbb }, { "middot", 0xb7 },
	{ "bull", 0x2022 }, { "hellip", 0x2026 }, { "ndash", 0x2013 }, { "mdash", 0x2014 },
	{ "lsquo", 0x2018 }, { "rsquo", 0x2019 }, { "ldquo", 0x201c }, { "rdquo", 0x201d },
	{ "euro", 0x20ac }, { "pound", 0xa3 }, { "deg", 0xb0 }, { "times", 0xd7 },
	{ "auml", 0xe4 }, { "ouml", 0xf6 }, { "uuml", 0xfc }, { "Auml", 0xc4 },
	{ "Ouml", 0xd6 }, { "Uuml", 0xdc }, { "szlig", 0xdf }, { "agrave", 0xe0 },
	{ "aacute", 0xe1 }, { "acirc", 0xe2 }, { "egrave", 0xe8 }, { "eacute", 0xe9 },
	{ "ecirc", 0xea }, { "ccedil", 0xe7 }, { "ntilde", 0xf1 }, { "zwnj", 0x200c },
	{ "zwj", 0x200d }, { "ensp", 0x2002 }, { "emsp", 0x2003 }, { "thinsp", 0x2009 },
};

/* "&#228;" "&#xe4;"; 0: no number. */
static uint32_t
numeric_entity(struct str s)
{
	bool hex = s.n > 0 && (s.p[0] == 'x' || s.p[0] == 'X');
	uint32_t v = 0;

	s = str_slice(s, hex ? 1 : 0, s.n);
	for (size_t i = 0; i < s.n && v <= 0x10ffff; i++) {
		unsigned char c = (unsigned char)s.p[i];
		unsigned char low = c | 0x20;
		uint32_t d = c >= '0' && c <= '9' ? (uint32_t)c - '0' :
		    hex && low >= 'a' && low <= 'f' ? (uint32_t)low - 'a' + 10 : 16;

		if (d == 16)
			return 0;
		v = v * (hex ? 16 : 10) + d;
	}
	return v <= 0x10ffff ? v : UTF8_REPLACEMENT;
}

/* The entity has ended: what it means, or as it was written. */
static void
end_entity(struct preview *v, struct html *h, bool semicolon)
{
	struct str s = { h->entity + 1, h->entity_n - 1 };
	uint32_t code = 0;

	h->entity_n = 0;
	if (s.n > 1 && s.p[0] == '#')
		code = numeric_entity(str_slice(s, 1, s.n));
	for (size_t i = 0; i < sizeof(entities) / sizeof(*entities) && code == 0; i++)
		if (str_eq(s, str_c(entities[i].name)))
			code = entities[i].code;
	if (code != 0) {
		add_character(v, code);
		return;
	}
	add_character(v, '&');
	add_text(v, s);
	if (semicolon)
		add_character(v, ';');
}

/* Tags within a line; all others separate words. */
static bool
is_inline(const char *name)
{
	static const char *const names[] = { "a", "abbr", "b", "big", "em", "font", "i", "ins",
	    "mark", "s", "small", "span", "strong", "sub", "sup", "tt", "u", "wbr" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool
is_hidden(const char *name)
{
	return strcmp(name, "style") == 0 || strcmp(name, "script") == 0 ||
	    strcmp(name, "title") == 0 || strcmp(name, "template") == 0;
}

/* The ">" of a tag. */
static void
end_tag(struct preview *v, struct html *h)
{
	const char *name = h->name;
	bool closing = h->name[0] == '/';

	h->name[h->name_n] = '\0';
	if (closing)
		name++;
	if (h->hidden[0] != '\0') {
		h->state = HTML_HIDDEN;
		if (!closing || strcmp(name, h->hidden) != 0)
			return;
		h->hidden[0] = '\0';
	} else if (!closing && is_hidden(name)) {
		memcpy(h->hidden, name, strlen(name) + 1);
		h->state = HTML_HIDDEN;
		return;
	}
	h->state = HTML_TEXT;
	if (!is_inline(name))
		add_character(v, ' ');
}

static void
begin_tag(struct html *h)
{
	h->state = HTML_TAG;
	h->name_n = 0;
	h->named = false;
	h->quote = '\0';
}

/* One character between "<" and ">". */
static void
in_tag(struct preview *v, struct html *h, char c)
{
	if (h->quote != '\0') {
		if (c == h->quote)
			h->quote = '\0';
		return;
	}
	if (c == '>') {
		end_tag(v, h);
		return;
	}
	if (h->named) {
		if ((c == '"' || c == '\'') && h->hidden[0] == '\0')
			h->quote = c;
		return;
	}
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '!' || c == '-' || (c == '/' && h->name_n == 0)) {
		if (h->name_n < sizeof(h->name) - 1)
			h->name[h->name_n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
		if (h->name_n == 3 && memcmp(h->name, "!--", 3) == 0) {
			h->state = HTML_COMMENT;
			h->dashes = 0;
		}
		return;
	}
	h->named = true;
}

static void
in_comment(struct html *h, char c)
{
	if (c == '>' && h->dashes >= 2)
		h->state = h->hidden[0] != '\0' ? HTML_HIDDEN : HTML_TEXT;
	h->dashes = c == '-' ? h->dashes + 1 : 0;
}

/* A character of the text itself; *TEXT is behind it. */
static void
in_text(struct preview *v, struct html *h, uint32_t c)
{
	if (h->entity_n > 0) {
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '#';

		if (word && h->entity_n < ENTITY_MAX) {
			h->entity[h->entity_n++] = (char)c;
			return;
		}
		end_entity(v, h, c == ';');
		if (c == ';')
			return;
	}
	if (c == '<')
		begin_tag(h);
	else if (c == '&')
		h->entity[h->entity_n++] = '&';
	else
		add_character(v, c);
}

static void
add_html(struct preview *v, struct html *h, struct str text)
{
	uint32_t c;

	while (text.n > 0 && !is_full(v)) {
		if (!utf8_next(&text, &c))
			c = UTF8_REPLACEMENT;
		switch (h->state) {
		case HTML_TEXT:
			in_text(v, h, c);
			break;
		case HTML_TAG:
			in_tag(v, h, c < 0x80 ? (char)c : '?');
			break;
		case HTML_COMMENT:
			in_comment(h, c < 0x80 ? (char)c : '?');
			break;
		case HTML_HIDDEN:
			if (c == '<')
				begin_tag(h);
			break;
		}
	}
}

/* --- which part --- */

static bool
is_html(const struct mime_part *p)
{
	return str_ieq(p->subtype, STR("html"));
}

static void
add_leaf(struct preview *v, const struct mime_part *p)
{
	struct mime_text t;
	struct html h = { .state = HTML_TEXT };
	struct str piece;
	enum err e;

	if (!str_ieq(p->type, STR("text")) || str_ieq(p->disposition, STR("attachment")))
		return;
	e = mime_text_open(&t, v->message, p);
	for (int i = 0; e == OK && i < PREVIEW_PIECES && !is_full(v); i++) {
		if (!mime_text_next(&t, &piece))
			break;
		if (is_html(p))
			add_html(v, &h, piece);
		else
			add_text(v, piece);
	}
	mime_text_close(&t);
	v->space = false;
}

static bool
has_some(const struct preview *v)
{
	return v->characters > 0;
}

static void look_in(struct preview *v, const struct mime_part *p, bool messages);

/* Before all of them are looked at in order. */
static void
add_plain_child(struct preview *v, const struct mime_part *p)
{
	for (p = p->child; p != NULL && !has_some(v); p = p->next)
		if (p->kind == MIME_LEAF && !is_html(p))
			add_leaf(v, p);
}

/* MESSAGES: forwarded ones are looked at, too. */
static void
look_in(struct preview *v, const struct mime_part *p, bool messages)
{
	switch (p->kind) {
	case MIME_LEAF:
		add_leaf(v, p);
		break;
	case MIME_MESSAGE:
		if (messages)
			look_in(v, p->child, messages);
		break;
	case MIME_MULTIPART:
		if (str_ieq(p->subtype, STR("alternative")))
			add_plain_child(v, p);
		for (p = p->child; p != NULL && !has_some(v); p = p->next)
			look_in(v, p, messages);
		break;
	}
}

void
mime_preview(struct str message, const struct mime_part *root, struct buf *utf8)
{
	struct preview v = { .message = message, .out = utf8 };

	look_in(&v, root, false);
	if (!has_some(&v))
		look_in(&v, root, true);
}
