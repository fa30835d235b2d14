/*
 * jail.h - from root to somebody who has nothing
 *
 * For a process that was started by root and has opened all that it needs:
 * its root directory becomes an empty one, which has no name any more, so that
 * nobody can put anything there; it leaves all groups and becomes another user,
 * for good.
 */
#ifndef LIB_JAIL_H
#define LIB_JAIL_H

#include "lib/err.h"

#include <sys/types.h>

/*
 * The empty directory is made, and removed, below PARENT; where that fails it
 * is logged, and the rest done all the same.  ERR_UNSUPPORTED: we are not root,
 * nothing has changed.  ERR_IO (logged): the user could not be changed.
 */
enum err jail_enter(const char *parent, uid_t uid, gid_t gid) MUST_CHECK;

#endif
