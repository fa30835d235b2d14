/* grammar_annotate.c - annotations of messages (RFC 5257 section 5) */
#include "imap/imapd/proto/grammar_annotate.h"

#include "imap/imapd/proto/rule.h"

#include <string.h>

/* --- names --- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The component after the "/" at FROM. */
static struct str
component(struct str e, size_t from)
{
	struct str rest = str_slice(e, from + 1, e.n);

	return str_slice(rest, 0, str_chr(rest, '/'));
}

static bool
is_wild(struct str s)
{
	return str_chr(s, '*') < s.n || str_chr(s, '%') < s.n;
}

/* section-part = nz-number *("." nz-number); 0: it is none */
static size_t
section_part(struct str s, uint32_t part[SECTION_MAX_DEPTH])
{
	size_t n = 0, at = 0;

	for (;;) {
		uint64_t number = 0;
		size_t start = at;

		for (; at < s.n && is_digit(s.p[at]) && number <= UINT32_MAX; at++)
			number = number * 10 + (uint64_t)(s.p[at] - '0');
		if (at == start || s.p[start] == '0' || number > UINT32_MAX
		    || n == SECTION_MAX_DEPTH)
			return 0;
		part[n++] = (uint32_t)number;
		if (at == s.n)
			return n;
		if (s.p[at++] != '.')
			return 0;
	}
}

size_t
annotation_part(struct str entry, uint32_t part[SECTION_MAX_DEPTH])
{
	struct str first = component(entry, 0);

	return first.n > 0 && is_digit(first.p[0]) && !is_wild(first)
	    ? section_part(first, part) : 0;
}

/*
 * "MUST NOT contain two consecutive "/" characters and MUST NOT end with a "/"
 * character ... MUST NOT contain non-ASCII characters or the NULL octet."
 */
static bool
is_path(struct str e, bool wild)
{
	if (e.n == 0 || e.n > ANNOTATION_MAX_NAME || e.p[e.n - 1] == '/')
		return false;
	if (e.p[0] != '/' && !(wild && is_wild(str_slice(e, 0, 1))))
		return false;
	for (size_t i = 0; i < e.n; i++) {
		unsigned char c = (unsigned char)e.p[i];
		if (c == 0 || c >= 0x80 || (!wild && (c == '*' || c == '%'))
		    || (c == '/' && e.p[i + 1] == '/'))
			return false;
	}
	return true;
}

/*
 * What begins with a digit is about a body part, which itself has no attributes;
 * "/flags" is for the future: "MUST NOT be used by clients or servers" (3.5).
 */
static bool
is_usable(struct str e)
{
	uint32_t part[SECTION_MAX_DEPTH];
	struct str first = component(e, 0);

	if (e.p[0] != '/' || is_wild(first))
		return true;
	if (is_digit(first.p[0]))
		return section_part(first, part) > 0 && e.n > first.n + 1;
	return !str_eq(first, STR("flags"));
}

static bool
name(struct parser *p, size_t start, struct str e, bool wild)
{
	if (is_path(e, wild) && is_usable(e))
		return true;
	p->at = start;
	return parse_expect(p, "an entry such as /comment or /1.2/comment");
}

/* entry = astring */
bool
rule_annotation_entry(struct parser *p, void *to)
{
	struct str *entry = to;
	size_t start = p->at;
	return parse_astring(p, entry) && name(p, start, *entry, false);
}

/* entry-match = list-mailbox */
bool
rule_annotation_match(struct parser *p, void *to)
{
	struct str *entry = to;
	size_t start = p->at;
	return parse_list_mailbox(p, entry) && name(p, start, *entry, true);
}

/* value = nstring / literal8 */
bool
rule_annotation_value(struct parser *p, void *to)
{
	return parse_peek(p, '~') ? parse_literal8(p, to) : rule_nstring(p, to);
}

/* --- FETCH --- */

static const struct {
	struct str name;
	unsigned attribs;
} attribs[] = {
	{ NAME("value"), ATTRIB_VALUE_PRIV | ATTRIB_VALUE_SHARED },
	{ NAME("value.priv"), ATTRIB_VALUE_PRIV },
	{ NAME("value.shared"), ATTRIB_VALUE_SHARED },
	{ NAME("size"), ATTRIB_SIZE_PRIV | ATTRIB_SIZE_SHARED },
	{ NAME("size.priv"), ATTRIB_SIZE_PRIV },
	{ NAME("size.shared"), ATTRIB_SIZE_SHARED },
};

/* attrib = astring */
static bool
rule_attrib(struct parser *p, void *to)
{
	struct str found;
	size_t start = p->at;
	if (!parse_astring(p, &found))
		return false;
	for (size_t i = 0; i < sizeof(attribs) / sizeof(attribs[0]); i++)
		if (str_eq(attribs[i].name, found)) {
			*(unsigned *)to |= attribs[i].attribs;
			return true;
		}
	p->at = start;
	return parse_expect(p, "value or size, perhaps with .priv or .shared,");
}

/* Its own list, and what it is about. */
static bool
rule_match(struct parser *p, void *to)
{
	struct annotation_query *q = to;
	uint32_t part[SECTION_MAX_DEPTH];
	struct str *all = q->entries.item, *wider = all;
	size_t n = q->entries.count;
	if (n == 0)
		wider = parse_take(p, sizeof(*wider));
	else if (n == 1)
		wider = parse_take(p, ANNOTATION_MAX_MATCHES * sizeof(*wider));
	if (wider == NULL)
		return false;
	if (n == ANNOTATION_MAX_MATCHES)
		return parse_too_big(p, "too many entries");
	if (n == 1)
		wider[0] = all[0];
	q->entries = (struct parse_list){ wider, n + 1 };
	if (!parse_count(p) || !rule_annotation_match(p, &wider[n]))
		return false;
	q->has_parts = q->has_parts || annotation_part(wider[n], part) > 0;
	return true;
}

static const struct step one_match[] = { SELF(rule_match), END };
static const struct step match_list[] = { LIST(one_match), END };
static const struct step one_attrib[] = { RULE(rule_attrib, annotation_query, attribs), END };
static const struct step attrib_list[] = { LIST(one_attrib), END };
static const struct step query[] = {
	TEXT("("), EITHER("(", match_list, one_match), SP,
	EITHER("(", attrib_list, one_attrib), TEXT(")"), END
};

bool
rule_annotation_query(struct parser *p, void *to)
{
	return parse_steps(p, query, to);
}

/* --- STORE and APPEND --- */

/* "MUST specify either a ".priv" or ".shared" suffix when storing"; size is read-only. */
static bool
rule_stored_attrib(struct parser *p, void *to)
{
	bool *shared = to;
	struct str found;
	size_t start = p->at;
	if (!parse_astring(p, &found))
		return false;
	*shared = str_eq(found, STR("value.shared"));
	if (*shared || str_eq(found, STR("value.priv")))
		return true;
	p->at = start;
	return parse_expect(p, "value.priv or value.shared");
}

static const struct step att_value[] = {
	RULE(rule_stored_attrib, annotation_value, shared), SP,
	RULE(rule_annotation_value, annotation_value, value), END
};

/* /<section-part>/flags/seen and its like: 'must be either "1", "0", or "NIL"' */
static bool
is_part_flag(struct str entry)
{
	static const struct str flags[] = {
		NAME("/flags/seen"), NAME("/flags/answered"), NAME("/flags/flagged"),
		NAME("/flags/forwarded"),
	};
	uint32_t part[SECTION_MAX_DEPTH];
	struct str rest = str_slice(entry, component(entry, 0).n + 1, entry.n);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (str_eq(rest, flags[i]))
			return annotation_part(entry, part) > 0;
	return false;
}

static bool
rule_sensible_values(struct parser *p, void *to)
{
	const struct annotation_entry *e = to;
	const struct annotation_value *v = e->values.item;
	if (!is_part_flag(e->name))
		return true;
	for (size_t i = 0; i < e->values.count; i++)
		if (v[i].value.p != NULL && !str_eq(v[i].value, STR("0"))
		    && !str_eq(v[i].value, STR("1")))
			return parse_expect(p, "\"1\", \"0\" or NIL for a flag");
	return true;
}

static const struct step entry_att[] = {
	RULE(rule_annotation_entry, annotation_entry, name), SP,
	LIST_OF(att_value, struct annotation_value, annotation_entry, values),
	SELF(rule_sensible_values), END
};
static const struct step entry_atts[] = {
	LIST_OF(entry_att, struct annotation_entry, annotation_set, entries), END
};

bool
rule_annotation_set(struct parser *p, void *to)
{
	return parse_steps(p, entry_atts, to);
}

/* --- SEARCH and SORT --- */

/* att-search = "value" / "value.priv" / "value.shared" */
static const struct word search_words[] = {
	{ NAME("VALUE"), ATTRIB_VALUE_PRIV | ATTRIB_VALUE_SHARED, 0, NULL, "5257 4.8" },
	{ NAME("VALUE.PRIV"), ATTRIB_VALUE_PRIV, 0, NULL, "5257 4.8" },
	{ NAME("VALUE.SHARED"), ATTRIB_VALUE_SHARED, 0, NULL, "5257 4.8" },
	{ .value = 0 },
};
static const struct vocabulary search_atts = {
	.expected = "value, value.priv or value.shared", .word = search_words,
	.take = take_value,
};

bool
rule_att_search(struct parser *p, void *to)
{
	return parse_vocabulary(p, &search_atts, to, to);
}

/* att-sort = "value.priv" / "value.shared" */
static const struct word sort_words[] = {
	{ NAME("VALUE.PRIV"), ATTRIB_VALUE_PRIV, 0, NULL, "5257 4.9" },
	{ NAME("VALUE.SHARED"), ATTRIB_VALUE_SHARED, 0, NULL, "5257 4.9" },
	{ .value = 0 },
};
static const struct vocabulary sort_atts = {
	.expected = "value.priv or value.shared", .word = sort_words, .take = take_value,
};

bool
rule_att_sort(struct parser *p, void *to)
{
	return parse_vocabulary(p, &sort_atts, to, to);
}
