/*
 * landlock.h - what of the file system a process may still open (Landlock)
 *
 * A list is made once, open files and all, and then taken upon itself by each
 * process that inherits it: from there on nothing can be opened, made, renamed
 * or removed that no rule allows, whoever the process is.  What is open
 * already, and stat(2), stay as they are.  Rules are for what a path names
 * when the rule is made: a directory with all that ever comes below it, or
 * this one file.
 *
 * Beside files, as far as the kernel can (ABI 4, 6): no TCP port is bound, none
 * connected to unless the list says so, no abstract UNIX socket of others is
 * connected to, no signal leaves the process and its children.
 *
 * Kernels before Linux 5.19 (ABI 1) refuse renames between directories
 * whatever the rules say: there is no Landlock for us there.
 */
#ifndef LIB_LANDLOCK_H
#define LIB_LANDLOCK_H

#include "lib/err.h"

#include <stdbool.h>

/* The kernel's ABI, 2 or more; 0: there is none that we can use. */
int landlock_abi(void);

/*
 * A list that allows nothing, but connections by TCP if MAY_CONNECT.  Its
 * descriptor is the caller's.  ERR_UNSUPPORTED: no Landlock; ERR_IO (logged).
 */
enum err landlock_new(bool may_connect, int *fd) MUST_CHECK;

/*
 * LANDLOCK_READ: files and directories; nothing is run from there.
 * LANDLOCK_WRITE: the same, and change them, make and remove files, directories,
 * symbolic links and sockets.
 */
enum landlock_may { LANDLOCK_READ, LANDLOCK_WRITE };

/* What is not there is not allowed, which is no error.  ERR_IO (logged). */
enum err landlock_allow(int fd, const char *path, enum landlock_may may) MUST_CHECK;

/*
 * For ever, for this process and its children; it must not be able to gain
 * rights any more (PR_SET_NO_NEW_PRIVS).  ERR_IO: errno says why.
 */
enum err landlock_enter(int fd) MUST_CHECK;

#endif
