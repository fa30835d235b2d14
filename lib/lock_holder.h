/*
 * lock_holder.h - who holds the lock that we could not have?
 *
 * For a word in the log when a long wait has been in vain.  Not for more: the
 * kernel lets nobody on the machine take or release a lock while somebody
 * reads /proc/locks, so one process at a time asks, and the others do not.
 */
#ifndef LIB_LOCK_HOLDER_H
#define LIB_LOCK_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

/* False: the system does not tell, or another process is asking just now. */
bool lock_holder_find(int fd, pid_t *holder);

#endif
