/*
 * selection.h - the messages of the selected mailbox that a command names
 *
 * msgset.h with the words for what is wrong.  All results are in the command's
 * arena.  ERR_SYNTAX: a sequence number beyond the last message.
 */
#ifndef IMAP_IMAPD_SESSION_SELECTION_H
#define IMAP_IMAPD_SESSION_SELECTION_H

#include "imap/imapd/message/msgset.h"
#include "imap/imapd/session/session.h"

/* As ranges of sequence numbers; SET is of UIDs behind "UID". */
enum err selection_ranges(struct session *s, struct command *c,
    const struct sequence_set *set, struct search_range **range, size_t *n) MUST_CHECK;

/* As UIDs, rising. */
enum err selection_uids(struct session *s, struct command *c,
    const struct sequence_set *set, uint32_t **uids, size_t *n) MUST_CHECK;

#endif
