/*
 * uidset_text.h - lists of UIDs in response codes (RFC 4315 section 3)
 */
#ifndef IMAP_IMAPD_PROTO_UIDSET_TEXT_H
#define IMAP_IMAPD_PROTO_UIDSET_TEXT_H

#include "lib/buf.h"

#include <stdint.h>

/* "4,7:9": in the order given; runs of rising neighbours become ranges. */
void uidset_text(const uint32_t *uids, size_t n, struct buf *out);

#endif
