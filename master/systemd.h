/*
 * systemd.h - readiness and sockets from systemd, without its library
 *
 * sd_notify(3): a datagram to $NOTIFY_SOCKET.  sd_listen_fds(3): sockets that
 * are already open at descriptor 3 and up.  sd_watchdog_enabled(3): with
 * WatchdogSec= systemd kills and restarts a master that is silent for so long,
 * because it was stopped or is stuck.  All do nothing when master was started
 * by something else.
 */
#ifndef MASTER_SYSTEMD_H
#define MASTER_SYSTEMD_H

#include <stdbool.h>

/* "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=..."; lines are allowed. */
void systemd_notify(const char *state);

/* How often systemd wants "WATCHDOG=1", in milliseconds; 0: not at all. */
int systemd_watchdog_ms(void);

struct inherited_sockets;

/* Takes the inherited sockets; first thing in main(), before fds are opened. */
struct inherited_sockets *systemd_sockets_new(void);
void systemd_sockets_free(struct inherited_sockets *all);

/* Ends listening on what was handed over and nobody wanted. */
void systemd_sockets_drop(struct inherited_sockets *all);

/* What the name of a socket begins with that master hands over itself. */
#define SYSTEMD_OWN_PREFIX	"="

/*
 * An inherited socket for service NAME at LISTEN ("imap", "host:port", path),
 * or -1.  A socket that systemd calls NAME fits, else one bound to that port
 * or path.  Each is given once.  *own: it does not belong to systemd, but was
 * handed over by an earlier image of master (upgrade.h).
 */
int systemd_socket(struct inherited_sockets *all, const char *name,
    const char *listen, bool *own);

/* What an earlier image of master handed over by this name, the first; or -1. */
int systemd_own(struct inherited_sockets *all, const char *name);

#endif
