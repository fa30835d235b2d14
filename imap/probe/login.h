/*
 * login.h - from the greeting to "Authenticated."
 *
 * Everything is said on stdout as it happens; what goes wrong is told on
 * stderr here, and the caller ends.
 */
#ifndef IMAP_PROBE_LOGIN_H
#define IMAP_PROBE_LOGIN_H

#include "imap/probe/dialect.h"
#include "imap/probe/wire.h"

#include <stdbool.h>

struct login {
	const struct dialect *dialect;
	const char *host;
	const char *keyfile;		/* for TLS, or NULL */
	bool tls_first, starttls;
	const char *mechanism;		/* NULL: the best; "login": the protocol's own */
	const char *authcid, *authzid, *realm;	/* realm: NULL, the server's first */
	struct buf password;		/* empty: asked for when it is wanted */
	unsigned min_ssf, max_ssf;
	bool no_initial_response;
	bool verbose;			/* secrets too */
};

/*
 * Logs in over W.  *layer, which the caller frees after W, is the security
 * layer that W has now, or NULL.
 */
bool login_run(struct login *l, struct wire *w, struct saslclient **layer);

#endif
