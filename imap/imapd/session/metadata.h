/*
 * metadata.h - METADATA responses: of GETMETADATA and of LIST's return option
 *
 * An entry "/private/X" is kept as the user's annotation "/X", "/shared/X" as the
 * shared one (imap/disk/annot.h).  Two are not kept there: /private/specialuse is
 * the special use that the list of mailboxes has, for the owner (RFC 6154 section 4),
 * and the server's /shared/admin is an option.
 */
#ifndef IMAP_IMAPD_SESSION_METADATA_H
#define IMAP_IMAPD_SESSION_METADATA_H

#include "imap/disk/annot.h"
#include "imap/imapd/proto/grammar.h"
#include "imap/imapd/session/session.h"

/* RFC 5464 section 3.3: the "l" right and any one of "r", "s", "w", "i", or "p". */
bool metadata_may(rights_t rights);

/* All that the user may know of the mailbox's, or the server's; A is empty before. */
enum err metadata_of_mailbox(struct session *s, const struct mbentry *e,
    struct annots *a) MUST_CHECK;
enum err metadata_of_server(struct session *s, struct annots *a) MUST_CHECK;

/*
 * "* METADATA NAME (...)" with what Q asks for of A; NAME is external.  The size of
 * the longest value that was longer than Q allows; 0: there was none.
 */
size_t metadata_put(struct session *s, struct str name, const struct metadata_query *q,
    const struct annots *a);

/* ENTRY as the request has it: whose it is, and its name in the store. */
struct str metadata_owner(const struct session *s, struct str entry);
struct str metadata_entry(struct str entry);

#endif
