/* fetch_parse.c - the grammar of FETCH's items (RFC 3501 section 9) */
#include "imap/imapd/fetch.h"

#include "imap/imapd/cmd.h"
#include "imap/store/mbox.h"

#include <string.h>

/* What the names of items mean; sections without brackets are RFC 822's. */
struct fetch_name {
	const char *name;
	enum fetch_op op;
	enum section_what what;
	bool peek;
};

static const struct fetch_name item_names[] = {
	{ "UID", FETCH_UID, SECTION_WHOLE, true },
	{ "FLAGS", FETCH_FLAGS, SECTION_WHOLE, true },
	{ "INTERNALDATE", FETCH_INTERNALDATE, SECTION_WHOLE, true },
	{ "RFC822.SIZE", FETCH_SIZE, SECTION_WHOLE, true },
	{ "ENVELOPE", FETCH_ENVELOPE, SECTION_WHOLE, true },
	{ "BODYSTRUCTURE", FETCH_BODYSTRUCTURE, SECTION_WHOLE, true },
	{ "BODY", FETCH_BODY, SECTION_WHOLE, true },
	{ "RFC822", FETCH_SECTION, SECTION_WHOLE, false },
	{ "RFC822.HEADER", FETCH_SECTION, SECTION_HEADER, true },
	{ "RFC822.TEXT", FETCH_SECTION, SECTION_TEXT, false },
};

static const struct {
	const char *name;
	const char *items;
} macros[] = {
	{ "ALL", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)" },
	{ "FAST", "(FLAGS INTERNALDATE RFC822.SIZE)" },
	{ "FULL", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)" },
};

enum { NAMES = sizeof item_names / sizeof item_names[0], MACROS = sizeof macros / sizeof macros[0] };

static struct str
rest(const struct parser *p)
{
	return (struct str){ p->in.p + p->at, p->in.n - p->at };
}

static bool
at_digit(const struct parser *p)
{
	return p->at < p->in.n && p->in.p[p->at] >= '0' && p->in.p[p->at] <= '9';
}

static bool
out_of_room(struct parser *p)
{
	p->err = ERR_LIMIT;
	return false;
}

static bool
is_name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
	    || (c >= '0' && c <= '9') || c == '.';
}

/* The word up to a bracket, a space or the end; P does not move. */
static struct str
peek_name(const struct parser *p)
{
	struct str left = rest(p);
	size_t n = 0;

	while (n < left.n && is_name_char(left.p[n]))
		n++;
	return (struct str){ left.p, n };
}

static void
add_capitals(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(b, (char)(s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] - 32 : s.p[i]));
}

/* As an atom if it can be one; it has printable ASCII only. */
static void
add_field_name(struct buf *label, struct str name)
{
	bool atom = name.n > 0;

	for (size_t i = 0; i < name.n; i++)
		atom = atom && is_astring_char((unsigned char)name.p[i]);
	if (atom) {
		buf_add_str(label, name);
		return;
	}
	buf_addc(label, '"');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			buf_addc(label, '\\');
		buf_addc(label, name.p[i]);
	}
	buf_addc(label, '"');
}

/* header-fld-name = astring */
static bool
parse_header_fld_name(struct parser *p, struct str *name, struct buf *label)
{
	if (!parse_astring(p, name))
		return false;
	for (size_t i = 0; i < name->n; i++)
		if ((unsigned char)name->p[i] <= ' ' || (unsigned char)name->p[i] >= 0x7f)
			return parse_expect(p, "a header field's name");
	add_field_name(label, *name);
	return true;
}

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static bool
parse_header_list(struct parser *p, struct fetch_section *s, struct buf *label)
{
	struct buf names = BUF_INIT;
	struct str name;
	bool ok = parse_char(p, '(');

	buf_addc(label, '(');
	s->cached = s->what == SECTION_FIELDS && s->parts == 0;
	while (ok && (ok = parse_header_fld_name(p, &name, label))) {
		s->cached = s->cached && cache_has_header(name);
		buf_add(&names, &name, sizeof name);
		s->fields++;
		if (parse_peek(p, ')')) {
			p->at++;
			break;
		}
		buf_addc(label, ' ');
		ok = parse_sp(p);
	}
	buf_addc(label, ')');
	if (ok) {
		struct str *field = arena_alloc(p->arena, names.n);

		if (field)
			memcpy(field, names.p, names.n);
		s->field = field;
		ok = field || out_of_room(p);
	}
	buf_free(&names);
	return ok;
}

/*
 * section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
 * section-text    = section-msgtext / "MIME"
 */
static bool
parse_section_text(struct parser *p, struct fetch_section *s, struct buf *label)
{
	static const struct {
		const char *name;
		enum section_what what;
	} texts[] = {
		{ "HEADER", SECTION_HEADER },
		{ "HEADER.FIELDS", SECTION_FIELDS },
		{ "HEADER.FIELDS.NOT", SECTION_FIELDS_NOT },
		{ "TEXT", SECTION_TEXT },
		{ "MIME", SECTION_MIME },
	};
	struct str name = peek_name(p);

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (!str_ieq(name, str_c(texts[i].name)))
			continue;
		s->what = texts[i].what;
		if (s->what == SECTION_MIME && s->parts == 0)
			return parse_expect(p, "a part number before MIME");
		p->at += name.n;
		add_capitals(label, name);
		if (s->what != SECTION_FIELDS && s->what != SECTION_FIELDS_NOT)
			return true;
		buf_addc(label, ' ');
		return parse_sp(p) && parse_header_list(p, s, label);
	}
	return parse_expect(p, "a section: HEADER, HEADER.FIELDS, TEXT, MIME or part numbers");
}

/*
 * section-part = nz-number *("." nz-number)
 * Leaves P after the "." before a section-text: *MORE.
 */
static bool
parse_section_part(struct parser *p, struct fetch_section *s, struct buf *label, bool *more)
{
	uint32_t *part = arena_alloc(p->arena, SECTION_MAX_DEPTH * sizeof *part);

	*more = false;
	if (!part)
		return out_of_room(p);
	s->part = part;
	for (;;) {
		if (s->parts == SECTION_MAX_DEPTH)
			return parse_expect(p, "fewer part numbers");
		if (!parse_nz_number(p, &part[s->parts]))
			return false;
		buf_addu(label, part[s->parts++]);
		if (!parse_peek(p, '.'))
			return true;
		p->at++;
		buf_addc(label, '.');
		if (!at_digit(p)) {
			*more = true;
			return true;
		}
	}
}

/* section = "[" [section-msgtext / (section-part ["." section-text])] "]" */
static bool
parse_section(struct parser *p, struct fetch_section *s, struct buf *label)
{
	bool text = true;

	if (!parse_char(p, '['))
		return false;
	buf_adds(label, "BODY[");
	if (parse_peek(p, ']')) {
		p->at++;
		buf_addc(label, ']');
		return true;
	}
	if (at_digit(p) && !parse_section_part(p, s, label, &text))
		return false;
	if (text && !parse_section_text(p, s, label))
		return false;
	buf_addc(label, ']');
	return parse_char(p, ']');
}

/* "<" number "." nz-number ">" */
static bool
parse_partial(struct parser *p, struct fetch_section *s, struct buf *label)
{
	uint32_t offset, length;

	if (!parse_peek(p, '<'))
		return true;
	if (!parse_char(p, '<') || !parse_number(p, &offset) || !parse_char(p, '.')
	    || !parse_nz_number(p, &length) || !parse_char(p, '>'))
		return false;
	s->partial = true;
	s->offset = offset;
	s->length = length;
	buf_addc(label, '<');
	buf_addu(label, offset);
	buf_addc(label, '>');
	return true;
}

/* What the answer will need of the message. */
static void
note_needs(struct fetch_req *req, const struct fetch_item *item)
{
	switch (item->op) {
	case FETCH_FLAGS:
		req->has_flags = true;
		break;
	case FETCH_UID:
	case FETCH_INTERNALDATE:
	case FETCH_SIZE:
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
	}
}

/* Said twice is meant once. */
static bool
is_repeated(const struct fetch_req *req, const struct fetch_item *item)
{
	for (const struct fetch_item *i = req->items; i; i = i->next)
		if (i->op == item->op && (i->op != FETCH_SECTION
		    || (str_eq(i->section.label, item->section.label)
		    && i->section.length == item->section.length)))
			return true;
	return false;
}

static bool
add_item(struct parser *p, struct fetch_req *req, const struct fetch_item *item)
{
	struct fetch_item *copy, **to = &req->items;

	if (is_repeated(req, item))
		return true;
	if (req->count++ == FETCH_MAX_ITEMS)
		return parse_expect(p, "fewer items");
	copy = arena_new_obj(p->arena, struct fetch_item);
	if (!copy)
		return out_of_room(p);
	*copy = *item;
	while (*to)
		to = &(*to)->next;
	*to = copy;
	note_needs(req, copy);
	return true;
}

/* "BODY" section ["<" number "." nz-number ">"], PEEK or not. */
static bool
parse_body_section(struct parser *p, struct fetch_req *req)
{
	struct fetch_item item = { .op = FETCH_SECTION };
	struct buf label = BUF_INIT;
	bool ok = parse_section(p, &item.section, &label)
	    && parse_partial(p, &item.section, &label);

	buf_addc(&label, ' ');
	if (ok) {
		item.section.label.p = arena_copy(p->arena, label.p, label.n);
		item.section.label.n = label.n;
		ok = item.section.label.p ? add_item(p, req, &item) : out_of_room(p);
	}
	buf_free(&label);
	return ok;
}

/* An item without brackets; its label is its name. */
static bool
add_named(struct parser *p, struct fetch_req *req, const struct fetch_name *n)
{
	struct fetch_item item = { .op = n->op, .section = { .what = n->what } };

	if (n->op == FETCH_SECTION) {
		struct str name = str_c(n->name);
		char *label = arena_copy(p->arena, name.p, name.n);

		if (!label)
			return out_of_room(p);
		label[name.n] = ' ';	/* in place of its NUL */
		item.section.label = (struct str){ label, name.n + 1 };
		req->sets_seen = req->sets_seen || !n->peek;
	}
	return add_item(p, req, &item);
}

/* fetch-att, see RFC 3501 section 9 */
static bool
parse_fetch_att(struct parser *p, struct fetch_req *req)
{
	struct str name = peek_name(p);
	struct str after = rest(p);

	if (after.n > name.n && after.p[name.n] == '[') {
		bool body = str_ieq(name, STR("BODY"));

		if (!body && !str_ieq(name, STR("BODY.PEEK")))
			return parse_expect(p, "BODY or BODY.PEEK before [");
		req->sets_seen = req->sets_seen || body;
		p->at += name.n;
		return parse_body_section(p, req);
	}
	for (size_t i = 0; i < NAMES; i++) {
		if (!str_ieq(name, str_c(item_names[i].name)))
			continue;
		p->at += name.n;
		return add_named(p, req, &item_names[i]);
	}
	return parse_expect(p, "a data item such as FLAGS or BODY[]");
}

/* "(" fetch-att *(SP fetch-att) ")" */
static bool
parse_att_list(struct parser *p, struct fetch_req *req)
{
	if (!parse_char(p, '('))
		return false;
	do {
		if (!parse_fetch_att(p, req))
			return false;
		if (parse_peek(p, ')')) {
			p->at++;
			return true;
		}
	} while (parse_sp(p));
	return false;
}

/* A macro "must be used by itself" (RFC 3501 section 6.4.5). */
static bool
parse_macro(struct parser *p, struct fetch_req *req)
{
	struct str name = peek_name(p);
	struct parser items;

	for (size_t i = 0; i < MACROS; i++) {
		if (!str_ieq(name, str_c(macros[i].name)))
			continue;
		p->at += name.n;
		parser_init(&items, str_c(macros[i].items), p->arena);
		return parse_att_list(&items, req) || out_of_room(p);
	}
	return false;
}

enum err
parse_fetch(struct parser *p, void **out)
{
	struct fetch_req *req = arena_new_obj(p->arena, struct fetch_req);
	bool ok;

	if (!req)
		return ERR_LIMIT;
	*out = req;
	if (!parse_sp(p) || !parse_sequence_set(p, &req->set) || !parse_sp(p))
		return parse_failed(p);
	/* "UID FETCH" answers with the UID, asked for or not (6.4.8). */
	if (p->uid && !add_named(p, req, &item_names[0]))
		return parse_failed(p);
	ok = parse_macro(p, req) || (p->err == OK && (parse_peek(p, '(')
	    ? parse_att_list(p, req) : parse_fetch_att(p, req)));
	return ok && parse_end(p) ? OK : parse_failed(p);
}
