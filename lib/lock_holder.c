/*
 * lock_holder.c - who holds the lock that we wait for?
 *
 * A line of /proc/locks: "7: FLOCK  ADVISORY  WRITE 1234 fe:00:10952746 0 EOF",
 * with "->" after the number for those who wait.  The device is that of the
 * file system, which for some (btrfs, overlays) is not what stat(2) calls it:
 * there the process must have the file open.
 */
#include "lib/lock_holder.h"

#include "lib/log.h"
#include "lib/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
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

static bool
has_open(pid_t pid, const struct stat *file)
{
	char path[32];
	bool found = false;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	if (d == NULL)
		return false;
	for (struct dirent *f; !found && (f = readdir(d)) != NULL;) {
		struct stat st;
		found = fstatat(dirfd(d), f->d_name, &st, 0) == 0 &&
		    st.st_ino == file->st_ino && st.st_dev == file->st_dev;
	}
	closedir(d);
	return found;
}

static bool
is_holder(const struct lock_line *l, const struct stat *file)
{
	return l->ino == file->st_ino && l->pid != getpid() &&
	    (l->dev == file->st_dev || has_open(l->pid, file));
}

bool
lock_holder_find(int fd, struct lock_holder *h)
{
	char line[LINE];
	struct lock_line l;
	struct stat file;
	*h = (struct lock_holder){ .pid = 0 };
	if (fstat(fd, &file) != 0)
		return false;
	FILE *f = fopen("/proc/locks", "re");
	if (f == NULL)
		return false;
	while (!h->is_stopped && fgets(line, sizeof(line), f) != NULL) {
		if (!parse(line, &l) || !is_holder(&l, &file))
			continue;
		h->pid = l.pid;
		h->is_stopped = process_is_stopped(l.pid);
	}
	fclose(f);
	return h->pid != 0;
}

void
lock_holder_kill(int fd, const struct lock_holder *h)
{
	struct lock_holder now;
	char name[32];
	/* From here on the number is his, whatever becomes of him. */
	int pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	if (pidfd < 0)
		return;
	if (lock_holder_find(fd, &now) && now.pid == h->pid && now.is_stopped) {
		process_name(h->pid, name);
		if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0)
			log_warning("pid %d (%s) was stopped with a lock that others wait"
			    " for; killed it", (int)h->pid, name);
		else
			log_err("pid %d (%s) is stopped with a lock that others wait for;"
			    " continue or kill it: %m", (int)h->pid, name);
	}
	close(pidfd);
}
