/*
 * daemon.h - DAEMON: programs that run as long as master does
 *
 * One that ends is started again, after 1, 2, 4 ... 60 seconds if it did not
 * live for a minute.  With wait=yes master goes on starting only after the
 * daemon has written "ok\r\n" to descriptor 3; if it ends or closes that
 * before, start-up fails, or goes on without it if it is one of ours (helpers.h).  At the end all without wait are ended first, those
 * with wait afterwards, one by one, in the reverse order of their start.
 */
#ifndef MASTER_DAEMON_H
#define MASTER_DAEMON_H

#include "lib/buf.h"
#include "lib/poll.h"
#include "master/child.h"
#include "master/conf.h"

struct daemons;

/* OK: all that were to be waited for are ready. */
typedef void (*daemons_ready_fn)(void *ctx, bool ok);

/* Called when the last one has ended after daemons_stop(). */
typedef void (*daemons_ended_fn)(void *ctx);

/* The socket that a daemon with this command is to have as SVC_LISTEN_FD; -1: none. */
typedef int (*daemons_socket_fn)(void *ctx, const char *cmd);

struct daemons *daemons_new(struct poll *poll, struct children *children,
    daemons_socket_fn socket, void *ctx);
void daemons_free(struct daemons *d);

/* The first time: starts all in order, then calls READY. */
void daemons_start(struct daemons *d, const struct mconf *conf,
    daemons_ready_fn ready, void *ctx);

/* At a reload: those that stay hear SIGHUP, others end, new ones start. */
void daemons_configure(struct daemons *d, const struct mconf *conf);

void daemons_stop(struct daemons *d, daemons_ended_fn ended, void *ctx);
void daemons_signal(const struct daemons *d, int signo);

void daemons_status(const struct daemons *d, struct buf *out);

#endif
