/*
 * acceptor.h - those who connect to a socket, for an event loop
 *
 * Accepts a few at a time, so that others have their turn.  Where there is no
 * descriptor left for a connection it waits a second, and says so in the log.
 */
#ifndef LIB_ACCEPTOR_H
#define LIB_ACCEPTOR_H

#include "lib/poll.h"

struct acceptor;

/* FD, which does not block, is the callee's. */
typedef void (*acceptor_fn)(void *ctx, int fd);

/* LISTEN_FD stays the caller's; NAME is for the log: "the idle socket". */
struct acceptor *acceptor_new(struct poll *poll, int listen_fd, const char *name,
    acceptor_fn fn, void *ctx);
void acceptor_free(struct acceptor *a);	/* NULL is allowed */

#endif
