/* correlator.h - which search an ESEARCH response is about */
#ifndef IMAP_IMAPD_CORRELATOR_H
#define IMAP_IMAPD_CORRELATOR_H

#include "imap/imapd/proto/reply.h"
#include "imap/store/mbox/mbox.h"

/*
 * The beginning of the response, "* ESEARCH (TAG "a1")" (RFC 4731); with a
 * MAILBOX, the name that the client knows it by, also that and M's UIDVALIDITY
 * (RFC 7377 section 2.1).
 */
void correlator_put(struct reply *r, struct str tag, struct mbox *m, const char *mailbox);

#endif
