/*
 * Most fields are plain ASCII without encoded words: those are only unfolded.
 * collate_key() has a short way of its own for ASCII.
 */
#include "imap/store/search/search_text.h"

#include "imap/mime/ctype.h"
#include "imap/mime/html.h"
#include "imap/mime/mime.h"
#include "lib/arena.h"
#include "lib/buf.h"
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
	enum collation collation;
	struct arena *arena;		/* the structure of the present message */
	struct mime_part *root;
	bool parsed;
	struct buf utf8;
	struct buf words;		/* of HTML */
	struct buf folded;
};

struct search_text *
search_text_new(enum collation collation)
{
	struct search_text *t = mem_zero(1, sizeof *t);

	t->collation = collation;
	t->arena = arena_new(STRUCTURE_LIMIT);
	buf_init(&t->utf8);
	buf_init(&t->words);
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
	buf_free(&t->words);
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
	collate_key(t->collation, buf_str(&t->utf8), &t->folded);
	return contains(&t->folded, needle);
}

/*
 * Parameters that are written as RFC 2231 has it, decoded: a file's name is
 * found in a Content-Disposition that says filename*=utf-8''M%C3%BCller.
 */
static void
add_parameters(struct search_text *t, struct str name, struct str value)
{
	struct arena_mark mark = arena_mark(t->arena);
	struct mime_params params = { NULL, 0 };
	struct str a, b;
	bool known = str_ieq(name, STR("Content-Type"))
	    ? ctype_parse(t->arena, value, &a, &b, &params)
	    : ctype_disposition(t->arena, value, &a, &params);

	for (size_t i = 0; known && i < params.count; i++) {
		struct str label = params.item[i].name;
		size_t star = str_chr(label, '*');
		char *plain = arena_copy(t->arena, label.p, star);

		/* Once each: at its first piece. */
		if (star == label.n || plain == NULL
		    || (star + 2 <= label.n && label.p[star + 1] != '0'))
			continue;
		buf_addc(&t->utf8, '\n');
		(void)mime_param_text(t->arena, &params, plain, &t->utf8);
	}
	arena_rewind(t->arena, mark);
}

/* A field's text, with what is meant by its parameters. */
static void
add_field(struct search_text *t, struct str name, struct str value)
{
	field_text(value, &t->utf8);
	if ((str_ieq(name, STR("Content-Type")) || str_ieq(name, STR("Content-Disposition")))
	    && memchr(value.p, '*', value.n) != NULL)
		add_parameters(t, name, str_slice(value, 0, MIME_MAX_FIELD));
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
		add_field(t, field, field_value(raw));
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
		buf_add_str(&t->utf8, field);
		buf_adds(&t->utf8, ": ");
		add_field(t, field, field_value(raw));
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

struct haystack {
	struct mime_text text;
	struct html html;
	bool is_html;
	struct str needle;
};

static struct str
words_of(struct search_text *t, struct html *html, struct str piece)
{
	buf_reset(&t->words);
	html_piece(html, piece, &t->words);
	return buf_str(&t->words);
}

/* What was searched already is kept as far as it may begin a match. */
static bool
piece_contains(struct search_text *t, struct haystack *h, struct str piece)
{
	if (h->is_html)
		piece = words_of(t, &h->html, piece);
	if (t->folded.n >= h->needle.n)
		buf_consume(&t->folded, t->folded.n - (h->needle.n - 1));
	collate_key(t->collation, piece, &t->folded);
	return contains(&t->folded, h->needle);
}

/* The piece read in another way, for itself. */
static bool
other_contains(struct search_text *t, struct haystack *h)
{
	struct html html = HTML_INIT;
	struct buf key = BUF_INIT;
	struct str piece;
	bool found;

	if (!mime_text_other(&h->text, &piece))
		return false;
	if (h->is_html)
		piece = words_of(t, &html, piece);
	collate_key(t->collation, piece, &key);
	found = contains(&key, h->needle);
	buf_free(&key);
	return found;
}

static bool
body_contains(struct search_text *t, struct str message, const struct mime_part *part,
    struct str needle)
{
	struct haystack h = { .html = HTML_INIT, .needle = needle };
	struct str piece;
	bool found = false;

	h.is_html = str_ieq(part->type, STR("text")) && str_ieq(part->subtype, STR("html"));
	buf_reset(&t->folded);
	if (open_text(&h.text, message, part) == OK)
		while (!found && mime_text_next(&h.text, &piece))
			found = piece_contains(t, &h, piece) || other_contains(t, &h);
	mime_text_close(&h.text);
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
