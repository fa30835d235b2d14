/*
 * filter_req.h - "filter-mailboxes": which mailboxes are meant (RFC 5465 section
 * 6, RFC 7377 section 2.2)
 */
#ifndef IMAP_IMAPD_PROTO_FILTER_REQ_H
#define IMAP_IMAPD_PROTO_FILTER_REQ_H

#include "imap/imapd/proto/step.h"

enum filter_kind {
	FILTER_SELECTED, FILTER_SELECTED_DELAYED,	/* the latter of NOTIFY only */
	FILTER_INBOXES, FILTER_PERSONAL, FILTER_SUBSCRIBED,
	FILTER_SUBTREE, FILTER_SUBTREE_ONE, FILTER_MAILBOXES,
};

struct mailbox_filter {
	enum filter_kind kind;
	struct parse_list mailboxes;	/* struct str, as sent; of the last three kinds */
};

/* One of them: { WORD(filter_mailboxes, mailbox_filter, kind), END }. */
extern const struct vocabulary filter_mailboxes;

#endif
