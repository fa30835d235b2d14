/*
 * context.h - searches whose results are kept up to date (RFC 5267)
 *
 * SEARCH and SORT with RETURN (UPDATE) leave a context behind: the program, and
 * the UIDs that the client knows as its result.  Whenever the session tells
 * what has changed in the mailbox, it tells each context's ADDTO and REMOVEFROM
 * as well: REMOVEFROM of expunged messages before the EXPUNGE responses, while
 * their numbers are good, all else behind EXISTS and FETCH.  Only messages that
 * have changed are looked at.
 *
 * The updates of an ESEARCH (RFC 7377), which are about the selected mailbox too,
 * name it.
 *
 * What depends on the moment of the search stays as it was then: sequence
 * numbers, "$", YOUNGER and OLDER.  A range up to "*" goes on to the end: new
 * messages are in it.
 *
 * Limits: CONTEXTS_MAX contexts and CONTEXT_MESSAGES numbers in all of them; a
 * search beyond is answered as usual, with NO [NOUPDATE] for its updates.
 * Contexts end with CANCELUPDATE and when another mailbox is selected.
 */
#ifndef IMAP_IMAPD_SESSION_CONTEXT_H
#define IMAP_IMAPD_SESSION_CONTEXT_H

#include "imap/imapd/session/results.h"

enum {
	CONTEXTS_MAX = 32,
	CONTEXT_MESSAGES = 2 * 1000 * 1000,
	CONTEXT_PROGRAM = 1024 * 1024,	/* bytes of a program */
};

/*
 * Before the search: the program as it was written, which the search will
 * change.  NULL: it cannot be kept.
 */
struct context *context_new(struct session *s, const struct command *c,
    const struct search_req *req);

/* Is a search with this TAG being updated?  Then no other may be. */
bool context_is_there(const struct session *s, struct str tag);

/*
 * After it: R is what the client will know.  Takes over CX, which may be NULL;
 * says NOUPDATE if there will be no updates, as of a search that looked at a part
 * of the messages only (msglimit.h).
 */
void context_keep(struct session *s, const struct command *c, struct context *cx,
    const struct results *r);

/* "* NO [NOUPDATE "tag"]" */
void context_refuse(struct session *s, struct str tag);

void context_free(struct context *cx);		/* NULL allowed */

/* CANCELUPDATE; false: there is no such context. */
bool context_cancel(struct session *s, struct str tag);

/* When the session deselects its mailbox. */
void contexts_end(struct session *s);

/* Before U's EXPUNGE responses are sent. */
void contexts_expunged(struct session *s, struct arena *arena, const struct mbox_update *u);

/*
 * After all that tells of a refresh has been sent: brings them up to date; and
 * tells it, when what they ask for of new messages has been sent, too.
 */
void contexts_changed(struct session *s, struct arena *arena);
void contexts_tell(struct session *s);

/* What they ask for of the message UID; false: the arena is full. */
bool contexts_add_items(const struct session *s, struct arena *arena, uint32_t uid,
    struct fetch_req *req);

#endif
