/*
 * grammar_search.h - search programs, and the arguments of who has one
 */
#ifndef IMAP_IMAPD_PROTO_GRAMMAR_SEARCH_H
#define IMAP_IMAPD_PROTO_GRAMMAR_SEARCH_H

#include "imap/imapd/proto/step.h"

/* struct search_req */
extern const struct step search_args[], sort_args[], thread_args[], esearch_args[];
extern const struct step return_opts[];			/* "RETURN (...) ", if WHEN() says so */

/*
 * [CHARSET SP astring SP] search-key *(SP search-key): a struct search_key *,
 * the AND of all.  p->bad_charset: the keys are not valid.
 */
bool rule_search_program(struct parser *p, void *to);

/* charset SP search-key *(SP search-key), as SORT and THREAD have it. */
bool rule_charset_program(struct parser *p, void *to);

#endif
