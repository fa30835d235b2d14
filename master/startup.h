/*
 * startup.h - from a command that somebody typed to a daemon
 *
 * What can go wrong ends the process, with a word about it.
 */
#ifndef MASTER_STARTUP_H
#define MASTER_STARTUP_H

#include "lib/conf.h"
#include "master/child.h"
#include "master/options.h"

/*
 * -d: the first process waits until the second is ready or gone, so that
 * whoever started it knows.  Returns in the second, with the descriptor that
 * the first one waits at for a byte.
 */
int startup_detach(void);

void startup_log(const struct conf *conf, const struct options *o);

/* The terminal is not ours, unless -D says so. */
void startup_redirect(const struct options *o);

/* Room for the sockets and pipes of many services. */
void startup_raise_limits(void);

/* How many frontds are to run; 0: the option is off. */
int startup_frontds(const struct conf *conf);

/* As root: whom children run as. */
void startup_user(const struct conf *conf, struct child_setup *setup);

#endif
