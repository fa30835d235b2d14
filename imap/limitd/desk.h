/*
 * desk.h - answers those who ask limitd
 *
 * Serves the other end of imap/server/limits_wire.h's socket in an event loop.
 * Whoever sends what none of ours would is cut off, and so is one who does not
 * read his answers: each is answered before his next request is read.
 */
#ifndef IMAP_LIMITD_DESK_H
#define IMAP_LIMITD_DESK_H

#include "imap/limitd/table.h"
#include "lib/poll.h"

struct desk;

/* LISTEN_FD and TABLE stay the caller's. */
struct desk *desk_new(struct poll *poll, int listen_fd, struct table *table);
/* One more who asks, at the other end of FD, which is the desk's. */
void desk_take(struct desk *d, int fd);
void desk_free(struct desk *d);		/* NULL is allowed */

#endif
