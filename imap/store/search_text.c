/*
 * Most fields are plain ASCII without encoded words: those are only unfolded.
 * charset_fold() has a short way of its own for ASCII.
 */
#include "imap/store/search_text.h"

#include "imap/mime/mime.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/charset.h"
#include "lib/mem.h"
#include "lib/utf8.h"

#include <stdlib.h>
#include <string.h>

enum {
	STRUCTURE_LIMIT = 64 * 1024 * 1024,
	FIELD_MAX = 4 * 1024 * 1024,	/* of a field, the rest is not looked at */
	HEADER_PIECE = 256 * 1024,	/* of a header, folded in one go */
};

struct search_text {
	struct arena *arena;		/* the structure of the present message */
	struct mime_part *root;
	bool parsed;
	struct buf utf8;
	struct buf folded;
};

struct search_text *
search_text_new(void)
{
	struct search_text *t = mem_zero(1, sizeof *t);

	t->arena = arena_new(STRUCTURE_LIMIT);
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
	raw = str_slice(raw, 0, FIELD_MAX);
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

static bool
folded_contains(struct search_text *t, struct str needle)
{
	buf_reset(&t->folded);
	charset_fold(buf_str(&t->utf8), &t->folded);
	return contains(&t->folded, needle);
}

static bool
has_addresses(struct str name)
{
	return str_ieq(name, STR("From")) || str_ieq(name, STR("To"))
	    || str_ieq(name, STR("Cc")) || str_ieq(name, STR("Bcc"))
	    || str_ieq(name, STR("Sender")) || str_ieq(name, STR("Reply-To"));
}

/*
 * "Messages that contain the specified string in the envelope structure's FROM
 * field" (RFC 3501 section 6.4.4): an address is found as ENVELOPE shows it,
 * though it is written with comments, spaces or escapes in it.
 */
static bool
addresses_contain(struct search_text *t, struct str value, struct str needle)
{
	bool plain = memchr(value.p, '(', value.n) == NULL
	    && memchr(value.p, '\\', value.n) == NULL
	    && memmem(value.p, value.n, "@ ", 2) == NULL
	    && memmem(value.p, value.n, " @", 2) == NULL;
	if (plain)
		return false;

	struct arena_mark mark = arena_mark(t->arena);
	struct mime_address *a = mime_parse_addresses(t->arena, value);

	buf_reset(&t->utf8);
	for (; a != NULL; a = a->next) {
		if (a->name.n > 0)
			mime_decode_header(a->name, &t->utf8);
		buf_adds(&t->utf8, " <");
		buf_add_str(&t->utf8, a->local);
		buf_addc(&t->utf8, '@');
		buf_add_str(&t->utf8, a->domain);
		buf_adds(&t->utf8, ">\n");
	}
	arena_rewind(t->arena, mark);
	return folded_contains(t, needle);
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
		field_text(field_value(raw), &t->utf8);
		if (folded_contains(t, needle) || (has_addresses(name)
		    && addresses_contain(t, field_value(raw), needle)))
			return true;
	}
	return false;
}

static bool
header_contains(struct search_text *t, struct str header, struct str needle)
{
	struct str field, raw;

	buf_reset(&t->utf8);
	while (mime_next_field(&header, &field, &raw)) {
		field_text(raw, &t->utf8);
		buf_addc(&t->utf8, '\n');
		if (t->utf8.n < HEADER_PIECE)
			continue;
		if (folded_contains(t, needle))
			return true;
		buf_reset(&t->utf8);
	}
	return folded_contains(t, needle);
}

/* What has no decoder is searched as it is. */
static enum err
open_text(struct mime_text *text, struct str message, const struct mime_part *part)
{
	struct mime_part plain = *part;
	enum err e = mime_text_open(text, message, part);

	if (e != ERR_UNSUPPORTED)
		return e;
	mime_text_close(text);
	plain.encoding = (struct str){ NULL, 0 };
	return mime_text_open(text, message, &plain);
}

static bool
body_contains(struct search_text *t, struct str message, const struct mime_part *part,
    struct str needle)
{
	struct mime_text text;
	struct str piece;
	bool found = false;

	buf_reset(&t->folded);
	if (open_text(&text, message, part) == OK) {
		while (!found && mime_text_next(&text, &piece)) {
			/* Keep what may be the beginning of a match. */
			if (t->folded.n >= needle.n)
				buf_consume(&t->folded, t->folded.n - (needle.n - 1));
			charset_fold(piece, &t->folded);
			found = contains(&t->folded, needle);
		}
	}
	mime_text_close(&text);
	return found;
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
