/*
 * filter.h - the mailboxes that a list of "filter-mailboxes" means
 *
 * Names that do not exist, or that the user may not read, or know of unless it
 * is the client who names them, are passed over in silence (RFC 7377 section 2.2); so are places in the hierarchy
 * without mail.  Nothing is opened, and no lock is held when it returns.
 */
#ifndef IMAP_IMAPD_SESSION_FILTER_H
#define IMAP_IMAPD_SESSION_FILTER_H

#include "imap/imapd/proto/filter_req.h"
#include "imap/imapd/session/session.h"

/*
 * Internal names in ARENA, each once, in hierarchical order.  FILTER_SELECTED
 * adds nothing: the caller has that mailbox.  ERR_LIMIT: the arena is full, or more
 * than 1000 trees are named that do not lie in each other;
 * ERR_NAME: what stands for a mailbox cannot be one.
 */
enum err filter_names(struct session *s, struct command *c,
    const struct mailbox_filter *filters, size_t n, struct str **names,
    size_t *count) MUST_CHECK;

/* Is it one of FILTER_INBOXES? */
bool filter_is_inbox(const struct session *s, const struct mbentry *e);

/* For qsort() of struct str: what is below a name comes directly behind it. */
int filter_name_cmp(const void *a, const void *b);

#endif
