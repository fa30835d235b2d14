/*
 * addr.h - the mailboxes of an address list, one by one
 *
 * The walk behind mime_parse_addresses(), for those who do not want a list.
 * It takes RFC 5322 sections 3.4 and 4.4 and what else arrives: ";" between
 * mailboxes, names with dots and "@" that nobody quoted, "<" without ">", no
 * domain, no local part (both then empty, not NULL), groups without an end.
 */
#ifndef IMAP_MIME_ADDR_H
#define IMAP_MIME_ADDR_H

#include "imap/mime/lex.h"
#include "imap/mime/mime.h"

struct addr_iter {
	struct lex l;
	bool in_group;
};

struct addr_iter addr_iter(struct str value);

/* False at the end.  What is not borrowed from the value is in the arena. */
bool addr_next(struct arena *arena, struct addr_iter *it, struct mime_address *a);

#endif
