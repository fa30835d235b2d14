/*
 * search_parse.h - the grammar of SEARCH (RFC 3501 section 6.4.4)
 *
 * From the words of a client to a search program (imap/store/search.h).  Sets
 * are left as they were written: "*" is 0 and the ends of a range may stand
 * either way round, until search_resolve() knows the mailbox.
 */
#ifndef IMAP_IMAPD_SEARCH_PARSE_H
#define IMAP_IMAPD_SEARCH_PARSE_H

#include "imap/imapd/proto/parse.h"
#include "imap/store/search.h"

enum {
	SEARCH_MAX_DEPTH = 100,		/* NOT, OR and parentheses in each other */
	SEARCH_MAX_KEYS = 10000,
};

struct search_req {
	struct search_key *key;		/* an AND of all */
	struct str charset;		/* {NULL, 0}: none given */
	bool bad_charset;		/* given, but unknown: key is not valid */
	unsigned count;			/* keys so far */
};

/* Fits the sets to the mailbox as it stands.  ERR_SYNTAX: see msgset.h. */
enum err search_resolve(struct arena *arena, struct mbox *m, struct search_key *key) MUST_CHECK;

#endif
