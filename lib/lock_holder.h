/*
 * lock_holder.h - who holds the lock that we wait for?
 *
 * The part of lock.c that reads /proc/locks.  Not cheap: for a wait that has
 * become a long one.
 */
#ifndef LIB_LOCK_HOLDER_H
#define LIB_LOCK_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

struct lock_holder {
	pid_t pid;
	bool is_stopped;		/* process.h */
};

/*
 * One of those who hold a lock on the file of FD, a stopped one if there is
 * one; not ourselves.  False: nobody, or the system does not tell.
 */
bool lock_holder_find(int fd, struct lock_holder *h);

/* Kills H, if he is still there, still stopped and still holds the lock. */
void lock_holder_kill(int fd, const struct lock_holder *h);

#endif
