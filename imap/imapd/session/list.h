/*
 * list.h - which names LIST and LSUB tell of (RFC 3501 6.3.8, RFC 5258)
 *
 * list_walk() goes through mailboxes, or subscriptions, in hierarchical order
 * and calls TELL for each name that the request asks for, once, with all that
 * is known of it.  It opens no mailbox.  What is done for a name beyond its
 * LIST line (STATUS ...) is TELL's affair; it may call anything.
 *
 * Limits: names of more than LIST_LEVELS levels have no \HasChildren of their
 * deepest ones; patterns are of at most LIST_PATTERN bytes: ERR_LIMIT.
 */
#ifndef IMAP_IMAPD_SESSION_LIST_H
#define IMAP_IMAPD_SESSION_LIST_H

#include "imap/imapd/proto/grammar.h"
#include "imap/imapd/session/session.h"

enum { LIST_LEVELS = 256, LIST_PATTERN = 2000 };

struct list_query {
	struct str *pattern;		/* with the reference in front; external */
	size_t patterns;
	unsigned select, ret;
	bool lsub;			/* LSUB: subscriptions, whatever there is */
};

enum list_children { CHILDREN_UNKNOWN, CHILDREN_SOME, CHILDREN_NONE };

struct list_name {
	struct str name;		/* external; borrowed for the call */
	bool exists;			/* a mailbox that the user may know of */
	bool noselect;			/* a level, or a mailbox without mail */
	bool selected;			/* itself, and not for what is below it */
	bool subscribed;
	const char *specialuse;		/* the user's own, or NULL */
	enum list_children children;
	bool childinfo;			/* something below it is selected */
};

typedef void (*list_tell_fn)(void *ctx, const struct list_name *n);
enum err list_walk(struct session *s, struct arena *arena, const struct list_query *q,
    list_tell_fn tell, void *ctx) MUST_CHECK;

/*
 * All that is known of one name, internal, whether there is such a mailbox or not;
 * N->name is {NULL, 0}.  N->exists: the user may know of it.
 */
void list_one(struct session *s, struct arena *arena, struct str internal,
    struct list_name *n);

#endif
