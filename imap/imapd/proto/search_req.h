/*
 * search_req.h - what SEARCH asks for (RFC 9051 section 6.4.4)
 *
 * From the words of a client to a search program (imap/store/search.h).  Sets
 * are left as they were written: "*" is 0 and the ends of a range may stand
 * either way round, until the mailbox is known (search_resolve.h).
 */
#ifndef IMAP_IMAPD_PROTO_SEARCH_REQ_H
#define IMAP_IMAPD_PROTO_SEARCH_REQ_H

#include "imap/store/search.h"

struct search_req {
	struct search_key *key;		/* an AND of all */
};

#endif
