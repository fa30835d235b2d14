/*
 * process.h - what the system tells of another process, and allows this one
 *
 * A process that is stopped by a signal (SIGSTOP, or ^Z at a terminal) is told
 * from one that a debugger holds: that one does not count as stopped.
 */
#ifndef LIB_PROCESS_H
#define LIB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A zombie, which only waits for its parent, is not there any more. */
bool process_is_there(pid_t pid);

/* False also if there is no such process. */
bool process_is_stopped(pid_t pid);

/*
 * Has it an exclusive flock(2) on anything?  True also if we may not look.
 */
bool process_holds_lock(pid_t pid);

/* The program's name into NAME, as far as it fits; "?" if it is not known. */
void process_name(pid_t pid, char name[32]);

/*
 * From now on this process may take so many bytes of memory of its own more
 * than it has; 0: no limit.  What it cannot have then ends it (lib/mem.h).
 */
void process_limit_memory(int64_t bytes);

/*
 * From now on no other process of our user can look into this one, and what it
 * might start has no rights that it has not: for those who hold passwords and
 * keys that are not their own.  No core is dumped.
 */
void process_shut(void);

/*
 * For who holds keys: from now on nothing of this process is swapped to a disk,
 * as long as it may have as much memory as it likes so (root may).  False: it may not.
 */
bool process_lock_memory(void);

/*
 * Before a process of root's becomes another user, and after that: it keeps one
 * right of root's, to read every file.  Only where something else (lib/landlock.h)
 * says which.  False: it cannot.
 */
bool process_keep_reading(void);
bool process_keeps_reading(void);

/*
 * Are stopped processes to be left alone?  Environment variable
 * CHAPAR_KEEP_STOPPED, for people who want to look at one.
 */
bool process_keep_stopped(void);

#endif
