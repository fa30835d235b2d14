#include "lib/jail.h"
#include "lib/log.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Not file_mkdir(): it is no part of the store, and gone before anybody sees it. */
static int
open_nameless(const char *parent)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/empty-XXXXXX", parent) >= PATH_MAX
	    || mkdtemp(path) == NULL)
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (rmdir(path) != 0)
		log_io(path, "rmdir");
	return fd;
}

static void
change_root(const char *parent)
{
	int fd = open_nameless(parent);
	if (fd < 0 || fchdir(fd) != 0 || chroot(".") != 0 || chdir("/") != 0)
		log_warning("no empty root directory below \"%s\": %m", parent);
	if (fd >= 0)
		close(fd);
}

enum err
jail_enter(const char *parent, uid_t uid, gid_t gid)
{
	if (geteuid() != 0)
		return ERR_UNSUPPORTED;
	change_root(parent);
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0
	    || setresuid(uid, uid, uid) != 0) {
		log_crit("cannot become user %u: %m", (unsigned)uid);
		return ERR_IO;
	}
	return OK;
}
