/*
 * msgset.h - which messages of the selected mailbox a sequence set names
 *
 * Numbers are resolved in the session's view.  A sequence number beyond the
 * last message is ERR_SYNTAX (RFC 3501 section 9, seq-number: "The server
 * should respond with a tagged BAD"), except that a range up to "*" is empty
 * in an empty mailbox, which clients rely on.  UIDs that do not exist are
 * passed over.
 */
#ifndef IMAP_IMAPD_MESSAGE_MSGSET_H
#define IMAP_IMAPD_MESSAGE_MSGSET_H

#include "imap/disk/uidset.h"
#include "imap/imapd/proto/parse.h"
#include "imap/store/mbox/mbox.h"
#include "imap/store/search/search.h"

/* The sequence numbers as ranges, rising, without overlap, in ARENA. */
enum err msgset_ranges(struct arena *arena, struct mbox *m, const struct sequence_set *set,
    bool uid, struct search_range **range, size_t *count) MUST_CHECK;

/* The same for a set of UIDs. */
enum err msgset_saved(struct arena *arena, struct mbox *m, const struct uidset *uids,
    struct search_range **range, size_t *count) MUST_CHECK;

/* The UIDs of the messages in those ranges, rising, in ARENA. */
enum err msgset_uids(struct arena *arena, struct mbox *m, const struct search_range *range,
    size_t count, uint32_t **uids, size_t *n) MUST_CHECK;

#endif
