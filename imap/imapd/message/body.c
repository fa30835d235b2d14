/*
 * body.c - sections of a message
 *
 * The table in cyrus.cache knows where parts are and how most are encoded; what
 * it does not know, the message is parsed for.
 */
#include "imap/imapd/message/body.h"

#include "imap/disk/cache.h"

enum { STRUCTURE_LIMIT = 64 * 1024 * 1024 };

/* An encoding that the table has no number for. */
#define OTHER		((struct str){ "", 0 })

void
body_reset(struct body *b)
{
	if (b->arena != NULL)
		arena_free(b->arena);
	b->arena = NULL;
	b->root = NULL;
	b->parsed = false;
}

void
body_free(struct body *b)
{
	body_reset(b);
	buf_free(&b->fields);
}

struct str
body_slice(struct str bytes, uint64_t offset, uint64_t length)
{
	if (offset > bytes.n)
		offset = bytes.n;
	if (length > bytes.n - offset)
		length = bytes.n - offset;
	/* A body that was not asked for is NULL, to which nothing is added. */
	return (struct str){ length > 0 ? bytes.p + offset : bytes.p, (size_t)length };
}

static uint32_t
get_u32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
read_part(const unsigned char *p, struct mime_part *part)
{
	part->kind = (enum mime_kind)p[1];
	part->header_start = get_u32(p + 4);
	part->header_size = get_u32(p + 8);
	part->body_start = get_u32(p + 12);
	part->body_size = get_u32(p + 16);
	switch ((enum cache_encoding)p[2]) {
	case CACHE_ENC_IDENTITY:
		break;
	case CACHE_ENC_QP:
		part->encoding = STR("quoted-printable");
		break;
	case CACHE_ENC_BASE64:
		part->encoding = STR("base64");
		break;
	case CACHE_ENC_OTHER:
		part->encoding = OTHER;
		break;
	}
}

/*
 * The tree of parts from CACHE_SECTIONS, which lists them depth first.  NULL:
 * there is no such table, or it is not about a message of SIZE bytes.
 */
static struct mime_part *
tree_of_sections(struct arena *arena, struct str table, uint64_t size)
{
	const unsigned char *p = (const unsigned char *)table.p;
	size_t n = table.n / CACHE_SECTION_SIZE;
	struct mime_part *all = arena_alloc(arena, n * sizeof *all + 1);
	struct mime_part *last[MIME_MAX_DEPTH + 2] = { NULL };
	unsigned depth, before = 0;

	for (size_t i = 0; all && i < n; i++, p += CACHE_SECTION_SIZE) {
		struct mime_part *part = &all[i];

		depth = p[0];
		if (depth > MIME_MAX_DEPTH || (i > 0) != (depth > 0)
		    || (i > 0 && depth > before + 1))
			return NULL;
		read_part(p, part);
		if (part->header_start + part->header_size > size
		    || part->body_start + part->body_size > size)
			return NULL;
		if (depth > 0) {
			part->parent = last[depth - 1];
			if (part->parent == NULL)
				return NULL;
			if (part->parent->children++ == 0)
				part->parent->child = part;
			else if (last[depth] != NULL)
				last[depth]->next = part;
		}
		last[depth] = part;
		before = depth;
	}
	return n > 0 ? all : NULL;
}

static void
parse(struct body *b)
{
	b->parsed = true;
	if (mime_parse(b->arena, b->bytes, &b->root) != OK)
		b->root = NULL;
}

static const struct mime_part *
find_part(struct body *b, const struct fetch_section *s)
{
	if (!b->arena) {
		b->arena = arena_new(STRUCTURE_LIMIT);
		b->root = tree_of_sections(b->arena, b->sections, b->bytes.n);
		if (!b->root)
			parse(b);
	}
	return b->root ? mime_part_find(b->root, s->part, s->parts) : NULL;
}

static struct str
filtered(struct body *b, const struct fetch_section *s, struct str header)
{
	buf_reset(&b->fields);
	mime_header_fields(header, s->field, s->fields,
	    s->what == SECTION_FIELDS_NOT, &b->fields);
	return buf_str(&b->fields);
}

/* A section of the message itself; its structure does not matter. */
static struct str
message_section(struct body *b, const struct fetch_section *s)
{
	struct str header = body_slice(b->bytes, 0, b->header_size);

	switch (s->what) {
	case SECTION_WHOLE:
		return b->bytes;
	case SECTION_HEADER:
	case SECTION_MIME:
		return header;
	case SECTION_FIELDS:
	case SECTION_FIELDS_NOT:
		return filtered(b, s, s->cached ? b->headers : header);
	case SECTION_TEXT:
		return body_slice(b->bytes, b->header_size, UINT64_MAX);
	}
	return b->bytes;
}

/* A section of a part; false: there is none, which is said as NIL. */
static bool
part_section(struct body *b, const struct fetch_section *s, struct str *bytes)
{
	const struct mime_part *part = find_part(b, s);

	if (!part)
		return false;
	if (s->what == SECTION_WHOLE) {
		*bytes = body_slice(b->bytes, part->body_start, part->body_size);
		return true;
	}
	if (s->what == SECTION_MIME) {
		*bytes = body_slice(b->bytes, part->header_start, part->header_size);
		return true;
	}
	/* "must refer to a MESSAGE/RFC822 part" (RFC 3501 section 6.4.5) */
	if (part->kind != MIME_MESSAGE || !part->child)
		return false;
	part = part->child;
	if (s->what == SECTION_TEXT) {
		*bytes = body_slice(b->bytes, part->body_start, part->body_size);
		return true;
	}
	*bytes = body_slice(b->bytes, part->header_start, part->header_size);
	if (s->what != SECTION_HEADER)
		*bytes = filtered(b, s, *bytes);
	return true;
}

bool
body_section(struct body *b, const struct fetch_section *s, struct str *bytes)
{
	if (s->parts > 0)
		return part_section(b, s, bytes);
	*bytes = message_section(b, s);
	return true;
}

const struct mime_part *
body_part(struct body *b, const struct fetch_section *s)
{
	if (!b->parsed) {
		body_reset(b);
		b->arena = arena_new(STRUCTURE_LIMIT);
		parse(b);
	}
	return find_part(b, s);
}

bool
body_binary(struct body *b, const struct fetch_section *s, struct str *content,
    struct str *encoding)
{
	const struct mime_part *part;

	*content = b->bytes;
	*encoding = (struct str){ NULL, 0 };
	if (s->parts == 0)
		return true;
	part = find_part(b, s);
	if (part != NULL && part->encoding.p != NULL && part->encoding.n == 0)
		part = body_part(b, s);
	if (part == NULL)
		return false;
	*content = body_slice(b->bytes, part->body_start, part->body_size);
	if (part->kind == MIME_LEAF)
		*encoding = part->encoding;
	return true;
}
