/*
 * hub.h - passes notices from those who publish to those who watch
 *
 * Serves the other end of imap/server/notify.h's sockets in an event loop.
 * A message that no worker of ours would send ends its connection.
 *
 * Limits.  Each connection may watch NOTIFY_WATCH_MAX ids and all together
 * HUB_WATCHES_MAX; what is beyond is refused.  There are as many connections as
 * descriptors.  Nobody is waited for: one whose buffer is full is told to look at
 * everything when he has read what is in it.
 */
#ifndef IMAP_IDLED_HUB_H
#define IMAP_IDLED_HUB_H

#include "lib/poll.h"

#include <stddef.h>

enum { HUB_WATCHES_MAX = 8 * 1000 * 1000 };	/* some 100 bytes each */

struct hub;

/* LISTEN_FD stays the caller's. */
struct hub *hub_new(struct poll *poll, int listen_fd);

/* Ends all connections; NULL is allowed. */
void hub_free(struct hub *h);

size_t hub_connections(const struct hub *h);
size_t hub_watches(const struct hub *h);

#endif
