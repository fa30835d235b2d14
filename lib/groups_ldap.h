/*
 * groups_ldap.h - the groups that a directory knows (auth_mech: pts)
 *
 * The options are Cyrus's.  The user is looked for by ldap_filter below
 * ldap_base; then, by ldap_member_method,
 *
 *	attribute	the values of ldap_member_attribute of his entry are his
 *			groups, DNs or names
 *	filter		the entries below ldap_member_base that ldap_member_filter
 *			finds are his groups, ldap_member_attribute their names
 *
 * Who is not in the directory is in no groups.  With ldap_domain_base_dn the
 * domain of a user is looked for first, and he below the DN that it has; who is
 * in a domain that the directory does not know is in no groups.
 *
 * What it said is kept in configdirectory/ptclient/, one file a user, so that
 * all processes have it, and is good for ptscache_timeout.  It is asked for
 * again after a tenth of that.  So a directory that is down locks nobody out and
 * gives nobody anything: last known groups count until ptscache_timeout, and
 * then it is said that they are not known (groups.h, doubtful).  While it is
 * down it is asked twice a minute at most, by all processes together, so
 * nobody else waits for it.
 *
 * Nothing is lost with these files; they are not flushed.
 */
#ifndef LIB_GROUPS_LDAP_H
#define LIB_GROUPS_LDAP_H

#include "lib/conf.h"
#include "lib/groups.h"

/* Adds USER's groups, or makes G doubtful.  CONFIG_DIRFD is configdirectory. */
void groups_ldap_find(const struct conf *conf, int config_dirfd, const char *user,
    struct groups *g);

/*
 * Appends PATTERN with what stands for parts of the user's name put in, escaped
 * for a filter or else for a DN: %u all of it, %U what is before "@", %d
 * what is behind, %s too, %R the same with the "@", %1 to %9 its labels from the
 * right, %D the user's DN, %% a percent sign.
 */
void groups_ldap_expand(const char *pattern, const char *user, const char *dn,
    bool is_filter, struct buf *out);

#endif
