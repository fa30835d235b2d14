#include "imap/imapd/proto/parse_flags.h"
#include "imap/disk/message.h"

static const struct {
	const char *name;
	uint32_t flag;
} system_flags[] = {
	{ "Answered", MSG_ANSWERED }, { "Flagged", MSG_FLAGGED },
	{ "Deleted", MSG_DELETED }, { "Seen", MSG_SEEN }, { "Draft", MSG_DRAFT },
};

/* flag-keyword = atom */
bool
parse_flag_keyword(struct parser *p, struct str *keyword)
{
	return parse_atom(p, keyword) || parse_expect(p, "a keyword");
}

/*
 * flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" /
 *        flag-keyword / flag-extension
 * flag-extension = "\" atom, of which we know none
 */
static bool
flag(struct parser *p, struct flag_list *flags, size_t room)
{
	if (!parse_peek(p, '\\')) {
		if (flags->count == room)
			return parse_too_big(p, "too many flags");
		if (!parse_flag_keyword(p, &flags->keyword[flags->count]))
			return false;
		flags->count++;
		return true;
	}
	p->at++;
	for (size_t i = 0; i < sizeof(system_flags) / sizeof(system_flags[0]); i++)
		if (parse_word(p, system_flags[i].name)) {
			flags->system |= system_flags[i].flag;
			return true;
		}
	p->at--;
	return parse_expect(p, "a flag that may be set");
}

/* flag *(SP flag) until CLOSE (-1: the end of the flags) */
static bool
flags_until(struct parser *p, struct flag_list *flags, int close)
{
	size_t from = p->at;
	*flags = (struct flag_list){ 0 };
	flags->keyword = parse_take(p, PARSE_MAX_FLAGS * sizeof(*flags->keyword));
	if (flags->keyword == NULL)
		return false;
	if (close >= 0 && parse_peek(p, (char)close)) {
		p->at++;
		return true;
	}
	while (flag(p, flags, PARSE_MAX_FLAGS)) {
		if (close >= 0 && parse_peek(p, (char)close)) {
			p->at++;
			return true;
		}
		if (close < 0 && parse_at_end(p))
			return true;
		if (!parse_sp(p))
			break;
	}
	p->at = from;
	return false;
}

/* flag-list = "(" [flag *(SP flag)] ")" */
bool
parse_flag_list(struct parser *p, struct flag_list *flags)
{
	if (!parse_char(p, '('))
		return parse_expect(p, "a list of flags");
	if (flags_until(p, flags, ')'))
		return true;
	p->at--;
	return false;
}

/* store-att-flags = ... (flag-list / (flag *(SP flag))) */
bool
parse_flags(struct parser *p, struct flag_list *flags)
{
	return parse_peek(p, '(') ? parse_flag_list(p, flags)
	    : flags_until(p, flags, -1);
}
