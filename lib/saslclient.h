/*
 * saslclient.h - Cyrus SASL as a client: proving who we are
 *
 * One struct saslclient is one attempt, and then, if the mechanism has agreed
 * on one, the security layer of its connection.  The library is initialised by
 * the first one, for the process's life.  base64 and the words around it are the
 * protocol's affair.
 */
#ifndef LIB_SASLCLIENT_H
#define LIB_SASLCLIENT_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

struct saslclient;

/* Everything must live until the attempt has ended, with saslclient_finish() or a failure. */
struct saslclient_params {
	const char *service, *host;
	const char *local_ip_port, *remote_ip_port;	/* net_sasl_address(), or NULL */
	const char *authcid;		/* whose password it is */
	const char *authzid;		/* as whom he acts; "": as himself */
	const char *realm;		/* NULL: what the server names first */
	/* Asked when the mechanism wants it; NULL: there is none. */
	const char *(*password)(void *ctx);
	void *ctx;
	int external_ssf;		/* TLS around it; 0: none */
	bool has_certificate;		/* EXTERNAL is possible */
	unsigned min_ssf, max_ssf;	/* of the layer and TLS together */
	struct str binding;		/* "tls-exporter" (RFC 9266); .n == 0: none */
};

/* ERR_IO: *c is NULL and the library could not be had. */
enum err saslclient_new(const struct saslclient_params *p, struct saslclient **c) MUST_CHECK;
void saslclient_free(struct saslclient *c);	/* NULL is allowed */

/*
 * Chooses the best of MECHANISMS (words), *chosen until the attempt's end;
 * *has_initial: send INITIAL with the command if the protocol can.
 * ERR_UNSUPPORTED: none of them will do; ERR_AUTH.
 */
enum err saslclient_start(struct saslclient *c, const char *mechanisms, const char **chosen,
    struct buf *initial, bool *has_initial) MUST_CHECK;

/* ERR_AUTH: what came is no proof of the server's, or we have no answer. */
enum err saslclient_step(struct saslclient *c, struct str challenge,
    struct buf *response) MUST_CHECK;

/* The server has said that it is satisfied: are we?  OK or ERR_AUTH. */
enum err saslclient_finish(struct saslclient *c) MUST_CHECK;

/* Of the layer; 0: there is none. */
int saslclient_ssf(const struct saslclient *c);

/* Both append.  ERR_SYNTAX: it is not of this layer. */
enum err saslclient_encode(struct saslclient *c, struct str plain, struct buf *out) MUST_CHECK;
enum err saslclient_decode(struct saslclient *c, struct str coded, struct buf *out) MUST_CHECK;

/* Why the last call failed; never NULL. */
const char *saslclient_why(const struct saslclient *c);

#endif
