/*
 * groups.h - which groups a user is in
 *
 * The sources, whose answers are united:
 *
 *	own	the server's own list, configdirectory/groups (lib/groups_own.h)
 *	unix	the system's, by getgrouplist(3) and so by NSS: auth_mech has
 *		"unix" and unix_group_enable is on
 *	pts	a directory's (lib/groups_ldap.h): auth_mech has "pts"
 *
 * A source that cannot answer makes the list doubtful: some groups may be
 * missing.  What that means for somebody's rights is said in lib/acl.h.
 *
 * This blocks as long as the sources do.
 */
#ifndef LIB_GROUPS_H
#define LIB_GROUPS_H

#include "lib/conf.h"

#include <stdbool.h>
#include <stddef.h>

struct groups {
	const char **name;		/* without "group:"; NULL at the end */
	size_t n, size;
	bool doubtful;			/* there may be more */
};

/* USER as people write it, fred or fred@example.org.  GROUPS is empty before. */
void groups_find(const struct conf *conf, const char *user, struct groups *groups);
void groups_free(struct groups *groups);

/* A copy of NAME is added, if it is not there yet. */
void groups_add(struct groups *groups, struct str name);

/* In the form that struct identity wants; good until the next change. */
const char *const *groups_names(const struct groups *groups);

#endif
