/*
 * results.h - what a search found, and telling it
 *
 * SEARCH and SORT responses, or an ESEARCH response (RFC 4731) with what the
 * client's RETURN asks for; and keeping it as "$" (RFC 5182).
 */
#ifndef IMAP_IMAPD_SESSION_RESULTS_H
#define IMAP_IMAPD_SESSION_RESULTS_H

#include "imap/imapd/session/msglimit.h"

struct results {
	struct mbox *mbox;		/* whose numbers they are */
	uint32_t *seqs;			/* rising, or in the order of SORT */
	size_t n;
	bool sorted;
	/* MULTISEARCH (RFC 7377): its name as the client is told, or NULL. */
	const char *mailbox;
};

/* As C asks for it in REQ.  ERR_LIMIT, ERR_CORRUPT. */
enum err results_tell(struct session *s, struct command *c, const struct search_req *req,
    const struct results *r) MUST_CHECK;

/* What of R the client's RETURN (SAVE ...) means, becomes "$". */
void results_save(struct session *s, const struct search_req *req, const struct results *r);

/* False: the search names message numbers, but UIDONLY is on (RFC 9586). */
bool results_may_find(const struct session *s, struct command *c,
    const struct search_key *key);

/*
 * "$" and the ranges of a search fitted to its mailbox, then the search.  The
 * program is changed by it and cannot be used again.  LIMIT: what becomes of it
 * if it is about more messages than may be.
 */
enum err results_find(struct session *s, struct command *c, struct mbox *m,
    struct search_key *key, enum msglimit_search limit, struct results *r) MUST_CHECK;

#endif
