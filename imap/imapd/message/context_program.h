/*
 * context_program.h - a search program that outlives its command
 */
#ifndef IMAP_IMAPD_MESSAGE_CONTEXT_PROGRAM_H
#define IMAP_IMAPD_MESSAGE_CONTEXT_PROGRAM_H

#include "imap/imapd/proto/search_req.h"

/*
 * A copy of KEY, which is as it was written, in ARENA; not prepared.  In it all
 * sets are of UIDs: sequence numbers as they are in the view of M now, "$" as
 * SAVED is now; a range up to "*" has no end.  NULL: the arena is full, or there
 * is no such sequence number.
 */
struct search_key *context_program(struct arena *arena, struct mbox *m,
    const struct uidset *saved, const struct search_key *key);

#endif
