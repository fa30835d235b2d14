/*
 * search_req.h - what SEARCH, SORT, THREAD and ESEARCH ask for
 *
 * From the words of a client to a search program (imap/store/search/search.h).  Sets
 * are left as they were written: "*" is 0 and the ends of a range may stand
 * either way round, until the mailbox is known (search_resolve.h); "$" is
 * SEARCH_SAVED until then.
 */
#ifndef IMAP_IMAPD_PROTO_SEARCH_REQ_H
#define IMAP_IMAPD_PROTO_SEARCH_REQ_H

#include "imap/imapd/proto/fetch_req.h"
#include "imap/imapd/proto/filter_req.h"
#include "imap/imapd/proto/step.h"
#include "imap/store/search/search.h"
#include "imap/store/search/sort.h"
#include "imap/store/search/thread.h"

enum search_return {			/* RFC 4731 section 3.1 */
	RETURN_MIN = 1,
	RETURN_MAX = 2,
	RETURN_ALL = 4,
	RETURN_COUNT = 8,
	RETURN_SAVE = 16,		/* RFC 5182 */
	RETURN_PARTIAL = 32,		/* RFC 9394, RFC 5267 */
	RETURN_RELEVANCY = 64,		/* RFC 6203 */
	RETURN_CONTEXT = 128,		/* RFC 5267 */
	RETURN_UPDATE = 256,
};

struct search_req {
	struct search_key *key;		/* an AND of all */
	bool has_return;
	unsigned returns;		/* enum search_return; 0: RETURN_ALL is meant */
	struct partial_range partial;
	struct fetch_req update;	/* UPDATE: of new messages (RFC 5465 section 7) */
	struct parse_list criteria;	/* SORT: struct sort_criterion */
	enum thread_algorithm algorithm; /* THREAD */
	struct parse_list sources;	/* ESEARCH: struct mailbox_filter; none: selected */
};

/* Is there a key OP anywhere in the program? */
bool search_has(const struct search_key *key, enum search_op op);

#endif
