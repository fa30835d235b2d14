#include "master/janitor.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -1 if there is none, which is no fault of ours. */
static int
open_proc(const char *proc_path)
{
	return open(proc_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
remove_name(int dirfd, const char *name)
{
	enum err e = file_unlink(dirfd, name);
	if (e != OK && e != ERR_NOTFOUND)
		log_warning("proc/%s stays: %s", name, err_text(e));
}

void
janitor_forget(const char *proc_path, pid_t pid)
{
	char name[16];
	int fd = open_proc(proc_path);
	if (fd < 0)
		return;
	snprintf(name, sizeof(name), "%d", (int)pid);
	if (faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		remove_name(fd, name);
	close(fd);
}

void
janitor_sweep(const char *proc_path)
{
	int fd = open_proc(proc_path);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	const struct dirent *d;
	while ((d = readdir(dir)) != NULL) {
		char *end;
		long pid = strtol(d->d_name, &end, 10);
		if (end == d->d_name || *end != '\0' || pid <= 0 || pid > INT_MAX)
			continue;
		if (!process_is_there((pid_t)pid))
			remove_name(fd, d->d_name);
	}
	closedir(dir);
}
