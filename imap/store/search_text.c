/*
 * Most fields are plain ASCII without encoded words: those are only unfolded.
 * Everything else takes the long way: transfer encoding, character set,
 * charset_fold(), which has a short way of its own for ASCII.
 */
#include "imap/store/search_text.h"

#include "imap/mime/mime.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/charset.h"
#include "lib/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STRUCTURE_LIMIT = 64 * 1024 * 1024 };

struct search_text {
	struct arena *arena;		/* the structure of the present message */
	struct mime_part *root;
	bool parsed;
	struct buf raw;			/* decoded from the transfer encoding */
	struct buf utf8;
	struct buf folded;
};

struct search_text *
search_text_new(void)
{
	struct search_text *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	t->arena = arena_new(STRUCTURE_LIMIT);
	buf_init(&t->raw);
	buf_init(&t->utf8);
	buf_init(&t->folded);
	return t;
}

void
search_text_free(struct search_text *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	buf_free(&t->raw);
	buf_free(&t->utf8);
	buf_free(&t->folded);
	free(t);
}

void
search_text_next(struct search_text *t)
{
	if (!t->parsed)
		return;
	arena_free(t->arena);
	t->arena = arena_new(STRUCTURE_LIMIT);
	t->root = NULL;
	t->parsed = false;
}

static bool
contains(const struct buf *hay, struct str needle)
{
	return memmem(hay->p, hay->n, needle.p, needle.n) != NULL;
}

/* A field's text: unfolded, encoded words decoded. */
static void
field_text(struct str raw, struct buf *utf8)
{
	if (utf8_ascii_prefix(raw) < raw.n || memmem(raw.p, raw.n, "=?", 2)) {
		mime_decode_header(raw, utf8);
		return;
	}
	char *to = buf_reserve(utf8, raw.n);
	size_t n = 0;

	for (size_t i = 0; i < raw.n; i++)
		if (raw.p[i] != '\r' && raw.p[i] != '\n')
			to[n++] = raw.p[i];
	utf8->n += n;
	utf8->p[utf8->n] = '\0';
}

/* What follows the colon; RAW is the whole field. */
static struct str
field_value(struct str raw)
{
	const char *colon = memchr(raw.p, ':', raw.n);
	size_t skip = colon ? (size_t)(colon - raw.p) + 1 : raw.n;

	return (struct str){ raw.p + skip, raw.n - skip };
}

bool
search_text_field(struct search_text *t, struct str header, struct str name,
    struct str needle)
{
	struct str field, raw;

	while (mime_next_field(&header, &field, &raw)) {
		if (!str_ieq(field, name))
			continue;
		if (needle.n == 0)
			return true;
		buf_reset(&t->utf8);
		buf_reset(&t->folded);
		field_text(field_value(raw), &t->utf8);
		charset_fold(buf_str(&t->utf8), &t->folded);
		if (contains(&t->folded, needle))
			return true;
	}
	return false;
}

static bool
header_contains(struct search_text *t, struct str header, struct str needle)
{
	struct str field, raw;

	buf_reset(&t->utf8);
	buf_reset(&t->folded);
	while (mime_next_field(&header, &field, &raw)) {
		field_text(raw, &t->utf8);
		buf_addc(&t->utf8, '\n');
	}
	charset_fold(buf_str(&t->utf8), &t->folded);
	return contains(&t->folded, needle);
}

enum transfer { TRANSFER_NONE, TRANSFER_QP, TRANSFER_BASE64 };

static enum transfer
transfer_of(const struct mime_part *part)
{
	if (str_ieq(part->encoding, STR("base64")))
		return TRANSFER_BASE64;
	if (str_ieq(part->encoding, STR("quoted-printable")))
		return TRANSFER_QP;
	return TRANSFER_NONE;	/* an unknown one is searched as it is */
}

static struct str
charset_of(const struct mime_part *part)
{
	for (size_t i = 0; i < part->params.count; i++)
		if (str_ieq(part->params.item[i].name, STR("charset")))
			return part->params.item[i].value;
	return STR("us-ascii");
}

static bool
is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
	    || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

/* The last place where whole groups of four end: they can be decoded alone. */
static size_t
cut_base64(struct str s)
{
	size_t chars = 0, cut = 0;

	for (size_t i = 0; i < s.n; i++)
		if (is_base64(s.p[i]) && ++chars % 4 == 0)
			cut = i + 1;
	return cut ? cut : s.n;
}

/* The last end of a line that does not go on in the next (soft break). */
static size_t
cut_lines(struct str s, bool qp)
{
	for (size_t i = s.n; i > 0; i--) {
		if (s.p[i - 1] != '\n')
			continue;
		size_t before = i - 1;

		if (before > 0 && s.p[before - 1] == '\r')
			before--;
		if (!qp || before == 0 || s.p[before - 1] != '=')
			return i;
	}
	return s.n;
}

/* How much of the body from POS on is decoded at a time. */
static size_t
window_size(struct str message, const struct mime_part *part, uint64_t pos,
    enum transfer transfer)
{
	uint64_t left = part->body_start + part->body_size - pos;

	if (left <= SEARCH_WINDOW)
		return (size_t)left;
	struct str window = { message.p + pos, SEARCH_WINDOW };

	if (transfer == TRANSFER_BASE64)
		return cut_base64(window);
	return cut_lines(window, transfer == TRANSFER_QP);
}

/*
 * How many of the decoded bytes can be converted now without splitting a
 * character: whole lines, in the two- and four-byte encodings whole units.
 */
static size_t
convertible(struct str raw, struct str charset, bool last)
{
	if (last)
		return raw.n;
	if (charset.n >= 5 && (str_ieq((struct str){ charset.p, 5 }, STR("utf-1"))
	    || str_ieq((struct str){ charset.p, 5 }, STR("utf-3"))))
		return raw.n & ~(size_t)3;
	return cut_lines(raw, false);
}

/* Converts and folds RAW to the end of t->folded. */
static void
add_folded(struct search_text *t, struct str charset, struct str raw)
{
	buf_reset(&t->utf8);
	if (str_ieq(charset, STR("us-ascii")) || str_ieq(charset, STR("utf-8"))
	    || charset_to_utf8(charset, raw, &t->utf8) != OK) {
		charset_fold(raw, &t->folded);
		return;
	}
	charset_fold(buf_str(&t->utf8), &t->folded);
}

static bool
body_contains(struct search_text *t, struct str message, const struct mime_part *part,
    struct str needle)
{
	enum transfer transfer = transfer_of(part);
	struct str charset = charset_of(part);
	uint64_t pos = part->body_start, end = pos + part->body_size;

	buf_reset(&t->raw);
	buf_reset(&t->folded);
	while (pos < end) {
		struct mime_part window = *part;

		window.body_start = pos;
		window.body_size = window_size(message, part, pos, transfer);
		pos += window.body_size;
		if (transfer == TRANSFER_NONE
		    || mime_decode_body(message, &window, &t->raw) != OK)
			buf_add(&t->raw, message.p + window.body_start, window.body_size);

		size_t n = convertible(buf_str(&t->raw), charset, pos == end);

		add_folded(t, charset, (struct str){ t->raw.p, n });
		buf_consume(&t->raw, n);
		if (contains(&t->folded, needle))
			return true;
		/* Keep what may be the beginning of a match. */
		if (t->folded.n >= needle.n)
			buf_consume(&t->folded, t->folded.n - (needle.n - 1));
	}
	return false;
}

static struct str
part_header(struct str message, const struct mime_part *part)
{
	return (struct str){ message.p + part->header_start, part->header_size };
}

/* The part that comes after PART in the order of the message; NULL: none. */
static const struct mime_part *
next_part(const struct mime_part *part)
{
	if (part->child)
		return part->child;
	while (part && !part->next)
		part = part->parent;
	return part ? part->next : NULL;
}

static bool
is_text(const struct mime_part *part)
{
	return part->kind == MIME_LEAF && (str_ieq(part->type, STR("text"))
	    || str_ieq(part->type, STR("message")));
}

static bool
is_attached_message(const struct mime_part *part)
{
	return part->parent && part->parent->kind == MIME_MESSAGE;
}

bool
search_text_message(struct search_text *t, struct str message, bool headers,
    struct str needle)
{
	if (needle.n == 0)
		return true;
	if (!t->parsed) {
		t->parsed = true;
		if (mime_parse(t->arena, message, &t->root) != OK)
			t->root = NULL;
	}
	for (const struct mime_part *p = t->root; p; p = next_part(p)) {
		if ((headers || is_attached_message(p))
		    && header_contains(t, part_header(message, p), needle))
			return true;
		if (is_text(p) && body_contains(t, message, p, needle))
			return true;
	}
	return false;
}
