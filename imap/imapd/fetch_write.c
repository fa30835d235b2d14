/*
 * fetch_write.c - one message's answer to FETCH
 *
 * Gather, then write: fetch_write() first asks the store for everything that
 * the request needs of the message; only when all of it is there does the
 * first byte go out.  The bytes are borrowed until the next message, which is
 * why nothing may refresh the mailbox or commit in between.
 *
 * Short items are collected in w->line; what is long is given to the stream
 * from where it lies, after the line so far.
 */
#include "imap/imapd/fetch.h"
#include "lib/mem.h"

#include "imap/imapd/proto/format.h"
#include "imap/imapd/proto/objectid.h"
#include "imap/mime/mime.h"
#include "imap/disk/cache.h"

#include <stdlib.h>

enum { STRUCTURE_LIMIT = 64 * 1024 * 1024 };

struct fetch_writer {
	struct mbox *m;
	const struct keywords *told;
	struct stream *out;
	struct buf line;		/* not yet given to the stream */
	struct buf fields;		/* HEADER.FIELDS, filtered */
	struct format_day day;
	/* The message at hand. */
	struct message msg;
	struct str cache[CACHE_ITEMS];
	struct str body;
	struct arena *arena;		/* its structure; NULL: not looked at */
	struct mime_part *root;
};

struct fetch_writer *
fetch_writer_new(struct mbox *m, const struct keywords *told, struct stream *out)
{
	struct fetch_writer *w = mem_zero(1, sizeof *w);

	w->m = m;
	w->told = told;
	w->out = out;
	buf_init(&w->line);
	buf_init(&w->fields);
	return w;
}

static void
drop_structure(struct fetch_writer *w)
{
	arena_free(w->arena);
	w->arena = NULL;
	w->root = NULL;
}

void
fetch_writer_free(struct fetch_writer *w)
{
	if (!w)
		return;
	drop_structure(w);
	buf_free(&w->line);
	buf_free(&w->fields);
	free(w);
}

static enum err
gather(struct fetch_writer *w, const struct fetch_req *req, uint32_t seq)
{
	enum err e = mbox_message(w->m, seq, &w->msg);

	for (unsigned i = 0; i < CACHE_ITEMS && e == OK; i++)
		if (req->needs_cache & 1u << i)
			e = mbox_cache(w->m, seq, (enum cache_item)i, &w->cache[i]);
	if (e == OK && req->needs_body)
		e = mbox_body(w->m, seq, &w->body);
	return e;
}

static void
put_long(struct fetch_writer *w, struct str bytes)
{
	stream_put(w->out, buf_str(&w->line));
	buf_reset(&w->line);
	stream_put(w->out, bytes);
}

/*
 * A literal is made of CHAR8, which is any byte but NUL (RFC 3501 section 9).
 * APPEND and LMTP take none; a damaged file may have some.  They are sent as
 * 0x80, as other servers do, so that sizes and offsets stay right.
 */
static void
put_literal(struct fetch_writer *w, struct str bytes)
{
	size_t before;

	buf_addc(&w->line, '{');
	buf_addu(&w->line, bytes.n);
	buf_add(&w->line, "}\r\n", 3);
	while ((before = str_chr(bytes, '\0')) < bytes.n) {
		put_long(w, str_slice(bytes, 0, before));
		stream_put(w->out, STR("\x80"));
		bytes = str_slice(bytes, before + 1, bytes.n);
	}
	put_long(w, bytes);
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

static const struct mime_part *
find_part(struct fetch_writer *w, const struct fetch_section *s)
{
	if (!w->arena) {
		w->arena = arena_new(STRUCTURE_LIMIT);
		w->root = tree_of_sections(w->arena, w->cache[CACHE_SECTIONS], w->body.n);
		if (!w->root && mime_parse(w->arena, w->body, &w->root) != OK)
			w->root = NULL;
	}
	return w->root ? mime_part_find(w->root, s->part, s->parts) : NULL;
}

static struct str
slice(struct str bytes, uint64_t start, uint64_t size)
{
	if (start > bytes.n)
		start = bytes.n;
	if (size > bytes.n - start)
		size = bytes.n - start;
	/* A body that was not asked for is NULL, to which nothing is added. */
	return (struct str){ size > 0 ? bytes.p + start : bytes.p, (size_t)size };
}

static struct str
filtered(struct fetch_writer *w, const struct fetch_section *s, struct str header)
{
	buf_reset(&w->fields);
	mime_header_fields(header, s->field, s->fields,
	    s->what == SECTION_FIELDS_NOT, &w->fields);
	return buf_str(&w->fields);
}

/* A section of the message itself; its structure does not matter. */
static struct str
message_section(struct fetch_writer *w, const struct fetch_section *s)
{
	struct str header = slice(w->body, 0, w->msg.header_size);

	switch (s->what) {
	case SECTION_WHOLE:
		return w->body;
	case SECTION_HEADER:
	case SECTION_MIME:
		return header;
	case SECTION_FIELDS:
	case SECTION_FIELDS_NOT:
		return filtered(w, s, s->cached ? w->cache[CACHE_HEADERS] : header);
	case SECTION_TEXT:
		return slice(w->body, w->msg.header_size, UINT64_MAX);
	}
	return w->body;
}

/* A section of a part; false: there is none, which is said as NIL. */
static bool
part_section(struct fetch_writer *w, const struct fetch_section *s, struct str *bytes)
{
	const struct mime_part *part = find_part(w, s);

	if (!part)
		return false;
	if (s->what == SECTION_WHOLE) {
		*bytes = slice(w->body, part->body_start, part->body_size);
		return true;
	}
	if (s->what == SECTION_MIME) {
		*bytes = slice(w->body, part->header_start, part->header_size);
		return true;
	}
	/* "must refer to a MESSAGE/RFC822 part" (RFC 3501 section 6.4.5) */
	if (part->kind != MIME_MESSAGE || !part->child)
		return false;
	part = part->child;
	if (s->what == SECTION_TEXT) {
		*bytes = slice(w->body, part->body_start, part->body_size);
		return true;
	}
	*bytes = slice(w->body, part->header_start, part->header_size);
	if (s->what != SECTION_HEADER)
		*bytes = filtered(w, s, *bytes);
	return true;
}

static void
write_section(struct fetch_writer *w, const struct fetch_section *s)
{
	struct str bytes;

	buf_add_str(&w->line, s->label);
	if (s->parts == 0) {
		bytes = message_section(w, s);
	} else if (!part_section(w, s, &bytes)) {
		buf_add(&w->line, "NIL", 3);
		return;
	}
	if (s->partial)
		bytes = slice(bytes, s->offset, s->length);
	put_literal(w, bytes);
}

static void
write_item(struct fetch_writer *w, const struct fetch_item *item)
{
	switch (item->op) {
	case FETCH_UID:
		buf_add(&w->line, "UID ", 4);
		buf_addu(&w->line, w->msg.uid);
		break;
	case FETCH_FLAGS:
		buf_add(&w->line, "FLAGS ", 6);
		format_flags(w->m, &w->msg, w->told, &w->line);
		break;
	case FETCH_INTERNALDATE:
		buf_add(&w->line, "INTERNALDATE ", 13);
		format_date_time(&w->day, w->msg.internaldate, w->msg.zone_minutes, &w->line);
		break;
	case FETCH_SIZE:
		buf_add(&w->line, "RFC822.SIZE ", 12);
		buf_addu(&w->line, w->msg.size);
		break;
	case FETCH_EMAILID:
		buf_add(&w->line, "EMAILID ", 8);
		objectid_put_email(w->msg.guid, &w->line);
		break;
	case FETCH_THREADID:
		buf_add(&w->line, "THREADID NIL", 12);
		break;
	case FETCH_ENVELOPE:
		buf_add(&w->line, "ENVELOPE ", 9);
		put_long(w, w->cache[CACHE_ENVELOPE]);
		break;
	case FETCH_BODY:
		buf_add(&w->line, "BODY ", 5);
		put_long(w, w->cache[CACHE_BODY]);
		break;
	case FETCH_BODYSTRUCTURE:
		buf_add(&w->line, "BODYSTRUCTURE ", 14);
		put_long(w, w->cache[CACHE_BODYSTRUCTURE]);
		break;
	case FETCH_SECTION:
		write_section(w, &item->section);
		break;
	}
}

enum err
fetch_write(struct fetch_writer *w, const struct fetch_req *req, uint32_t seq,
    bool with_flags)
{
	static const struct fetch_item flags = { .op = FETCH_FLAGS };
	enum err e = gather(w, req, seq);

	if (e != OK)
		return e;
	buf_add(&w->line, "* ", 2);
	buf_addu(&w->line, seq);
	buf_add(&w->line, " FETCH (", 8);
	/* Before the bodies: there are clients who take all that follows a literal
	 * for its end. */
	if (with_flags && !req->has_flags) {
		write_item(w, &flags);
		buf_addc(&w->line, ' ');
	}
	for (const struct fetch_item *i = req->items; i; i = i->next) {
		if (i != req->items)
			buf_addc(&w->line, ' ');
		write_item(w, i);
	}
	buf_add(&w->line, ")\r\n", 3);
	stream_put(w->out, buf_str(&w->line));
	buf_reset(&w->line);
	if (w->arena)
		drop_structure(w);
	return OK;
}
