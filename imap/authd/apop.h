/*
 * apop.h - APOP's challenges (RFC 1939 section 7), which authd makes and forgets
 *
 * A challenge is SASL's with the time and a seal of it: so whichever authd is
 * asked, about a connection that it has never heard of, can tell one that was
 * made for its service a moment ago.  frontd can neither choose one nor show
 * what somebody answered to an old one.
 */
#ifndef IMAP_AUTHD_APOP_H
#define IMAP_AUTHD_APOP_H

#include "lib/buf.h"
#include "lib/handover.h"
#include "lib/str.h"

#include <stdbool.h>

enum { APOP_MS = 240 * 1000 };		/* frontd ends a connection before */

/*
 * Appends SASL's challenge "<...@host>", sealed with KEY for SERVICE at NOW
 * (grant_clock()); nothing if it has no such form.
 */
void apop_seal(const uint8_t key[GRANT_KEY], const char *service, uint64_t now,
    struct str challenge, struct buf *out);

/* Is it one, and not older than APOP_MS? */
bool apop_is_ours(const uint8_t key[GRANT_KEY], const char *service, uint64_t now,
    struct str sealed);

#endif
