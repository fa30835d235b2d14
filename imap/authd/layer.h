/*
 * layer.h - a security layer of SASL's, in a process of its own
 *
 * DIGEST-MD5 and GSSAPI may agree on one; it lives in SASL's context, which
 * cannot be moved.  So authd forks a process that does nothing but encode and
 * decode for this one connection, between two sockets, and ends with it:
 *
 *	client <-> frontd <-> [coded] this process [clear] <-> worker
 *
 * "The security layer takes effect immediately following the CRLF ... of the
 * tagged OK response for the server" (RFC 3501 section 6.2.2, the same in RFC
 * 5034 section 4): so the worker's first line goes through as it is.
 *
 * It is nobody's child whom somebody counts: when either side ends so does it.
 */
#ifndef IMAP_AUTHD_LAYER_H
#define IMAP_AUTHD_LAYER_H

#include "imap/server/server.h"
#include "lib/err.h"
#include "lib/sasl.h"

enum { LAYER_CODED, LAYER_CLEAR, LAYER_ENDS };

/*
 * ENDS become the other ends, for frontd and for the worker.  LAYER stays the
 * caller's, who is done with it.  ERR_IO (logged).
 */
enum err layer_begin(struct server *s, struct sasl_conn *layer, int ends[LAYER_ENDS]) MUST_CHECK;

#endif
