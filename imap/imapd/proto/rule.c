/* The leaves that many commands have, behind one signature. */
#include "imap/imapd/proto/rule.h"
#include "imap/imapd/proto/parse_date.h"
#include "imap/imapd/proto/parse_flags.h"

bool
rule_atom(struct parser *p, void *to)
{
	return parse_atom(p, to);
}

bool
rule_astring(struct parser *p, void *to)
{
	return parse_astring(p, to);
}

bool
rule_string(struct parser *p, void *to)
{
	return parse_string(p, to);
}

bool
rule_nstring(struct parser *p, void *to)
{
	return parse_nstring(p, to);
}

bool
rule_mailbox(struct parser *p, void *to)
{
	return parse_mailbox(p, to);
}

bool
rule_list_mailbox(struct parser *p, void *to)
{
	return parse_list_mailbox(p, to);
}

bool
rule_number(struct parser *p, void *to)
{
	return parse_number(p, to);
}

bool
rule_nz_number(struct parser *p, void *to)
{
	return parse_nz_number(p, to);
}

bool
rule_number64(struct parser *p, void *to)
{
	return parse_number64(p, to);
}

/* objectid = 1*255(ALPHA / DIGIT / "_" / "-") */
bool
rule_objectid(struct parser *p, void *to)
{
	struct str *id = to;
	size_t start = p->at;
	if (!parse_atom(p, id))
		return parse_expect(p, "an object id");
	for (size_t i = 0; i < id->n; i++) {
		char c = id->p[i];
		if (i == 255 || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
		    || (c >= '0' && c <= '9') || c == '_' || c == '-')) {
			p->at = start;
			return parse_expect(p, "an object id");
		}
	}
	return true;
}

bool
rule_sequence_set(struct parser *p, void *to)
{
	return parse_sequence_set(p, to);
}

bool
rule_flag_list(struct parser *p, void *to)
{
	return parse_flag_list(p, to);
}

bool
rule_flags(struct parser *p, void *to)
{
	return parse_flags(p, to);
}

bool
rule_flag_keyword(struct parser *p, void *to)
{
	return parse_flag_keyword(p, to);
}

bool
rule_date(struct parser *p, void *to)
{
	return parse_date(p, to);
}

bool
rule_date_time(struct parser *p, void *to)
{
	return parse_date_time(p, to);
}

bool
rule_message(struct parser *p, void *to)
{
	return parse_message(p, to);
}

bool
rule_modseq_or_0(struct parser *p, void *to)
{
	return parse_number64(p, to) || parse_expect(p, "a mod-sequence");
}

bool
rule_modseq(struct parser *p, void *to)
{
	uint64_t *n = to;
	return rule_modseq_or_0(p, n) && (*n > 0 || parse_expect(p, "a mod-sequence above 0"));
}

bool
rule_known_set(struct parser *p, void *to)
{
	const struct sequence_set *set = to;
	if (!parse_sequence_set(p, to))
		return false;
	if (set->saved)
		return parse_expect(p, "a set of numbers");
	for (size_t i = 0; i < set->count; i++)
		if (set->range[i].first == 0 || set->range[i].last == 0)
			return parse_expect(p, "a set without \"*\"");
	return true;
}

/* [-]nz-number; both ends have the same sign */
static bool
partial_end(struct parser *p, bool from_end, uint32_t *n)
{
	return (!from_end || parse_char(p, '-')) && parse_nz_number(p, n);
}

/* partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number */
bool
rule_partial_range(struct parser *p, void *to)
{
	struct partial_range *r = to;
	if (r->first != 0)
		return parse_expect(p, "one PARTIAL only");
	r->from_end = parse_peek(p, '-');
	return partial_end(p, r->from_end, &r->first) && parse_char(p, ':')
	    && partial_end(p, r->from_end, &r->last);
}
