/*
 * tlsconf.h - what imapd.conf says of TLS, for those who speak it and for keyd
 */
#ifndef IMAP_SERVER_TLSCONF_H
#define IMAP_SERVER_TLSCONF_H

#include "lib/conf.h"
#include "lib/tls.h"

/*
 * All of PARAMS but tickets, holder, service and alpn; good as long as CONF.  False:
 * there is to be no TLS.
 */
bool tlsconf_params(const struct conf *conf, struct tls_params *params);

#endif
