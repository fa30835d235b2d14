/* trace.c - the record of what processes did to the disk, in one order */
#include "test/crash/powercut/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { HEAD_SIZE = 4096 };

struct head {
	uint64_t used, size;		/* of what follows the head */
	pthread_mutex_t mutex;
};

static struct head *head;
static char path_name[PATH_MAX];
static _Thread_local bool is_inside;

static void
die(const char *what)
{
	dprintf(2, "powercut: %s: %s\n", what, strerror(errno));
	abort();
}

static struct head *
map_file(const char *path, int flags, size_t size)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_RDWR | O_CLOEXEC, 0666);
	struct stat st;
	void *p;

	if (fd < 0)
		return NULL;
	if (size > 0 && (fchmod(fd, 0666) != 0 || syscall(SYS_ftruncate, fd, (long)size) != 0)) {
		close(fd);
		return NULL;
	}
	if (fstat(fd, &st) != 0 || st.st_size < HEAD_SIZE) {
		close(fd);
		return NULL;
	}
	p = (void *)syscall(SYS_mmap, NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0L);
	syscall(SYS_close, fd);
	return p == MAP_FAILED ? NULL : p;
}

int
trace_create(const char *path, size_t size)
{
	struct head *h = map_file(path, O_CREAT | O_EXCL, HEAD_SIZE + size);
	pthread_mutexattr_t attr;

	if (h == NULL)
		return -1;
	h->size = size;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&h->mutex, &attr);
	syscall(SYS_munmap, h, HEAD_SIZE + size);
	return 0;
}

int
trace_attach(const char *path)
{
	if (strlen(path) >= sizeof(path_name))
		return -1;
	memcpy(path_name, path, strlen(path) + 1);
	head = map_file(path, 0, 0);
	return head == NULL ? -1 : 0;
}

const char *
trace_path(void)
{
	return head == NULL ? NULL : path_name;
}

bool
trace_enter(void)
{
	int e;

	if (head == NULL || is_inside)
		return false;
	is_inside = true;
	e = pthread_mutex_lock(&head->mutex);
	if (e == EOWNERDEAD)
		e = pthread_mutex_consistent(&head->mutex);
	errno = e;
	if (e != 0)
		die("lock");
	return true;
}

void
trace_leave(void)
{
	pthread_mutex_unlock(&head->mutex);
	is_inside = false;
}

/* `used` moves last: of a record that a killed process had begun nobody hears. */
void
trace_add(const struct trace_record *r, const void *data)
{
	char *to = (char *)head + HEAD_SIZE + head->used;
	size_t n = sizeof(*r) + (r->n + 7u) / 8 * 8;
	struct trace_record mine = *r;

	if (n > head->size - head->used) {
		errno = ENOSPC;
		die("the trace is full");
	}
	mine.pid = (uint32_t)getpid();
	memcpy(to, &mine, sizeof(mine));
	if (r->n > 0)
		memcpy(to + sizeof(mine), data, r->n);
	head->used += n;
}

void
trace_event(const char *text)
{
	struct trace_record r = { .type = TRACE_EVENT, .n = (uint32_t)strlen(text) };

	if (!trace_enter())
		return;
	trace_add(&r, text);
	trace_leave();
}
