/*
 * stopped.h - processes that somebody has stopped
 *
 * A stopped process (SIGSTOP, SIGTSTP) may hold locks that all others wait
 * for, and it does not see that it is to end.  So one that does not go on
 * within STOPPED_MS is killed: whatever it was doing, the store is made for
 * that.  A debugger's stops are not ours to see: the kernel tells them to the
 * debugger only.  Who wants to look at a stopped process without one starts
 * master with CHAPAR_KEEP_STOPPED in its environment; nothing is killed then
 * (process.h).
 */
#ifndef MASTER_STOPPED_H
#define MASTER_STOPPED_H

#include "lib/poll.h"

#include <sys/types.h>

enum { STOPPED_MS = 500 };

struct stopped;

struct stopped *stopped_new(struct poll *poll);
void stopped_free(struct stopped *s);

/* PID was stopped by SIGNO: kills it unless it goes on in time. */
void stopped_add(struct stopped *s, pid_t pid, int signo);

/* PID goes on, or has ended; unknown is allowed. */
void stopped_remove(struct stopped *s, pid_t pid);

#endif
