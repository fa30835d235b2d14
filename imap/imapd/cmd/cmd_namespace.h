/*
 * cmd_namespace.h - the NAMESPACE response, which LANGUAGE needs too
 */
#ifndef IMAP_IMAPD_CMD_CMD_NAMESPACE_H
#define IMAP_IMAPD_CMD_CMD_NAMESPACE_H

#include "imap/imapd/session/session.h"

/*
 * "* NAMESPACE ...", with TRANSLATION in the client's language if it has chosen
 * one (RFC 5255 section 3.4).
 */
void namespace_put(struct session *s);

#endif
