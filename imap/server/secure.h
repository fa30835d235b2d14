/*
 * secure.h - a worker's TLS: what imapd.conf says, and the handshake
 *
 * There is TLS if tls_server_cert is set.  Certificates come from keyd, which
 * has the keys, unless the program was started by hand.  If they cannot be used, that
 * is logged and tried again later, for they may be just about to be replaced.
 *
 * Each handshake is one line in the log, in Cyrus's words as far as they go:
 *
 *	starttls: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256 bits) [192.0.2.1]
 *
 * followed by "reused" if the session was resumed, "name NAME" if the client
 * asked for a name that has a certificate of its own, "client NAME" if it has
 * shown a certificate.  One that fails is
 *
 *	TLS handshake failed: [192.0.2.1] no cipher in common (no shared cipher)
 */
#ifndef IMAP_SERVER_SECURE_H
#define IMAP_SERVER_SECURE_H

#include "imap/server/server.h"

/*
 * The options of CONF for a service that SASL calls SASL_SERVICE: all of PARAMS
 * but tickets, holder and service.  False: there is to be no TLS.
 */
bool secure_params(const struct conf *conf, const char *sasl_service,
    struct tls_params *params);

/*
 * Master's ticket keys, once in a process; NULL if it has none: then a context
 * makes its own.
 */
struct tickets *secure_tickets(void);

/*
 * The way to keyd, once in a process; NULL: master has started none for us, then
 * certificates and keys are read here.
 */
struct tlskey_holder *secure_holder(void);

/* Fills in s->tls; again before each connection as long as it is NULL. */
void secure_open(struct server *s);
/* Takes what has changed into use before a connection comes. */
void secure_refresh(struct server *s);
void secure_close(struct server *s);

/* May STARTTLS be offered now? */
bool secure_may_start(const struct server *s, const struct client *c);

/* Flushes what is in the stream, shakes hands, logs what came of it. */
enum err secure_start(const struct server *s, struct client *c) MUST_CHECK;

/*
 * At a connection's end: logs what an administrator would look for if there
 * was none where TLS should have been.
 */
void secure_end(const struct client *c);

#endif
