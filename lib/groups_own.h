/*
 * groups_own.h - the server's own groups: configdirectory/groups
 *
 * A text file, for people to read and for `chapar group` to change:
 *
 *	NAME TAB MEMBER TAB MEMBER ... LF
 *
 * in the order of the names.  Members are users as they log in, fred or
 * fred@example.org; groups are no members of groups.  What is no such line is
 * passed over.
 *
 * It is replaced whole, flushed before it gets its name, so it needs no
 * recovery: after a power cut it is the old one or the new one.  Readers take
 * no lock.  Who changes it holds a lock on the directory's file "groups.lock".
 */
#ifndef LIB_GROUPS_OWN_H
#define LIB_GROUPS_OWN_H

#include "lib/err.h"
#include "lib/groups.h"
#include "lib/str.h"

#include <stdbool.h>

enum {
	GROUPS_OWN_MAX = 64 << 20,	/* bytes of the file */
	GROUPS_NAME_MAX = 200,		/* of a group's or a member's name */
};

/* Adds those that USER is in.  ERR_IO (logged): it cannot be read. */
enum err groups_own_find(int config_dirfd, struct str user, struct groups *g) MUST_CHECK;

/* Calls EACH for every group; MEMBERS are separated by TABs, perhaps none. */
typedef void (*groups_own_each_fn)(void *ctx, struct str name, struct str members);
enum err groups_own_walk(int config_dirfd, groups_own_each_fn each, void *ctx) MUST_CHECK;

/*
 * Changes, durable when they return OK.  A group is made by its first member or
 * by adding none, and stays when its last one goes.  ERR_NAME: what cannot be a
 * name; ERR_NOTFOUND: no such group, or none of MEMBER is in it; ERR_IO,
 * ERR_NOSPACE, ERR_LIMIT, and ERR_UNKNOWN as file_replace().
 */
enum err groups_own_add(int config_dirfd, struct str name, const struct str *member,
    size_t members) MUST_CHECK;
enum err groups_own_remove(int config_dirfd, struct str name, const struct str *member,
    size_t members) MUST_CHECK;
enum err groups_own_delete(int config_dirfd, struct str name) MUST_CHECK;

/* Takes USER out of all groups, or gives him another name there (NEW.n > 0). */
enum err groups_own_rename_user(int config_dirfd, struct str old, struct str new) MUST_CHECK;

#endif
