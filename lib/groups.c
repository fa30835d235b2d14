/* groups.c - the sources, one after the other */
#include "lib/groups.h"
#include "lib/file.h"
#include "lib/groups_ldap.h"
#include "lib/groups_own.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum { PTS_LDAP };
enum { MAX_GIDS = 65536 };		/* Linux's own limit (NGROUPS_MAX) */

/* getpwnam(3) has several ways to say that there is nobody of that name. */
static bool
says_nobody(int error)
{
	return error == 0 || error == ENOENT || error == ESRCH || error == EBADF
	    || error == EPERM;
}

static void
find_unix(const char *user, struct groups *g)
{
	errno = 0;
	const struct passwd *pw = getpwnam(user);
	if (pw == NULL && !says_nobody(errno)) {
		log_warning("the groups of %s are not known now: %m", user);
		g->doubtful = true;
	}
	/* Who has no account may be listed as a member all the same. */
	const gid_t nobodys = (gid_t)-1;
	int n = 0, size = 64;
	gid_t gid = pw != NULL ? pw->pw_gid : nobodys;
	gid_t *gids = mem_get((size_t)size * sizeof(*gids));
	while ((n = size) > 0 && getgrouplist(user, gid, gids, &n) < 0 && size < MAX_GIDS) {
		size *= 8;
		gids = mem_grow(gids, (size_t)size * sizeof(*gids));
	}
	for (int i = 0; i < n && i < size; i++) {
		errno = 0;
		const struct group *gr = gids[i] != nobodys ? getgrgid(gids[i]) : NULL;
		if (gr != NULL)
			groups_add(g, str_c(gr->gr_name));
		else if (!says_nobody(errno))
			g->doubtful = true;
	}
	free(gids);
}

void
groups_find(const struct conf *conf, const char *user, struct groups *g)
{
	const char *dir = conf_string(conf, CONF_CONFIGDIRECTORY);
	int fd = -1;
	if (dir == NULL || file_open_dir(AT_FDCWD, dir, &fd) != OK
	    || groups_own_find(fd, str_c(user), g) != OK)
		g->doubtful = true;
	if (conf_has_word(conf, CONF_AUTH_MECH, "unix")
	    && conf_switch(conf, CONF_UNIX_GROUP_ENABLE))
		find_unix(user, g);
	if (fd >= 0 && conf_has_word(conf, CONF_AUTH_MECH, "pts")
	    && conf_enum(conf, CONF_PTS_MODULE) == PTS_LDAP)
		groups_ldap_find(conf, fd, user, g);
	if (fd >= 0)
		close(fd);
}
