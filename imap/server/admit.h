/*
 * admit.h - may this connection be served?
 *
 * The first thing that happens to a connection, before TLS and before its
 * first byte: the PROXY protocol, the lists of networks, the limits on
 * connections, keep-alive.  Who is sent away is in the log, with the option
 * that says so.
 */
#ifndef IMAP_SERVER_ADMIT_H
#define IMAP_SERVER_ADMIT_H

#include "imap/server/limits.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/proxyproto.h"

#include <stdbool.h>

struct admit;

enum { ADMIT_PROXY_MS = 10 * 1000 };	/* for the PROXY protocol's header */

struct admit_params {
	const struct conf *conf;
	const char *protocol;		/* as limits_open() */
	bool proxied;			/* -H */
};

/* CONF outlives it.  ERR_SYNTAX: a list of networks is none; logged. */
enum err admit_open(const struct admit_params *p, struct admit **a) MUST_CHECK;
void admit_close(struct admit *a);	/* NULL is allowed */

/* Where a connection comes from, as the PROXY protocol or the system says. */
struct arrival {
	struct buf host;		/* as struct client has them */
	struct buf local_ip_port, remote_ip_port;	/* empty: not IP */
	bool is_local;
};

void arrival_free(struct arrival *from);

/*
 * What FD is.  ERR_DENIED, and *why is what to tell him, or NULL if he is to be
 * told nothing; ERR_CLOSED, ERR_TIMEOUT, ERR_SYNTAX of the PROXY protocol: tell
 * nothing.  *from is the caller's in any case.
 */
enum err admit(struct admit *a, int fd, struct arrival *from, const char **why) MUST_CHECK;

/*
 * For who must not wait, and asks nobody: admit() in its steps.  What FD is; with
 * -H, may HOST speak for others (else logged), the arrival that its header tells
 * of, or the log's line on why there was none; do the lists of networks let HOST in
 * (else logged); FD's keep-alive.
 */
void admit_look(int fd, struct arrival *from);
bool admit_believes(const struct admit *a, const char *host);
void admit_proxied(const struct proxy_header *h, struct arrival *from);
void admit_no_header(const char *host, enum err why);
bool admit_welcome(const struct admit *a, const char *host);
void admit_keep_alive(const struct admit *a, int fd);

/* Who was admitted has gone. */
void admit_gone(struct admit *a);

struct limits *admit_limits(struct admit *a);

#endif
