/*
 * systemd.h - readiness and sockets from systemd, without its library
 *
 * sd_notify(3): a datagram to $NOTIFY_SOCKET.  sd_listen_fds(3): sockets that
 * are already open at descriptor 3 and up.  Both do nothing when master was
 * started by something else.
 */
#ifndef MASTER_SYSTEMD_H
#define MASTER_SYSTEMD_H

#include <stdbool.h>

/* "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=..."; lines are allowed. */
void systemd_notify(const char *state);

/* Takes the inherited sockets; first thing in main(), before fds are opened. */
void systemd_take_sockets(void);

/*
 * An inherited socket for service NAME at LISTEN ("imap", "host:port", path),
 * or -1.  A socket that systemd calls NAME fits, else one bound to that port
 * or path.  Each is given once; it stays open in systemd.
 */
int systemd_socket(const char *name, const char *listen);

#endif
