/*
 * objectid.h - ids of mailboxes and messages as clients see them (RFC 8474)
 *
 * MAILBOXID is "M" and the mailbox's id in hex; EMAILID "E" and the first 20 bytes
 * of the SHA-256 of the message's bytes: the same bytes have the same id, wherever
 * they are, without anybody keeping it.  There is no THREADID: it must never change
 * once it was told, and a message that comes late may join two threads.
 */
#ifndef IMAP_IMAPD_PROTO_OBJECTID_H
#define IMAP_IMAPD_PROTO_OBJECTID_H

#include "imap/disk/id128.h"
#include "lib/buf.h"

enum { EMAILID_BYTES = 20 };

/* "(M0123...)" */
void objectid_put_mailbox(const struct id128 *id, struct buf *out);
/* "(E0123...)" */
void objectid_put_email(const uint8_t guid[32], struct buf *out);

/* The first bytes of a GUID; false: no message has such an id. */
bool objectid_email(struct str id, uint8_t guid[EMAILID_BYTES]);

#endif
