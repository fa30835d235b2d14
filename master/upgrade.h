/*
 * upgrade.h - another binary, the same process, the same sockets
 *
 * On SIGUSR2 master becomes the program that lies where it was started from:
 * the pid stays, the sockets are handed over in the way of sd_listen_fds(3),
 * so no connection is refused, and workers that still serve somebody are
 * handed over by their pids (environment variable CHAPAR_ADOPT).  So is the
 * pid file (CHAPAR_PIDFILE), whose lock is held all the time: a child that is
 * about to exec may still hold it too, so it could not be had again at once.
 */
#ifndef MASTER_UPGRADE_H
#define MASTER_UPGRADE_H

#include "lib/buf.h"
#include "master/options.h"
#include "master/service.h"

/* Returns only if it cannot be done (logged); descriptors are lost then. */
void upgrade_exec(const char *path, const struct options *o, int pidfile_fd,
    const struct services *services);

/* Were we started in that way? */
bool upgrade_is(void);

/* Then: the pid file, locked. */
int upgrade_pidfile(void);

/* Then, once: calls EACH for every worker that was handed over. */
void upgrade_adopt(service_worker_fn each, void *ctx);

#endif
