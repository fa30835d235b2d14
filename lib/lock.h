/*
 * lock.h - advisory locks between processes
 *
 * A lock is flock(2) on an open descriptor, a directory's if one likes: it
 * belongs to the open file, ends with the last descriptor of it, and so can
 * not outlive a killed process.  Two descriptors opened apart exclude each
 * other also within one process.
 *
 * Order.  Each lock has a rank, and a process takes locks in rising rank only
 * (debug builds abort otherwise); doc/locking.md explains the order.  Locks
 * of rank LOCK_MAILBOX may be held several at once if taken in the order of
 * the mailboxes' ids.
 */
#ifndef LIB_LOCK_H
#define LIB_LOCK_H

#include "lib/err.h"

#include <stdbool.h>

enum lock_rank {
	LOCK_OPEN = 0,		/* the opening of a log: before all others */
	LOCK_NAMES = 1,		/* a change of the name space */
	LOCK_MAILBOX = 2,	/* one mailbox's index */
	LOCK_CHECKPOINT = 3,
	LOCK_WAL_APPEND = 4,
	LOCK_WAL_FLUSH = 5,
	LOCK_QUOTA = 6,		/* one quota root's file */
	LOCK_KV = 7,		/* a database environment */
};

/*
 * Waits up to TIMEOUT_MS (-1: for ever, 0: not at all), then ERR_BUSY; after a
 * second or more who has the lock is logged then.
 */
enum err lock_exclusive(int fd, enum lock_rank rank, int timeout_ms) MUST_CHECK;
enum err lock_shared(int fd, enum lock_rank rank, int timeout_ms) MUST_CHECK;
void lock_release(int fd, enum lock_rank rank);

/* Has this process the lock LOCK_MAILBOX on FD's file, by whatever descriptor? */
bool lock_is_ours(int fd);

/*
 * A shared lock for as long as FD's file is in use, of no rank; ends with FD.
 * For files that are locked exclusively for a moment only.
 */
enum err lock_in_use(int fd) MUST_CHECK;

#endif
