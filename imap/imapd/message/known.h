/*
 * known.h - the flags that a client was told last, of some messages
 *
 * RFC 7162 section 3.1.12: to find out whether the flags that a conditional
 * STORE is about have changed, "the server compares the cached values with the
 * values in its database".  Of the KNOWN_MESSAGES messages told of last, or a
 * few less: a UID has one place, and loses it to the next one of that place.
 *
 * An entry is what the message was at its modseq.
 */
#ifndef IMAP_IMAPD_MESSAGE_KNOWN_H
#define IMAP_IMAPD_MESSAGE_KNOWN_H

#include "imap/store/mbox/mbox.h"
#include "imap/store/mbox/txn.h"

enum { KNOWN_MESSAGES = 1024 };		/* 32 KiB */

struct known;
struct known *known_new(void);
void known_free(struct known *k);	/* NULL allowed */

void known_note(struct known *k, const struct message *m);

/*
 * What UID's flags were at SINCE, for a session that has been told of all changes
 * up to the modseq TOLD; .is is false if nobody knows.
 */
struct store_known known_find(const struct known *k, uint32_t uid, uint64_t since,
    uint64_t told);

#endif
