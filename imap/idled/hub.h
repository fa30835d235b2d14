/*
 * hub.h - passes notices from those who publish to those who watch
 *
 * Serves the other end of imap/server/notify.h's sockets in an event loop.
 * A message that no worker of ours would send ends its connection.
 *
 * Limits.  Each connection may watch NOTIFY_WATCH_MAX mailboxes; there are as
 * many connections as descriptors.  Nobody is waited for: a notice to one
 * whose buffer is full is dropped, for he has notices to read.
 */
#ifndef IMAP_IDLED_HUB_H
#define IMAP_IDLED_HUB_H

#include "lib/poll.h"

#include <stddef.h>

struct hub;

/* LISTEN_FD stays the caller's. */
struct hub *hub_new(struct poll *poll, int listen_fd);

/* Ends all connections; NULL is allowed. */
void hub_free(struct hub *h);

size_t hub_connections(const struct hub *h);
size_t hub_watches(const struct hub *h);

#endif
