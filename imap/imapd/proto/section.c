/*
 * The label, which is how the answer names the section, is made while the
 * section is parsed: in capitals, its fields as the client wrote them.
 */
#include "imap/imapd/proto/section.h"
#include "imap/disk/message.h"
#include "lib/buf.h"

#include <string.h>

static bool
at_digit(const struct parser *p)
{
	return p->at < p->in.n && p->in.p[p->at] >= '0' && p->in.p[p->at] <= '9';
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
		if (!parse_count(p)) {
			ok = false;
			break;
		}
		if (parse_peek(p, ')')) {
			p->at++;
			break;
		}
		buf_addc(label, ' ');
		ok = parse_sp(p);
	}
	buf_addc(label, ')');
	if (ok) {
		struct str *field = parse_take(p, names.n);

		if (field)
			memcpy(field, names.p, names.n);
		s->field = field;
		ok = field != NULL;
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
	struct str name = parse_next_word(p);

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
	uint32_t *part = parse_take(p, SECTION_MAX_DEPTH * sizeof *part);

	*more = false;
	if (!part)
		return false;
	s->part = part;
	for (;;) {
		if (s->parts == SECTION_MAX_DEPTH)
			return parse_too_big(p, "too many part numbers");
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

/* section-spec = section-msgtext / (section-part ["." section-text]) */
static bool
parse_spec(struct parser *p, struct fetch_section *s, struct buf *label)
{
	bool text = true;

	if (at_digit(p) && !parse_section_part(p, s, label, &text))
		return false;
	return !text || parse_section_text(p, s, label);
}

bool
parse_section_spec(struct parser *p, struct fetch_section *s)
{
	struct buf label = BUF_INIT;
	bool ok = parse_at_end(p) || (parse_spec(p, s, &label) && parse_end(p));

	buf_free(&label);
	return ok;
}

/* section = "[" [section-msgtext / (section-part ["." section-text])] "]" */
static bool
parse_section(struct parser *p, struct fetch_section *s, struct buf *label)
{
	if (!parse_char(p, '['))
		return false;
	buf_adds(label, "BODY[");
	if (parse_peek(p, ']')) {
		p->at++;
		buf_addc(label, ']');
		return true;
	}
	if (!parse_spec(p, s, label))
		return false;
	buf_addc(label, ']');
	return parse_char(p, ']');
}

/* section-binary = "[" [section-part] "]" */
static bool
parse_section_binary(struct parser *p, struct fetch_section *s, const char *name,
    struct buf *label)
{
	bool more = false;

	if (!parse_char(p, '['))
		return false;
	buf_adds(label, name);
	if (!parse_peek(p, ']') && !parse_section_part(p, s, label, &more))
		return false;
	if (more)
		return parse_expect(p, "a part number");
	buf_addc(label, ']');
	return parse_char(p, ']');
}

/* "<" number64 "." nz-number64 ">" */
static bool
parse_partial(struct parser *p, struct fetch_section *s, struct buf *label)
{
	uint64_t offset, length;

	if (!parse_peek(p, '<'))
		return true;
	if (!parse_char(p, '<') || !parse_number64(p, &offset) || !parse_char(p, '.')
	    || !parse_number64(p, &length))
		return false;
	if (length == 0)
		return parse_expect(p, "a number above 0");
	if (!parse_char(p, '>'))
		return false;
	s->partial = true;
	s->offset = offset;
	s->length = length;
	buf_addc(label, '<');
	buf_addu(label, offset);
	buf_addc(label, '>');
	return true;
}

/* The label, if OK, with its space. */
static bool
keep_label(struct parser *p, bool ok, struct fetch_section *s, struct buf *label)
{
	buf_addc(label, ' ');
	if (ok) {
		char *copy = parse_take(p, label->n);

		ok = copy != NULL;
		if (ok)
			memcpy(copy, label->p, label->n);
		s->label = (struct str){ copy, label->n };
	}
	buf_free(label);
	return ok;
}

bool
rule_body_section(struct parser *p, void *to)
{
	struct fetch_section *s = to;
	struct buf label = BUF_INIT;
	bool ok = parse_section(p, s, &label) && parse_partial(p, s, &label);

	return keep_label(p, ok, s, &label);
}

bool
rule_binary_section(struct parser *p, void *to)
{
	struct fetch_section *s = to;
	struct buf label = BUF_INIT;
	bool ok = parse_section_binary(p, s, "BINARY[", &label) && parse_partial(p, s, &label);

	return keep_label(p, ok, s, &label);
}

bool
rule_binary_size_section(struct parser *p, void *to)
{
	struct buf label = BUF_INIT;
	bool ok = parse_section_binary(p, to, "BINARY.SIZE[", &label);

	return keep_label(p, ok, to, &label);
}
