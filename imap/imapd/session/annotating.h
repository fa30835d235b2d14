/*
 * annotating.h - who may store annotations of messages, and how much (RFC 5257)
 *
 * An annotation is of everybody (shared) or of one user; an anonymous user has
 * none of his own.  Reading needs the r right, which whoever has selected the
 * mailbox has; writing one's own needs r, too, and shared ones need n (section 3.4).
 */
#ifndef IMAP_IMAPD_SESSION_ANNOTATING_H
#define IMAP_IMAPD_SESSION_ANNOTATING_H

#include "imap/imapd/session/session.h"
#include "imap/store/mbox/txn.h"

/* What a user with RIGHTS can store: COPY_SHARED, COPY_OWN. */
unsigned annotating_may(const struct session *s, rights_t rights);

/* The same in the selected mailbox, with the rights that he has now. */
unsigned annotating_here(const struct session *s);

/*
 * What SET says, in C's arena, for a transaction; MAY is annotating_may()'s.
 * ERR_DENIED; ERR_UNSUPPORTED, ERR_LIMIT: C's code and text say why.
 */
enum err annotating_params(struct session *s, struct command *c,
    const struct annotation_set *set, unsigned may, struct annotate_list *l) MUST_CHECK;

/* "[ANNOTATE TOOMANY]" */
void annotating_too_many(struct command *c);

/* "* OK [ANNOTATIONS ...]": what of the selected mailbox's can be stored. */
void annotating_put_level(struct session *s);

#endif
