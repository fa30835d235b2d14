/*
 * pattern.h - list-mailbox patterns of LIST and LSUB (RFC 3501 section 6.3.8)
 *
 * "*" matches any bytes, "%" any but the hierarchy separator.  Time is at
 * most the product of both lengths.
 */
#ifndef IMAP_IMAPD_PROTO_PATTERN_H
#define IMAP_IMAPD_PROTO_PATTERN_H

#include "lib/str.h"

#include <stdbool.h>

/* NAME in external form; an INBOX at its beginning matches in any case. */
bool pattern_match(struct str pattern, struct str name, char sep);

/* The bytes before the first wildcard. */
struct str pattern_literal(struct str pattern);

#endif
