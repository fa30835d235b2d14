/*
 * preview.c - the beginning of a message's text, for a list of messages (RFC 8970)
 *
 * The first part that has something to say: of alternatives the plain one goes
 * before HTML; attachments say nothing, a forwarded message only if nothing
 * else does.  Of HTML what a reader would see is taken.  Runs of white space are one space.
 */
#include "imap/mime/html.h"
#include "imap/mime/mime.h"
#include "lib/utf8.h"

enum { PREVIEW_PIECES = 4 };	/* of 64 KiB: HTML may begin with long styles */

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
	struct html h = HTML_INIT;
	struct buf words = BUF_INIT;
	struct str piece;
	enum err e;

	if (!str_ieq(p->type, STR("text")) || str_ieq(p->disposition, STR("attachment")))
		return;
	h.no_title = true;
	e = mime_text_open(&t, v->message, p);
	for (int i = 0; e == OK && i < PREVIEW_PIECES && !is_full(v); i++) {
		if (!mime_text_next(&t, &piece))
			break;
		if (is_html(p)) {
			buf_reset(&words);
			html_piece(&h, piece, &words);
			piece = buf_str(&words);
		}
		add_text(v, piece);
	}
	if (e == OK && is_html(p)) {
		buf_reset(&words);
		html_end(&h, &words);
		add_text(v, buf_str(&words));
	}
	mime_text_close(&t);
	buf_free(&words);
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
