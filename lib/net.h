/*
 * net.h - sockets by name, and names of sockets
 *
 * Addresses are written as in cyrus.conf's listen=: "143", "imap",
 * "localhost:lmtp", "192.0.2.1:24", "[::1]:143", "*:143", or the path of a
 * UNIX socket, which has a slash in it.  IPv4-mapped IPv6 addresses are
 * printed as IPv4.
 *
 * All sockets made here are close-on-exec and do not block.  Failures are
 * logged with the address.
 */
#ifndef LIB_NET_H
#define LIB_NET_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

enum net_family {
	NET_ANY,		/* "tcp": IPv4 and IPv6 */
	NET_IPV4,
	NET_IPV6,
};

enum { NET_MAX_ADDRESSES = 8 };	/* a name that stands for more is cut */

/* "host:port" apart; HOST is empty if there is none or it is "*". */
bool net_split(const char *address, struct buf *host, struct buf *port);

bool net_is_path(const char *address);

/*
 * Listens at ADDRESS on every address its host has (at most
 * NET_MAX_ADDRESSES), *n sockets in FDS.  If some of them cannot be had the
 * others are used; ERR_IO (ERR_BUSY: all in use) if none can.  ERR_SYNTAX or
 * ERR_NOTFOUND: no such port, no such host.  All are logged, ERR_BUSY as a mere
 * information: it may pass.
 */
enum err net_listen_tcp(const char *address, enum net_family family,
    int backlog, int *fds, int *n) MUST_CHECK;

/*
 * Listens at PATH, which is replaced if nobody answers there (ERR_BUSY if
 * somebody does); MODE is the socket's.
 */
enum err net_listen_unix(const char *path, mode_t mode, int backlog, int *fd) MUST_CHECK;

/*
 * Ends listening for every process that shares the socket, removes its path
 * if it has one, and closes it.
 */
void net_unlisten(int fd);

/*
 * Connects within TIMEOUT_MS (-1: as long as the system tries), trying each
 * address of the name.  ERR_NOTFOUND, ERR_TIMEOUT, ERR_IO.
 */
enum err net_connect(const char *address, int timeout_ms, int *fd) MUST_CHECK;

/* The other (PEER) or our end of a connection, for people: "192.0.2.1",
 * "2001:db8::1", "local" for anything that is not IP.  Appends. */
void net_host(int fd, bool peer, struct buf *out);

/* The port in host order, 0 if it is not IP. */
int net_port(int fd, bool peer);

/* "192.0.2.1;4711" for SASL; appends nothing and false if it is not IP. */
bool net_sasl_address(int fd, bool peer, struct buf *out);

/*
 * Appends the name that the DNS (or /etc/hosts) has for such an address; false if
 * it has none.  Waits for the answer.
 */
bool net_reverse(const char *ip_port, struct buf *name);

/* Does the connection come from this machine (loopback, UNIX socket, pipe)? */
bool net_is_local(int fd);

/* Numbers that are 0 leave the system's as they are. */
struct net_keepalive {
	bool on;
	int count, idle_seconds, interval_seconds;
};

/* Of an accepted connection; one that is not TCP is left alone. */
void net_set_keepalive(int fd, const struct net_keepalive *k);

/* Who is at the other end of a UNIX socket?  False if it cannot be known. */
bool net_peer_owner(int fd, pid_t *pid, uid_t *uid, gid_t *gid);

#endif
