/*
 * lock_holder.c - who holds the lock that we could not have?
 *
 * A line of /proc/locks: "7: FLOCK  ADVISORY  WRITE 1234 fe:00:10952746 0 EOF",
 * with "->" after the number for those who wait.  The device is that of the
 * file system, which for some (btrfs, overlays) is not what stat(2) calls it:
 * there nobody is found.
 */
#include "lib/lock_holder.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE = 256 };

struct lock_line {
	pid_t pid;
	dev_t dev;
	ino_t ino;
};

/* The next number at *P, in BASE, which END must follow. */
static bool
number(const char **p, int base, char end, unsigned long *n)
{
	char *rest;
	errno = 0;
	*n = strtoul(*p, &rest, base);
	if (rest == *p || errno != 0 || *rest != end)
		return false;
	*p = rest + 1;
	return true;
}

static bool
parse(const char *line, struct lock_line *l)
{
	unsigned long pid, major, minor, ino;
	const char *p = strstr(line, ": FLOCK ");
	if (p == NULL)
		return false;
	p += strlen(": FLOCK ");
	p += strcspn(p, "0123456789");
	if (!number(&p, 10, ' ', &pid) || !number(&p, 16, ':', &major) ||
	    !number(&p, 16, ':', &minor) || !number(&p, 10, ' ', &ino))
		return false;
	l->pid = (pid_t)pid;
	l->dev = makedev((unsigned)major, (unsigned)minor);
	l->ino = ino;
	return l->pid > 0;
}

/*
 * A name that only one process can have, and that ends with it.  -1: somebody
 * else has it.
 */
static int
take_turn(void)
{
	static const char name[] = "\0chapar-reads-locks";
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(sun.sun_path, name, sizeof(name) - 1);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(name) - 1)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool
search(FILE *f, const struct stat *file, pid_t *holder)
{
	char line[LINE];
	struct lock_line l;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strstr(line, "->") != NULL || !parse(line, &l) ||
		    l.ino != file->st_ino || l.dev != file->st_dev || l.pid == getpid())
			continue;
		*holder = l.pid;
		return true;
	}
	return false;
}

bool
lock_holder_find(int fd, pid_t *holder)
{
	struct stat file;
	bool found = false;
	int turn = take_turn();
	if (turn < 0)
		return false;
	FILE *f = fopen("/proc/locks", "re");
	if (f != NULL && fstat(fd, &file) == 0)
		found = search(f, &file, holder);
	if (f != NULL)
		fclose(f);
	close(turn);
	return found;
}
