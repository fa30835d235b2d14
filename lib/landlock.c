/*
 * landlock.c - what of the file system a process may still open
 *
 * The C library has no functions for it, and Debian 12's header ends with
 * ABI 2, so what came later is written down here, by the kernel's numbers.
 */
#include "lib/landlock.h"
#include "lib/log.h"

#include <linux/landlock.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct landlock_ruleset_attr of ABI 7; older kernels take its beginning. */
struct attributes {
	uint64_t fs, net, scoped;
};

enum {
	ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_IOCTL = 5, ABI_SCOPE = 6,
};

#define FS_TRUNCATE		(UINT64_C(1) << 14)
#define FS_IOCTL_DEV		(UINT64_C(1) << 15)
#define NET_BIND_TCP		(UINT64_C(1) << 0)
#define NET_CONNECT_TCP		(UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX	(UINT64_C(1) << 0)
#define SCOPE_SIGNAL		(UINT64_C(1) << 1)

#define FS_READ		(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_CHANGE	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR \
	| LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR \
	| LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK \
	| LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
/* Of these none is ever allowed. */
#define FS_NEVER	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR \
	| LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | FS_IOCTL_DEV)
/* What can be allowed for something that is no directory. */
#define FS_OF_FILES	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE \
	| FS_TRUNCATE)

int
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	return abi >= ABI_REFER ? (int)abi : 0;
}

/* All rights of the file system that this kernel knows of those that we do. */
static uint64_t
known(int abi)
{
	uint64_t all = FS_READ | FS_CHANGE | FS_NEVER;
	if (abi < ABI_IOCTL)
		all &= ~FS_IOCTL_DEV;
	if (abi < ABI_TRUNCATE)
		all &= ~FS_TRUNCATE;
	return all;
}

enum err
landlock_new(bool may_connect, int *fd)
{
	int abi = landlock_abi();
	struct attributes a = { .fs = known(abi) };
	size_t size = sizeof(a);
	*fd = -1;
	if (abi == 0)
		return ERR_UNSUPPORTED;
	a.net = NET_BIND_TCP | (may_connect ? 0 : NET_CONNECT_TCP);
	a.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	if (abi < ABI_SCOPE)
		size = 2 * sizeof(uint64_t);
	if (abi < ABI_NET)
		size = sizeof(uint64_t);
	/* Close-on-exec without being asked. */
	*fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
	if (*fd < 0) {
		log_err("Landlock: cannot make a list of rules: %m");
		return ERR_IO;
	}
	return OK;
}

static enum err
add_rule(int fd, int path_fd, const char *path, uint64_t rights)
{
	const struct landlock_path_beneath_attr rule = {
		.allowed_access = rights, .parent_fd = path_fd,
	};
	if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0)
		return OK;
	log_err("Landlock: no rule for \"%s\": %m", path);
	return ERR_IO;
}

enum err
landlock_allow(int fd, const char *path, enum landlock_may may)
{
	uint64_t rights = FS_READ | (may == LANDLOCK_WRITE ? FS_CHANGE : 0);
	struct stat st;
	int path_fd = open(path, O_PATH | O_CLOEXEC);
	if (path_fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return OK;
	if (path_fd < 0 || fstat(path_fd, &st) != 0) {
		log_io(path, "open");
		if (path_fd >= 0)
			close(path_fd);
		return ERR_IO;
	}
	if (!S_ISDIR(st.st_mode))
		rights &= FS_OF_FILES;
	enum err e = add_rule(fd, path_fd, path, rights & known(landlock_abi()));
	close(path_fd);
	return e;
}

enum err
landlock_enter(int fd)
{
	return syscall(SYS_landlock_restrict_self, fd, 0) == 0 ? OK : ERR_IO;
}
