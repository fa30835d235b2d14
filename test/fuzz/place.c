#include "test/fuzz/place.h"
#include "lib/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static char path[64];
static pid_t owner;
static int place = -1;

/* Instead of the C library's. */
int
fsync(int fd)
{
	(void)fd;
	return 0;
}

int
fdatasync(int fd)
{
	(void)fd;
	return 0;
}

int
syncfs(int fd)
{
	(void)fd;
	return 0;
}

/*
 * Nobody else is there to be waited for: time flies for who lets others run,
 * so a wait with an end ends at once.
 */
static int64_t flown_ms;

int
sched_yield(void)
{
	flown_ms += 20;
	return 0;
}

int
clock_gettime(clockid_t id, struct timespec *t)
{
	int64_t ms = id == CLOCK_MONOTONIC ? flown_ms : 0;
	int status = (int)syscall(SYS_clock_gettime, id, t);

	t->tv_sec += ms / 1000;
	t->tv_nsec += ms % 1000 * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_sec++;
		t->tv_nsec -= 1000000000;
	}
	return status;
}

static void
remove_place(void)
{
	char command[96];

	if (path[0] == '\0' || getpid() != owner)
		return;
	snprintf(command, sizeof(command), "rm -rf %s", path);
	if (system(command) != 0)
		fprintf(stderr, "%s could not be removed\n", path);
}

void
fuzz_must(bool x, const char *what)
{
	if (x)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	remove_place();
	abort();
}

void
fuzz_quiet(void)
{
	static bool done;
	const char *to = getenv("FUZZ_LOG");

	if (!done)
		log_open("fuzz", to != NULL ? to : "/dev/null", LOG_LOCAL6);
	done = true;
}

int
fuzz_place(void)
{
	const char *in = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	if (place >= 0)
		return place;
	snprintf(path, sizeof(path), "%s/chapar-fuzz.XXXXXX", in);
	fuzz_must(mkdtemp(path) != NULL, "mkdtemp");
	owner = getpid();
	atexit(remove_place);
	place = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_must(place >= 0, "open");
	fuzz_quiet();
	return place;
}

const char *
fuzz_path(void)
{
	fuzz_place();
	return path;
}

static void
put(int dir, const char *name, struct str bytes, int flags)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	fuzz_must(fd >= 0 && write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n, "a file of ours");
	close(fd);
}

void
fuzz_put(int dir, const char *name, struct str bytes)
{
	/* Never into a file that something has mapped. */
	unlinkat(dir, name, 0);
	put(dir, name, bytes, 0);
}

void
fuzz_append(int dir, const char *name, struct str bytes)
{
	put(dir, name, bytes, O_APPEND);
}

void
fuzz_extend(int dir, const char *name, uint64_t size)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	fuzz_must(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "ftruncate");
	close(fd);
}

void
fuzz_empty(int dir)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;

	fuzz_must(d != NULL, "opendir");
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			(void)unlinkat(dir, e->d_name, 0);
	closedir(d);
}
