/*
 * roll.h - the roll: who lives on from a master that is gone
 *
 * A master that is killed leaves sessions behind, which is as it should be.
 * But one of them that is stopped just then sees nothing of it: it keeps the
 * socket that the next master wants, and locks.  So every process that master
 * starts signs the roll, a file, by a record lock on the byte of its pid's
 * number (fcntl(2)), which ends with it; and the next master calls the roll,
 * kills whom it finds stopped for a while, and ends the others when it ends.
 *
 * Who is stopped before he has signed is master's child, and is killed within a
 * second; only if master is killed in that second, too, nobody finds him.
 *
 * Tools that somebody runs by hand sign, too, elsewhere in the file.  Master
 * looks there all the time, and kills one that is stopped with a lock.
 */
#ifndef MASTER_ROLL_H
#define MASTER_ROLL_H

#include "lib/poll.h"

#include <sys/types.h>

struct roll;

/* Called when one of those from before has ended. */
typedef void (*roll_gone_fn)(void *ctx, pid_t pid);

/*
 * Opens the roll in CONFIG_DIR.  What cannot be done there is logged; then
 * nobody signs.
 */
struct roll *roll_new(struct poll *poll, const char *config_dir, roll_gone_fn gone, void *ctx);
void roll_free(struct roll *r);		/* NULL is allowed */

/* For children, as SVC_ROLL_FD; -1: none. */
int roll_fd(const struct roll *r);

/* Finds those from before.  Not after an upgrade: all are our children then. */
void roll_call(struct roll *r);

/* From now on kills those who are stopped, and tools who are, with a lock. */
void roll_watch(struct roll *r);

/* How many of them are there; sends SIGNO (0: nothing) to each. */
int roll_signal(const struct roll *r, int signo);

#endif
