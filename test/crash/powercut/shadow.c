/*
 * shadow.c - what a process has written through shared mappings
 *
 * A shadow is the file TRACE.shadow/INO: a head page that knows how long the
 * file is (a mapping may be longer, and reading behind the end is a SIGBUS),
 * then the bytes.  It is sparse and SHADOW_MAX long, so it never grows.
 */
#include "test/crash/powercut/shadow.h"

#include "test/crash/powercut/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	WORD = 8,
	MAPS_MAX = 4096,
	SHADOW_MAX = 16 << 20,
};

struct shadow {
	uint64_t size;			/* of the file */
	char head[PAGE - sizeof(uint64_t)];
	char bytes[SHADOW_MAX];
};

struct map {
	const char *p;
	size_t len;
	uint64_t ino, off;
	struct shadow *s;
};

static struct map maps[MAPS_MAX];
static size_t map_n;

static void
die(const char *what)
{
	dprintf(2, "powercut: shadow: %s: %s\n", what, strerror(errno));
	abort();
}

static int
shadow_open(uint64_t ino, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.shadow/%llu", trace_path(), (unsigned long long)ino);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_RDWR | O_CLOEXEC, 0666);
}

static struct shadow *
shadow_load(int shadow_fd)
{
	void *p = (void *)syscall(SYS_mmap, NULL, sizeof(struct shadow), PROT_READ | PROT_WRITE,
	    MAP_SHARED, shadow_fd, 0L);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static struct shadow *
shadow_make(int fd, uint64_t ino)
{
	int sfd = shadow_open(ino, O_CREAT | O_EXCL);
	struct shadow *s;
	struct stat st;
	ssize_t r;

	if (sfd < 0 && errno == EEXIST)
		sfd = shadow_open(ino, 0);
	else if (sfd >= 0 && (fchmod(sfd, 0666) != 0 ||
	    syscall(SYS_ftruncate, sfd, (long)sizeof(*s)) != 0))
		die("size");
	if (sfd < 0)
		die("open");
	s = shadow_load(sfd);
	syscall(SYS_close, sfd);
	if (s->size > 0)
		return s;
	if (fstat(fd, &st) != 0 || st.st_size > SHADOW_MAX)
		die("a file that is mapped is too long");
	for (off_t at = 0; at < st.st_size; at += r) {
		r = pread(fd, s->bytes + at, (size_t)(st.st_size - at), at);
		if (r <= 0)
			die("read");
	}
	s->size = (uint64_t)st.st_size;
	return s;
}

void
shadow_map(int fd, uint64_t ino, void *p, size_t len, uint64_t off)
{
	if (map_n == MAPS_MAX)
		die("too many mappings");
	maps[map_n++] = (struct map){ .p = p, .len = len, .ino = ino, .off = off,
	    .s = shadow_make(fd, ino) };
}

static void
add_run(const struct map *m, uint64_t at, const char *p, size_t n)
{
	struct trace_record r = { .type = TRACE_MAPPED, .ino = m->ino, .off = at,
	    .n = (uint32_t)n };

	trace_add(&r, p);
}

static void
diff_page(const struct map *m, uint64_t at, size_t n)
{
	char *old = m->s->bytes + at, now[PAGE];

	/* Others may be writing: what is recorded is what is kept. */
	memcpy(now, m->p + (at - m->off), n);
	for (size_t i = 0, end; i < n; i = end) {
		end = i + WORD < n ? i + WORD : n;
		if (memcmp(old + i, now + i, end - i) == 0)
			continue;
		while (end < n && memcmp(old + end, now + end,
		    n - end < WORD ? n - end : WORD) != 0)
			end = end + WORD < n ? end + WORD : n;
		add_run(m, at + i, now + i, end - i);
	}
	memcpy(old, now, n);
}

static void
diff_map(const struct map *m)
{
	uint64_t end = m->s->size < m->off + m->len ? m->s->size : m->off + m->len;

	for (uint64_t at = m->off; at < end; at += PAGE) {
		size_t n = end - at < PAGE ? (size_t)(end - at) : PAGE;

		if (memcmp(m->s->bytes + at, m->p + (at - m->off), n) != 0)
			diff_page(m, at, n);
	}
}

void
shadow_diff(void)
{
	for (size_t i = 0; i < map_n; i++)
		diff_map(&maps[i]);
}

void
shadow_unmap(const void *p)
{
	for (size_t i = 0; i < map_n; i++) {
		if (maps[i].p != p)
			continue;
		syscall(SYS_munmap, maps[i].s, sizeof(struct shadow));
		maps[i] = maps[--map_n];
		return;
	}
}

void
shadow_written(uint64_t ino, uint64_t off, const void *data, size_t n)
{
	int fd = shadow_open(ino, 0);
	struct shadow *s;

	if (fd < 0)
		return;
	if (off + n > SHADOW_MAX)
		die("a file that is mapped is too long");
	s = shadow_load(fd);
	syscall(SYS_close, fd);
	memcpy(s->bytes + off, data, n);
	if (off + n > s->size)
		s->size = off + n;
	syscall(SYS_munmap, s, sizeof(*s));
}

void
shadow_resized(uint64_t ino, uint64_t size, int shrinks)
{
	int fd = shadow_open(ino, 0);
	struct shadow *s;

	if (fd < 0)
		return;
	if (size > SHADOW_MAX)
		die("a file that is mapped is too long");
	s = shadow_load(fd);
	syscall(SYS_close, fd);
	if (shrinks && size < s->size)
		memset(s->bytes + size, 0, s->size - size);
	if (shrinks || size > s->size)
		s->size = size;
	syscall(SYS_munmap, s, sizeof(*s));
}
