/*
 * notify_req.h - what NOTIFY asks for (RFC 5465 sections 3.1 and 8)
 */
#ifndef IMAP_IMAPD_PROTO_NOTIFY_REQ_H
#define IMAP_IMAPD_PROTO_NOTIFY_REQ_H

#include "imap/imapd/proto/fetch_req.h"
#include "imap/imapd/proto/filter_req.h"

enum notify_event {
	EVENT_MESSAGE_NEW = 1,
	EVENT_MESSAGE_EXPUNGE = 2,
	EVENT_FLAG_CHANGE = 4,
	EVENT_ANNOTATION_CHANGE = 8,
	EVENT_MAILBOX_NAME = 16,
	EVENT_SUBSCRIPTION_CHANGE = 32,
	EVENT_MAILBOX_METADATA_CHANGE = 64,
	EVENT_SERVER_METADATA_CHANGE = 128,
	EVENT_UNSUPPORTED = 256,	/* event-ext, or one that we do not know of */
	EVENTS_OF_MESSAGES = 15,
};

/* The names of those that are supported, with blanks between, for BADEVENT. */
extern const char notify_event_names[];

struct event_group {
	struct mailbox_filter filter;	/* first: its steps fill it */
	unsigned events;		/* enum notify_event; 0: NONE */
	bool has_fetch;			/* behind MessageNew, of SELECTED */
	struct fetch_req fetch;
};

enum notify_kind { NOTIFY_NONE, NOTIFY_SET };

struct notify_req {
	enum notify_kind kind;
	bool status;
	struct parse_list groups;	/* struct event_group */
};

extern const struct step notify_args[];		/* struct notify_req */

/* Is there an event in it that is not supported? */
bool notify_has_unsupported(const struct notify_req *req);

#endif
