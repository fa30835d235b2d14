/*
 * grammar_list.c - CREATE, LIST, LSUB and STATUS
 *
 * The formal syntax of the options is in RFC 5258 section 6; those of CREATE
 * are in RFC 4466 section 2.2.
 */
#include "imap/imapd/proto/grammar_list.h"

#include "imap/imapd/proto/grammar.h"
#include "imap/imapd/proto/grammar_metadata.h"
#include "imap/imapd/proto/rule.h"

/* --- CREATE --- */

/* use-attr = "\" atom */
static bool
rule_use_attr(struct parser *p, void *to)
{
	struct str *use = to, name;
	size_t start = p->at;

	if (!parse_char(p, '\\') || !parse_atom(p, &name)) {
		p->at = start;
		return parse_expect(p, "a special use");
	}
	*use = (struct str){ p->in.p + start, p->at - start };
	return true;
}

static const struct step use_attr[] = { SELF(rule_use_attr), END };
static const struct step use_args[] = {
	SP, LIST_OF_OR_NONE(use_attr, struct str, create_req, uses), END
};
static const struct step partition_args[] = {
	SP, RULE(rule_astring, create_req, partition), END
};
static const struct word create_words[] = {
	{ NAME("USE"), 0, 0, use_args, "6154 3" },
	{ NAME("PARTITION"), 0, 0, partition_args, "Cyrus" },
	{ .value = 0 },
};
/* The word itself says nothing, its arguments do. */
static void *
take_args(struct parser *p, void *req, void *to, const struct word *w)
{
	(void)p;
	(void)to;
	(void)w;
	return req;
}

static const struct vocabulary create_params = {
	.expected = "USE", .word = create_words, .take = take_args,
};
static const struct step create_param[] = {
	{ .op = STEP_WORD, .words = &create_params }, END
};
static const struct step create_list[] = { SP, LIST(create_param), END };
static const struct step bare_partition[] = { WHEN(" ", partition_args), END };
const struct step create_args[] = {
	SP, RULE(rule_mailbox, create_req, mailbox), EITHER(" (", create_list, bare_partition), END
};

/* --- STATUS --- */

const struct word status_words[] = {
	{ NAME("MESSAGES"), STATUS_MESSAGES, 0, NULL, "9051 6.3.11" },
	{ NAME("RECENT"), STATUS_RECENT, 0, NULL, "3501 6.3.10" },
	{ NAME("UIDNEXT"), STATUS_UIDNEXT, 0, NULL, "9051 6.3.11" },
	{ NAME("UIDVALIDITY"), STATUS_UIDVALIDITY, 0, NULL, "9051 6.3.11" },
	{ NAME("UNSEEN"), STATUS_UNSEEN, 0, NULL, "9051 6.3.11" },
	{ NAME("DELETED"), STATUS_DELETED, 0, NULL, "9208 4.1.4" },
	{ NAME("DELETED-STORAGE"), STATUS_DELETED_STORAGE, 0, NULL, "9208 4.1.4" },
	{ NAME("SIZE"), STATUS_SIZE, 0, NULL, "8438 2" },
	{ NAME("MAILBOXID"), STATUS_MAILBOXID, 0, NULL, "8474 4.3" },
	{ NAME("HIGHESTMODSEQ"), STATUS_HIGHESTMODSEQ, 0, NULL, "7162 3.1.7" },
	{ NAME("APPENDLIMIT"), STATUS_APPENDLIMIT, 0, NULL, "7889 3.1" },
	{ .value = 0 },
};
static const struct vocabulary status_atts = {
	.expected = "a status item", .word = status_words, .take = take_bits,
};
static const struct step status_att[] = { WORD(status_atts, status_req, items), END };
const struct step status_args[] = {
	SP, RULE(rule_mailbox, status_req, mailbox), SP, LIST(status_att), END
};

/* --- LIST --- */

static const struct word select_words[] = {
	{ NAME("SUBSCRIBED"), LIST_SUBSCRIBED, 0, NULL, "5258 3.1" },
	{ NAME("REMOTE"), LIST_REMOTE, 0, NULL, "5258 3.1" },
	{ NAME("RECURSIVEMATCH"), LIST_RECURSIVEMATCH, 0, NULL, "5258 3.1" },
	{ NAME("SPECIAL-USE"), LIST_SPECIAL_USE, 0, NULL, "6154 2" },
	{ .value = 0 },
};
static const struct vocabulary select_opts = {
	.expected = "a selection option", .word = select_words, .take = take_bits,
};
static const struct step select_opt[] = { WORD(select_opts, list_req, select), END };

/* "The RECURSIVEMATCH option MUST NOT occur as the only selection option". */
static bool
rule_select_done(struct parser *p, void *to)
{
	const unsigned select = *(unsigned *)to;

	if ((select & LIST_RECURSIVEMATCH) && !(select & (LIST_SUBSCRIBED | LIST_SPECIAL_USE)))
		return parse_expect(p, "an option for RECURSIVEMATCH to go with");
	return true;
}

static const struct step select_list[] = {
	FLAG(list_req, extended), LIST_OR_NONE(select_opt),
	RULE(rule_select_done, list_req, select), SP, END
};

static const struct step list_status_att[] = { WORD(status_atts, list_req, status), END };
static const struct step list_status[] = { SP, LIST(list_status_att), END };
static const struct step list_entry[] = { SELF(rule_entry), END };
static const struct step list_metadata[] = {
	SP, LIST_OF(list_entry, struct str, list_req, metadata.entries), END
};
static const struct word return_words[] = {
	{ NAME("SUBSCRIBED"), LIST_RETURN_SUBSCRIBED, 0, NULL, "5258 3.2" },
	{ NAME("CHILDREN"), LIST_RETURN_CHILDREN, 0, NULL, "5258 3.2" },
	{ NAME("SPECIAL-USE"), LIST_RETURN_SPECIAL_USE, 0, NULL, "6154 2" },
	{ NAME("STATUS"), LIST_RETURN_STATUS, 0, list_status, "5819 2" },
	{ NAME("MYRIGHTS"), LIST_RETURN_MYRIGHTS, 0, NULL, "8440 3" },
	{ NAME("METADATA"), LIST_RETURN_METADATA, 0, list_metadata, "9590 3" },
	{ .value = 0 },
};
static const struct vocabulary return_opts = {
	.expected = "a return option", .word = return_words, .take = take_bits,
};
static const struct step return_opt[] = { WORD(return_opts, list_req, ret), END };
static const struct step return_list[] = {
	TEXT(" RETURN"), SP, FLAG(list_req, extended), LIST_OR_NONE(return_opt), END
};

/* patterns = "(" list-mailbox *(SP list-mailbox) ")" */
static const struct step pattern[] = { SELF(rule_list_mailbox), END };
static const struct step pattern_list[] = {
	FLAG(list_req, extended), LIST_OF(pattern, struct str, list_req, patterns), END
};

static bool
rule_one_pattern(struct parser *p, void *to)
{
	struct parse_list *list = to;
	struct str *one = parse_take(p, sizeof(*one));

	if (one == NULL || !parse_list_mailbox(p, one))
		return false;
	*list = (struct parse_list){ one, 1 };
	return true;
}

static const struct step one_pattern[] = {
	RULE(rule_one_pattern, list_req, patterns), END
};

const struct step list_args[] = {
	SP, WHEN("(", select_list), RULE(rule_mailbox, list_req, reference), SP,
	EITHER("(", pattern_list, one_pattern), WHEN(" RETURN", return_list), END
};
const struct step lsub_args[] = {
	SP, RULE(rule_mailbox, list_req, reference), SP,
	RULE(rule_one_pattern, list_req, patterns), END
};
