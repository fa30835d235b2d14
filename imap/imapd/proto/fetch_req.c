/* fetch_req.c - requests of FETCH that outlive their command */
#include "imap/imapd/proto/fetch_req.h"

#include "imap/disk/message.h"

#include <string.h>

/* What the answer will need of the message. */
static void
note_needs(struct fetch_req *req, const struct fetch_item *item)
{
	switch (item->op) {
	case FETCH_FLAGS:
		req->has_flags = true;
		break;
	case FETCH_UID:
		req->has_uid = true;
		break;
	case FETCH_MODSEQ:
		req->has_modseq = true;
		break;
	case FETCH_INTERNALDATE:
	case FETCH_SIZE:
	case FETCH_EMAILID:
	case FETCH_THREADID:
		break;
	case FETCH_ENVELOPE:
		req->needs_cache |= 1u << CACHE_ENVELOPE;
		break;
	case FETCH_BODY:
		req->needs_cache |= 1u << CACHE_BODY;
		break;
	case FETCH_BODYSTRUCTURE:
		req->needs_cache |= 1u << CACHE_BODYSTRUCTURE;
		break;
	case FETCH_SECTION:
		if (item->section.cached)
			req->needs_cache |= 1u << CACHE_HEADERS;
		else
			req->needs_body = true;
		if (item->section.parts > 0)
			req->needs_cache |= 1u << CACHE_SECTIONS;
		break;
	case FETCH_BINARY:
	case FETCH_BINARY_SIZE:
		req->needs_body = req->has_binary = true;
		if (item->section.parts > 0)
			req->needs_cache |= 1u << CACHE_SECTIONS;
		break;
	case FETCH_PREVIEW:
		req->needs_cache |= 1u << CACHE_PREVIEW;
		break;
	case FETCH_PREVIEW_LAZY:
		req->lazy_preview = true;
		break;
	case FETCH_SAVEDATE:
		break;
	case FETCH_ANNOTATION:
		req->has_annotation = true;
		/* A part that is named must be there. */
		if (item->annotation.has_parts) {
			req->needs_body = true;
			req->needs_cache |= 1u << CACHE_SECTIONS;
		}
		break;
	}
}

static bool
has_label(const struct fetch_item *item)
{
	return item->op == FETCH_SECTION || item->op == FETCH_BINARY
	    || item->op == FETCH_BINARY_SIZE;
}

/* Said twice is meant once. */
static bool
is_repeated(const struct fetch_req *req, const struct fetch_item *item)
{
	for (const struct fetch_item *i = req->items; i != NULL; i = i->next)
		if (i->op == item->op && i->op != FETCH_ANNOTATION && (!has_label(i)
		    || (str_eq(i->section.label, item->section.label)
		    && i->section.length == item->section.length)))
			return true;
	return false;
}

bool
fetch_req_add(struct fetch_req *req, struct fetch_item *item)
{
	struct fetch_item **to = &req->items;

	req->sets_seen |= item->sets_seen;
	if (is_repeated(req, item))
		return true;
	if (req->count == FETCH_MAX_ITEMS)
		return false;
	req->count++;
	while (*to != NULL)
		to = &(*to)->next;
	*to = item;
	note_needs(req, item);
	return true;
}

/* The N strings at FROM; NULL: the arena is full. */
static struct str *
copy_strings(struct arena *arena, const struct str *from, size_t n)
{
	struct str *to = arena_alloc(arena, n * sizeof(*to) + 1);

	for (size_t i = 0; i < n && to != NULL; i++) {
		to[i] = (struct str){ arena_copy(arena, from[i].p, from[i].n), from[i].n };
		if (to[i].p == NULL)
			return NULL;
	}
	return to;
}

static bool
copy_section(struct arena *arena, struct fetch_section *to)
{
	struct str *field = copy_strings(arena, to->field, to->fields);
	uint32_t *part = arena_alloc(arena, to->parts * sizeof(*part) + 1);
	const char *label = arena_copy(arena, to->label.p, to->label.n);

	if (field == NULL || part == NULL || label == NULL)
		return false;
	if (to->parts > 0)
		memcpy(part, to->part, to->parts * sizeof(*part));
	to->field = field;
	to->part = part;
	to->label.p = label;
	return true;
}

bool
fetch_req_merge(struct arena *arena, struct fetch_req *to, const struct fetch_req *from)
{
	for (const struct fetch_item *i = from->items; i != NULL; i = i->next) {
		struct fetch_item *copy = arena_new_obj(arena, struct fetch_item);

		if (copy == NULL)
			return false;
		*copy = *i;
		copy->next = NULL;
		if (has_label(i) && !copy_section(arena, &copy->section))
			return false;
		copy->annotation.entries.item = copy_strings(arena, i->annotation.entries.item,
		    i->annotation.entries.count);
		if (copy->annotation.entries.item == NULL)
			return false;
		if (!fetch_req_add(to, copy))
			return false;
	}
	return true;
}
