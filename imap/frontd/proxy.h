/*
 * proxy.h - connections that begin with a PROXY header (services with -H)
 */
#ifndef IMAP_FRONTD_PROXY_H
#define IMAP_FRONTD_PROXY_H

#include "imap/frontd/front.h"
#include "lib/err.h"

/*
 * Takes what has come of the header, and not a byte behind it.  OK: C is now whom
 * it speaks for; ERR_AGAIN; ERR_CLOSED, ERR_SYNTAX: it is none.
 */
enum err proxy_hear(struct conn *c) MUST_CHECK;

#endif
