/*
 * scope.h - which events a client has asked for, of which mailboxes (RFC 5465)
 *
 * The event groups of a NOTIFY command, for as long as it is in force, and what
 * they say of a mailbox by its name.  Of several groups that a mailbox is in all
 * events count; NONE takes a mailbox out of the groups behind it.
 *
 * INBOXES and SUBSCRIBED depend on more than the name: see enum scope_fact.
 */
#ifndef IMAP_IMAPD_SESSION_SCOPE_H
#define IMAP_IMAPD_SESSION_SCOPE_H

#include "imap/imapd/proto/notify_req.h"
#include "imap/imapd/session/session.h"

struct scope_group {
	enum filter_kind kind;
	struct str *name;		/* internal, sorted as bytes */
	size_t n;
	unsigned events;		/* enum notify_event */
};

struct scope {
	struct arena *arena;
	struct scope_group *group;	/* those that are not SELECTED */
	size_t n;
	size_t names;			/* in all of them */
	unsigned events;		/* of all of them */
	bool by_subscription;		/* one of them is SUBSCRIBED */
	/* The selected mailbox. */
	unsigned selected;		/* events; 0: none are told */
	bool delayed;
	bool has_fetch;
	struct fetch_req fetch;		/* of new messages */
};

/* ERR_LIMIT: more than may be kept. */
enum err scope_new(struct session *s, struct command *c, const struct notify_req *req,
    struct scope **scope) MUST_CHECK;
void scope_free(struct scope *scope);		/* NULL allowed */

enum scope_fact {
	SCOPE_SUBSCRIBED = 1,
	SCOPE_INBOX = 2,		/* filter_is_inbox() */
};

/* The events that are asked for of the mailbox NAME, internal; enum scope_fact. */
unsigned scope_events(const struct session *s, const struct scope *scope, struct str name,
    unsigned facts);

/*
 * STATUS of which mailboxes, if it is asked for: the events of messages, and of a
 * group of NONE all, for it is meant as a snapshot (section 5).
 */
bool scope_is_snapshot(const struct session *s, const struct scope *scope, struct str name,
    unsigned facts);

/*
 * The names below which all mailboxes of the scope are but those that are named;
 * EACH is called for each, also for those below others.
 */
typedef void (*scope_each_fn)(void *ctx, struct str name, bool tree);
void scope_names(const struct session *s, const struct scope *scope, scope_each_fn each,
    void *ctx);

#endif
