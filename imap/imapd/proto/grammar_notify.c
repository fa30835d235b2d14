/* NOTIFY: RFC 5465 section 8 */
#include "imap/imapd/proto/notify_req.h"
#include "imap/imapd/proto/grammar_fetch.h"
#include "imap/imapd/proto/rule.h"

/* --- events --- */

static const struct {
	struct str name;
	enum notify_event event;
} events[] = {
	{ NAME("MessageNew"), EVENT_MESSAGE_NEW },
	{ NAME("MessageExpunge"), EVENT_MESSAGE_EXPUNGE },
	{ NAME("FlagChange"), EVENT_FLAG_CHANGE },
	{ NAME("AnnotationChange"), EVENT_ANNOTATION_CHANGE },
	{ NAME("MailboxName"), EVENT_MAILBOX_NAME },
	{ NAME("SubscriptionChange"), EVENT_SUBSCRIPTION_CHANGE },
	{ NAME("MailboxMetadataChange"), EVENT_MAILBOX_METADATA_CHANGE },
	{ NAME("ServerMetadataChange"), EVENT_SERVER_METADATA_CHANGE },
};
const char notify_event_names[] = "MessageNew MessageExpunge FlagChange AnnotationChange"
    " MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange";

static enum notify_event
event_of(struct str name)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (str_ieq(name, events[i].name))
			return events[i].event;
	return EVENT_UNSUPPORTED;
}

/*
 * message-event = ("MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]) / ...
 * event-ext = atom
 */
static bool
rule_event(struct parser *p, void *to)
{
	struct event_group *g = to;
	struct str name;
	enum notify_event event;
	if (!parse_count(p) || !parse_atom(p, &name))
		return parse_expect(p, "an event such as MessageNew");
	event = event_of(name);
	g->events |= event;
	if (event != EVENT_MESSAGE_NEW || !parse_ahead(p, " ("))
		return true;
	g->has_fetch = true;
	return parse_sp(p) && parse_steps(p, fetch_att_list, &g->fetch);
}

static bool
is_of_selected(const struct event_group *g)
{
	return g->filter.kind == FILTER_SELECTED || g->filter.kind == FILTER_SELECTED_DELAYED;
}

/* Sections 3.1, 5, 6.1; what is not supported is answered NO, whatever else. */
static bool
rule_group(struct parser *p, void *to)
{
	const struct event_group *g = to;
	unsigned messages = g->events & EVENTS_OF_MESSAGES;
	unsigned both = EVENT_MESSAGE_NEW | EVENT_MESSAGE_EXPUNGE;
	if (g->events & EVENT_UNSUPPORTED)
		return true;
	if (is_of_selected(g) && g->events != messages)
		return parse_expect(p, "events of messages only, for a selected mailbox,");
	if (!is_of_selected(g) && g->has_fetch)
		return parse_expect(p, "no data items but for SELECTED");
	if (messages != 0 && (messages & both) != both)
		return parse_expect(p, "both MessageNew and MessageExpunge");
	return true;
}

/* "Only one of them can be specified in a NOTIFY command." */
static bool
rule_one_selected(struct parser *p, void *to)
{
	const struct notify_req *req = to;
	const struct event_group *g = req->groups.item;
	unsigned n = 0;
	for (size_t i = 0; i < req->groups.count; i++)
		n += is_of_selected(&g[i]);
	return n <= 1 || notify_has_unsupported(req)
	    || parse_expect(p, "only one of SELECTED and SELECTED-DELAYED");
}

bool
notify_has_unsupported(const struct notify_req *req)
{
	const struct event_group *g = req->groups.item;
	for (size_t i = 0; i < req->groups.count; i++)
		if (g[i].events & EVENT_UNSUPPORTED)
			return true;
	return false;
}

/* --- the tables --- */

static const struct word delayed_words[] = {
	{ NAME("SELECTED-DELAYED"), FILTER_SELECTED_DELAYED, 0, NULL, "5465 6.1.2" },
	{ .value = 0 },
};
static const struct vocabulary filters = {
	"which mailboxes", delayed_words, &filter_mailboxes, take_value, NULL,
};

static const struct step event[] = { SELF(rule_event), END };
static const struct step event_list[] = { LIST(event), END };
static const struct step none[] = { TEXT("NONE"), END };

/* event-group = "(" filter-mailboxes SP events ")" */
static const struct step group[] = {
	TEXT("("), WORD(filters, event_group, filter.kind),
	SP, EITHER("(", event_list, none), TEXT(")"), SELF(rule_group), END
};

static const struct step status[] = { TEXT("STATUS "), FLAG(notify_req, status), END };
static const struct step set_args[] = {
	SP, WHEN("STATUS ", status), MANY_OF(group, struct event_group, notify_req, groups),
	SELF(rule_one_selected), END
};
static const struct word kind_words[] = {
	{ NAME("NONE"), NOTIFY_NONE, 0, NULL, "5465 3.1" },
	{ NAME("SET"), NOTIFY_SET, 0, set_args, "5465 3.1" },
	{ .value = 0 },
};
static const struct vocabulary kinds = {
	.expected = "SET or NONE", .word = kind_words, .take = take_value,
};

/* notify = "NOTIFY" SP ("SET" [SP "STATUS"] SP event-groups / "NONE") */
const struct step notify_args[] = { SP, WORD(kinds, notify_req, kind), END };
