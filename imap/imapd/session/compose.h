/*
 * compose.h - the messages of APPEND and REPLACE, ready for a transaction
 *
 * What the client sent becomes a finished blob: a literal as it is, binary
 * content (RFC 3516) in an encoding that every client can read, or the pieces
 * that CATENATE (RFC 4469) names, put together.
 */
#ifndef IMAP_IMAPD_SESSION_COMPOSE_H
#define IMAP_IMAPD_SESSION_COMPOSE_H

#include "imap/imapd/session/session.h"
#include "imap/store/mbox/blob.h"
#include "imap/store/mbox/txn.h"

struct composed {
	struct blob *blob;
	bool made;			/* not the literal's: freed by compose_free() */
	struct append_params params;
	bool may_be_told;		/* its UID: the user may read that mailbox */
};

/*
 * The flags become those that RIGHTS on the mailbox let the user set.  On an
 * error, which sets C's code and text, nothing is to be freed.
 */
enum err compose(struct session *s, struct command *c, const struct append_message *a,
    rights_t rights, struct composed *m) MUST_CHECK;
void compose_free(struct composed *m);

#endif
