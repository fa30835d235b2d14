/*
 * uidl.h - the unique-ids of UIDL (RFC 1939 section 7), option uidl_format
 *
 * All are made of UID and UIDVALIDITY, which never come again for another
 * message of a mailbox, so they are unique and stay the same for ever.  "uidonly"
 * repeats itself if a mailbox is made anew under its name.
 */
#ifndef IMAP_POP3D_UIDL_H
#define IMAP_POP3D_UIDL_H

#include "lib/buf.h"

#include <stdint.h>

/* In the order of the option's values. */
enum uidl_format { UIDL_CYRUS, UIDL_UIDONLY, UIDL_DOVECOT, UIDL_COURIER };

void uidl_put(struct buf *out, int format, uint32_t uidvalidity, uint32_t uid);

#endif
