/*
 * msglimit.h - how many messages one command may be about (RFC 9738)
 *
 * Option messagelimit is for all commands that the RFC names, savelimit only
 * for COPY and APPEND.  EXPUNGE, CLOSE and STATUS have no limit (section 3.1).
 *
 * Of more messages than that those with the highest UIDs are done, and C is
 * told which was the last of them; at its end msglimit_say() tells the client.
 * What must be done whole or not at all is refused.
 */
#ifndef IMAP_IMAPD_SESSION_MSGLIMIT_H
#define IMAP_IMAPD_SESSION_MSGLIMIT_H

#include "imap/imapd/session/session.h"
#include "imap/store/search/search.h"

/* UINT32_MAX: any number. */
uint32_t msglimit(const struct session *s);
uint32_t msglimit_for_saving(const struct session *s);

/*
 * ERR_LIMIT, with MAX in C's response code, and UID, which would have been the
 * last of as many as may be; 0: that is not known.
 */
enum err msglimit_refuse(struct command *c, uint32_t max, uint32_t uid) MUST_CHECK;

/* A PARTIAL that is longer is refused, whatever there is (section 3.1). */
enum err msglimit_partial(const struct session *s, struct command *c,
    const struct partial_range *p) MUST_CHECK;

/* Of the N rising ranges of the selected mailbox keeps the end.  True: that is not all. */
bool msglimit_ranges(const struct session *s, struct command *c,
    struct search_range **range, size_t *n);

/* The same of the N rising UIDs. */
void msglimit_uids(const struct session *s, struct command *c, uint32_t **uids, size_t *n);

/* As long as it takes to have so many that are \Deleted, for UID EXPUNGE. */
void msglimit_deleted(const struct session *s, struct command *c, uint32_t **uids, size_t *n);

/* What becomes of a search that has to look at more. */
enum msglimit_search {
	MSGLIMIT_CUTS,			/* it looks at the end of them */
	MSGLIMIT_REFUSES,		/* it cannot be done in parts: SORT, THREAD */
	MSGLIMIT_ADDS_UP,		/* mailbox by mailbox, each whole */
};

/*
 * KEY is what search_resolve() made of a search in M: of the messages outside of
 * the sets that stand at its top nothing is looked at.  ERR_LIMIT: refused.
 */
enum err msglimit_search(const struct session *s, struct command *c, struct mbox *m,
    struct search_key *key, enum msglimit_search how) MUST_CHECK;

/*
 * Just before the tagged reply: MESSAGELIMIT in it; or in an untagged NO if it
 * has another code, or is a FETCH's that could not read all messages.
 */
void msglimit_say(struct session *s, struct command *c, enum err e);

#endif
