/*
 * grammar_search.h - the arguments of SEARCH, for the table of commands
 */
#ifndef IMAP_IMAPD_PROTO_GRAMMAR_SEARCH_H
#define IMAP_IMAPD_PROTO_GRAMMAR_SEARCH_H

#include "imap/imapd/proto/step.h"

extern const struct step search_args[];			/* struct search_req */

/*
 * [CHARSET SP astring SP] search-key *(SP search-key): a struct search_key *,
 * the AND of all.  p->bad_charset: the keys are not valid.
 */
bool rule_search_program(struct parser *p, void *to);

#endif
