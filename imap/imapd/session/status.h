/*
 * status.h - STATUS responses: of STATUS itself and of LIST's return option
 */
#ifndef IMAP_IMAPD_SESSION_STATUS_H
#define IMAP_IMAPD_SESSION_STATUS_H

#include "imap/imapd/proto/grammar.h"
#include "imap/imapd/session/session.h"

struct status {
	struct mbox_status st;
	struct id128 id;
	uint64_t deleted_bytes;		/* if it was asked for */
};

/* May they be asked for?  IMAP4rev2 has no RECENT; else c->text says so. */
bool status_is_legal(const struct session *s, struct command *c, unsigned items);

/*
 * The ITEMS (enum status_item) of mailbox E, on which the caller has the r right.
 * ERR_NOTFOUND: it cannot be selected.
 */
enum err status_read(struct session *s, const struct mbentry *e, unsigned items,
    struct status *st) MUST_CHECK;

/* "* STATUS NAME (...)"; NAME is external. */
void status_put(struct session *s, struct str name, unsigned items, const struct status *st);

#endif
