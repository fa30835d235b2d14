/*
 * stop_early.c - preloaded: stops a worker's copy before it has signed master's roll
 *
 * Whoever takes away the file that CHAPAR_STOP_EARLY names, which only one can,
 * writes its pid into FILE.pid and stops: where it signs, or, if CHAPAR_STOP_BORN
 * is set, as soon as it is there, while the process between it and the template
 * still is its parent; that waits a little for it before it ends.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fcntl64(int fd, int cmd, ...);

static void
stop(void)
{
	const char *file = getenv("CHAPAR_STOP_EARLY");
	char path[4096];
	FILE *f;

	if (file == NULL || unlink(file) != 0)
		return;
	snprintf(path, sizeof(path), "%s.pid", file);
	f = fopen(path, "we");
	if (f != NULL) {
		fprintf(f, "%d\n", (int)getpid());
		fclose(f);
	}
	(void)raise(SIGSTOP);
}

static int
call(const char *name, int fd, int cmd, void *arg)
{
	int (*next)(int, int, ...);

	*(void **)&next = dlsym(RTLD_NEXT, name);
	if (cmd == F_SETLK && getenv("CHAPAR_STOP_BORN") == NULL)
		stop();
	return next(fd, cmd, arg);
}

/* All third arguments are as wide as a pointer, or are passed as if. */
int
fcntl(int fd, int cmd, ...)
{
	va_list ap;

	va_start(ap, cmd);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	return call("fcntl", fd, cmd, arg);
}

int
fcntl64(int fd, int cmd, ...)
{
	va_list ap;

	va_start(ap, cmd);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	return call("fcntl64", fd, cmd, arg);
}

/* What a copy does first is to look whether its first parent is gone. */
pid_t
getppid(void)
{
	if (getenv("CHAPAR_STOP_BORN") != NULL)
		stop();
	return (pid_t)syscall(SYS_getppid);
}

void
_exit(int status)
{
	const struct timespec a_little = { .tv_nsec = 100000000 };

	if (getenv("CHAPAR_STOP_BORN") != NULL)
		(void)nanosleep(&a_little, NULL);
	for (;;)
		(void)syscall(SYS_exit_group, status);
}
