/*
 * proxyproto.h - the PROXY protocol, versions 1 and 2
 *
 * What a load balancer says before the client's first byte: for whom it speaks
 * (haproxy.org/download/2.8/doc/proxy-protocol.txt).  Whether the other end may
 * be believed is the caller's to know.  TLVs are checked for their form and
 * not used: that somebody else has ended TLS is for the caller's
 * configuration to say, not for the network.
 */
#ifndef LIB_PROXYPROTO_H
#define LIB_PROXYPROTO_H

#include "lib/err.h"
#include "lib/str.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	PROXY_HEADER_MAX = 4096,	/* longer ones are refused */
};

struct proxy_header {
	/*
	 * "UNKNOWN", LOCAL, or a family that is not IP: the proxy speaks for itself
	 * (health checks) and there are no addresses.
	 */
	bool has_addresses;
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	int source_port, destination_port;
};

/*
 * BYTES is what has come so far.  OK: exactly the header.  ERR_AGAIN: at least
 * *WANTS further bytes belong to it: who reads just as many never takes a byte
 * of the client's.  ERR_SYNTAX: this is no PROXY header.
 */
enum err proxy_parse(struct str bytes, struct proxy_header *h, size_t *wants) MUST_CHECK;

/*
 * Reads a header from a socket, and nothing behind it, within TIMEOUT_MS.
 * ERR_TIMEOUT, ERR_CLOSED, ERR_SYNTAX.
 */
enum err proxy_receive(int fd, int timeout_ms, struct proxy_header *h) MUST_CHECK;

#endif
