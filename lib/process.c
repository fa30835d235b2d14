/* process.c - what the system tells of another process, and allows this one */
#include "lib/process.h"
#include "lib/log.h"

#include <linux/capability.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDINFO = 4096 };

static bool
read_proc(pid_t pid, const char *what, char *text, size_t size)
{
	char path[340];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* One letter; NUL if there is no such process. */
static char
state(pid_t pid)
{
	char text[512];
	if (!read_proc(pid, "stat", text, sizeof(text)))
		return '\0';
	/* The name before it may contain anything, parentheses too. */
	const char *end = strrchr(text, ')');
	return end != NULL && end[1] == ' ' ? end[2] : '\0';
}

bool
process_is_there(pid_t pid)
{
	char c = state(pid);
	return c != '\0' && c != 'Z' && c != 'X';
}

bool
process_is_stopped(pid_t pid)
{
	return state(pid) == 'T';
}

/* "lock:	1: FLOCK  ADVISORY  WRITE 1234 fe:00:10952746 0 EOF" */
static bool
is_locked(pid_t pid, const char *fd)
{
	char name[300], text[FDINFO];
	snprintf(name, sizeof(name), "fdinfo/%s", fd);
	if (!read_proc(pid, name, text, sizeof(text)))
		return false;
	const char *lock = strstr(text, "FLOCK");
	return lock != NULL && strstr(lock, "WRITE") != NULL;
}

bool
process_holds_lock(pid_t pid)
{
	char path[32];
	bool found = false;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
	DIR *d = opendir(path);
	if (d == NULL)
		return process_is_there(pid);
	for (struct dirent *f; !found && (f = readdir(d)) != NULL;)
		found = f->d_name[0] != '.' && is_locked(pid, f->d_name);
	closedir(d);
	return found;
}

void
process_name(pid_t pid, char name[32])
{
	if (!read_proc(pid, "comm", name, 32))
		snprintf(name, 32, "?");
	name[strcspn(name, "\n")] = '\0';
}

void
process_limit_memory(int64_t bytes)
{
	struct rlimit r;
	char text[FDINFO];
	const char *data;

	if (bytes <= 0 || getrlimit(RLIMIT_DATA, &r) != 0
	    || !read_proc(getpid(), "status", text, sizeof(text))
	    || (data = strstr(text, "VmData:")) == NULL)
		return;
	rlim_t limit = (rlim_t)strtoull(data + strlen("VmData:"), NULL, 10) * 1024
	    + (rlim_t)bytes;
	if (limit < r.rlim_cur) {
		r.rlim_cur = limit;
		(void)setrlimit(RLIMIT_DATA, &r);
	}
}

bool
process_lock_memory(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	(void)setrlimit(RLIMIT_MEMLOCK, &all);
	/* With a limit the first page beyond it would be the end. */
	if (getrlimit(RLIMIT_MEMLOCK, &all) != 0 || all.rlim_cur != RLIM_INFINITY)
		return false;
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

bool
process_keep_reading(void)
{
	return geteuid() == 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0;
}

/* Some containers' root has the second one only. */
bool
process_keeps_reading(void)
{
	static const unsigned either[] = { CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE };
	for (int i = 0; i < 2; i++) {
		struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
		struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };
		caps[0].effective = caps[0].permitted = 1U << either[i];
		if (syscall(SYS_capset, &head, caps) == 0)
			return true;
	}
	return false;
}

void
process_shut(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
	    || setrlimit(RLIMIT_CORE, &none) != 0)
		log_warning("cannot be shut against other processes: %m");
}

bool
process_keep_stopped(void)
{
	return getenv("CHAPAR_KEEP_STOPPED") != NULL;
}
