/*
 * search_resolve.h - fitting the sets of a search to the mailbox
 */
#ifndef IMAP_IMAPD_MESSAGE_SEARCH_RESOLVE_H
#define IMAP_IMAPD_MESSAGE_SEARCH_RESOLVE_H

#include "imap/imapd/proto/search_req.h"

/*
 * Sets as they were written become ranges of numbers in the view of M, without
 * what is beyond its end; "$" is the UIDs of SAVED.
 */
enum err search_resolve(struct arena *arena, struct mbox *m, const struct uidset *saved,
    struct search_key *key) MUST_CHECK;

#endif
