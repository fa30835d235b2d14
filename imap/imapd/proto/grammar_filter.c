/* Which mailboxes: RFC 5465 section 8, RFC 7377 section 4 */
#include "imap/imapd/proto/filter_req.h"
#include "imap/imapd/proto/rule.h"

/* one-or-more-mailbox = mailbox / many-mailboxes */
static bool
rule_one_mailbox(struct parser *p, void *to)
{
	struct parse_list *list = to;
	struct str *one = parse_take(p, sizeof(*one));
	*list = (struct parse_list){ one, 1 };
	return one != NULL && parse_mailbox(p, one);
}

static const struct step a_mailbox[] = { SELF(rule_mailbox), END };
static const struct step many_mailboxes[] = {
	LIST_OF(a_mailbox, struct str, mailbox_filter, mailboxes), END
};
static const struct step one_mailbox[] = {
	RULE(rule_one_mailbox, mailbox_filter, mailboxes), END
};
static const struct step mailboxes_args[] = {
	SP, EITHER("(", many_mailboxes, one_mailbox), END
};

static const struct word filter_words[] = {
	{ NAME("SELECTED"), FILTER_SELECTED, 0, NULL, "5465 6.1" },
	{ NAME("INBOXES"), FILTER_INBOXES, 0, NULL, "5465 6.3" },
	{ NAME("PERSONAL"), FILTER_PERSONAL, 0, NULL, "5465 6.2" },
	{ NAME("SUBSCRIBED"), FILTER_SUBSCRIBED, 0, NULL, "5465 6.4" },
	{ NAME("SUBTREE"), FILTER_SUBTREE, 0, mailboxes_args, "5465 6.5" },
	{ NAME("SUBTREE-ONE"), FILTER_SUBTREE_ONE, 0, mailboxes_args, "7377 2.2" },
	{ NAME("MAILBOXES"), FILTER_MAILBOXES, 0, mailboxes_args, "5465 6.6" },
	{ .value = 0 },
};
const struct vocabulary filter_mailboxes = {
	.expected = "which mailboxes", .word = filter_words, .take = take_value,
};
