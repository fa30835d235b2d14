/* file.c - durable file operations */
#include "lib/file.h"

#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum err
file_err(int err_no)
{
	switch (err_no) {
	case ENOSPC:
	case EDQUOT:
		return ERR_NOSPACE;
	case ENOENT:
	case ENOTDIR:
		return ERR_NOTFOUND;
	case EEXIST:
	case ENOTEMPTY:
		return ERR_EXISTS;
	default:
		return ERR_IO;
	}
}

/* The code for errno; logs it if it is not one that callers expect. */
static enum err
failed(const char *path, const char *what)
{
	int saved = errno;
	enum err e = file_err(saved);

	if (e == ERR_IO || e == ERR_NOSPACE)
		log_io(path, what);
	errno = saved;
	return e;
}

enum err
file_open(int dirfd, const char *path, int flags, mode_t mode, int *fd)
{
	do
		*fd = openat(dirfd, path, flags | O_CLOEXEC, mode);
	while (*fd < 0 && errno == EINTR);
	return *fd < 0 ? failed(path, "open") : OK;
}

enum err
file_open_dir(int dirfd, const char *path, int *fd)
{
	return file_open(dirfd, path, O_RDONLY | O_DIRECTORY, 0, fd);
}

enum err
file_write(int fd, const char *path, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t w = write(fd, at, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return failed(path, "write");
		at += w;
		n -= (size_t)w;
	}
	return OK;
}

enum err
file_write_at(int fd, const char *path, const void *p, size_t n, uint64_t off)
{
	const char *at = p;

	while (n > 0) {
		ssize_t w = pwrite(fd, at, n, (off_t)off);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return failed(path, "write");
		at += w;
		off += (uint64_t)w;
		n -= (size_t)w;
	}
	return OK;
}

enum err
file_read_at(int fd, const char *path, void *p, size_t n, uint64_t off)
{
	char *at = p;

	while (n > 0) {
		ssize_t r = pread(fd, at, n, (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return failed(path, "read");
		if (r == 0) {
			log_err("%s: ends at byte %llu, %zu more were expected", path,
			    (unsigned long long)off, n);
			return ERR_CORRUPT;
		}
		at += r;
		off += (uint64_t)r;
		n -= (size_t)r;
	}
	return OK;
}

/* By reading, not by size: /proc and pipes say 0. */
static enum err
read_all(int fd, const char *path, size_t max, struct buf *b)
{
	const size_t start = b->n;

	for (;;) {
		size_t room = b->size > b->n + 1 ? b->size - b->n - 1 : 4096;
		ssize_t r = read(fd, buf_reserve(b, room), room);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return failed(path, "read");
		if (r == 0)
			return OK;
		b->n += (size_t)r;
		b->p[b->n] = '\0';
		if (b->n - start > max)
			return ERR_LIMIT;
	}
}

enum err
file_slurp(int dirfd, const char *path, size_t max, struct buf *b)
{
	const size_t start = b->n;
	uint64_t size;
	enum err e;
	int fd;

	e = file_open(dirfd, path, O_RDONLY, 0, &fd);
	if (e != OK)
		return e;
	e = file_size(fd, path, &size);
	if (e == OK && size > max)
		e = ERR_LIMIT;
	if (e == OK) {
		buf_reserve(b, size + 1);	/* one read, and one that says it was all */
		e = read_all(fd, path, max, b);
	}
	if (e != OK)
		buf_truncate(b, start);
	close(fd);
	return e;
}

enum err
file_size(int fd, const char *path, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return failed(path, "fstat");
	*size = (uint64_t)st.st_size;
	return OK;
}

enum err
file_allocate(int fd, const char *path, uint64_t off, uint64_t n)
{
	int error;

	do
		error = posix_fallocate(fd, (off_t)off, (off_t)n);
	while (error == EINTR);
	errno = error;
	return error != 0 ? failed(path, "fallocate") : OK;
}

bool
file_reserve(int fd, uint64_t n)
{
	return fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)n) == 0;
}

enum err
file_truncate(int fd, const char *path, uint64_t size)
{
	return ftruncate(fd, (off_t)size) != 0 ? failed(path, "ftruncate") : OK;
}

/* Never tried twice: after a failure the kernel may have dropped the pages. */
enum err
file_fsync(int fd, const char *path)
{
	return fsync(fd) != 0 ? failed(path, "fsync") : OK;
}

enum err
file_fdatasync(int fd, const char *path)
{
	return fdatasync(fd) != 0 ? failed(path, "fdatasync") : OK;
}

enum err
file_syncfs(int fd, const char *path)
{
	return syncfs(fd) != 0 ? failed(path, "syncfs") : OK;
}

void
file_forget(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

enum err
file_fsync_dir(int dirfd, const char *path)
{
	enum err e;
	int fd;

	e = file_open_dir(dirfd, path, &fd);
	if (e != OK)
		return e;
	e = file_fsync(fd, path);
	close(fd);
	return e;
}

enum err
file_dir_open(int dirfd, const char *path, DIR **d)
{
	enum err e;
	int fd;

	*d = NULL;
	e = file_open_dir(dirfd, ".", &fd);
	if (e != OK)
		return e;
	*d = fdopendir(fd);
	if (*d == NULL) {
		e = failed(path, "opendir");
		close(fd);
	}
	return e;
}

enum err
file_dir_next(DIR *d, const char *path, const struct dirent **de)
{
	do {
		errno = 0;
		*de = readdir(d);
	} while (*de != NULL && (strcmp((*de)->d_name, ".") == 0
	    || strcmp((*de)->d_name, "..") == 0));
	if (*de != NULL || errno == 0)
		return OK;
	log_io(path, "readdir");
	return ERR_IO;
}

enum err
file_rename(int fromdir, const char *from, int todir, const char *to)
{
	return renameat(fromdir, from, todir, to) != 0 ? failed(to, "rename") : OK;
}

enum err
file_link(int fromdir, const char *from, int todir, const char *to)
{
	return linkat(fromdir, from, todir, to, 0) != 0 ? failed(to, "link") : OK;
}

enum err
file_unlink(int dirfd, const char *path)
{
	return unlinkat(dirfd, path, 0) != 0 ? failed(path, "unlink") : OK;
}

enum err
file_rmdir(int dirfd, const char *path)
{
	return unlinkat(dirfd, path, AT_REMOVEDIR) != 0 ? failed(path, "rmdir") : OK;
}

enum err
file_mkdir(int dirfd, const char *path, mode_t mode)
{
	return mkdirat(dirfd, path, mode) != 0 ? failed(path, "mkdir") : OK;
}

enum err
file_mkdirs(int dirfd, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	enum err e = file_mkdir(dirfd, path, mode);

	if (e == ERR_EXISTS)
		return OK;
	if (e != ERR_NOTFOUND)
		return e;
	if (n >= sizeof(part))
		return ERR_LIMIT;
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		e = file_mkdir(dirfd, part, mode);
		if (e != OK && e != ERR_EXISTS)
			return e;
	}
	return OK;
}

enum { TEMP_TRIES = 3 };

/*
 * The temporary name of a replacement is the same each time, so whoever was
 * killed over one leaves a single file, which the next one removes.  Who
 * writes has a lock on it: nobody removes it under his hands.
 */
struct temp {
	char name[PATH_MAX];
	int fd;
	int lock_fd;			/* the same file: its lock outlives fd */
};

static bool
is_found_at(int fd, int dirfd, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dirfd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* What a killed process left; not what another one is writing. */
static void
drop_stale(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_found_at(fd, dirfd, name))
		(void)unlinkat(dirfd, name, 0);
	close(fd);
}

static enum err
temp_failed(int dirfd, const struct temp *t, const char *what)
{
	enum err e = failed(t->name, what);

	(void)unlinkat(dirfd, t->name, 0);
	close(t->fd);
	return e;
}

static enum err
temp_open(int dirfd, const char *path, mode_t mode, struct temp *t)
{
	static _Atomic unsigned count;
	bool mine = false;
	enum err e = ERR_EXISTS;

	for (int i = 0; i <= TEMP_TRIES && e == ERR_EXISTS && !mine; i++) {
		int n = i < TEMP_TRIES ? snprintf(t->name, PATH_MAX, "%s.tmp", path) :
		    snprintf(t->name, PATH_MAX, "%s.%ld.%u.tmp", path, (long)getpid(),
		    atomic_fetch_add(&count, 1));

		if (n >= PATH_MAX)
			return ERR_LIMIT;
		e = file_open(dirfd, t->name, O_WRONLY | O_CREAT | O_EXCL, mode, &t->fd);
		if (e == ERR_EXISTS)
			drop_stale(dirfd, t->name);
		if (e != OK)
			continue;
		bool locked = flock(t->fd, LOCK_EX | LOCK_NB) == 0;
		if (!locked && errno != EWOULDBLOCK)
			return temp_failed(dirfd, t, "flock");
		mine = locked && is_found_at(t->fd, dirfd, t->name);
		if (!mine) {
			/* Nobody else takes that name, and nobody sweeps it. */
			if (i == TEMP_TRIES)
				(void)unlinkat(dirfd, t->name, 0);
			close(t->fd);
			e = ERR_EXISTS;
		}
	}
	/* What the caller wants to replace may well exist. */
	if (e == ERR_EXISTS) {
		log_err("%s: cannot be made, somebody else has it", t->name);
		return ERR_IO;
	}
	if (e != OK)
		return e;
	t->lock_fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 0);
	if (t->lock_fd >= 0)
		return OK;
	return temp_failed(dirfd, t, "dup");
}

static enum err
temp_write(struct temp *t, const void *p, size_t n, bool durable)
{
	enum err e = file_write(t->fd, t->name, p, n);

	if (e == OK && durable)
		e = file_fsync(t->fd, t->name);
	if (close(t->fd) != 0 && e == OK)
		e = failed(t->name, "close");
	return e;
}

/* The directory part of PATH, "." if it has none. */
static void
dir_of(const char *path, char dir[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t n = slash != NULL ? (size_t)(slash - path) : 0;

	if (slash == NULL)
		memcpy(dir, ".", 2);
	else if (n == 0)
		memcpy(dir, "/", 2);
	else {
		memcpy(dir, path, n);
		dir[n] = '\0';
	}
}

static enum err
replace(int dirfd, const char *path, const void *p, size_t n, mode_t mode, bool durable)
{
	struct temp t;
	char dir[PATH_MAX];
	enum err e = OK;
	int fd = -1;

	/* Opened before the rename: after it there is no way back. */
	dir_of(path, dir);
	if (durable)
		e = file_open_dir(dirfd, dir, &fd);
	if (e != OK)
		return e;
	e = temp_open(dirfd, path, mode, &t);
	if (e != OK)
		goto out;
	e = temp_write(&t, p, n, durable);
	if (e == OK)
		e = file_rename(dirfd, t.name, dirfd, path);
	if (e != OK && unlinkat(dirfd, t.name, 0) != 0 && errno != ENOENT)
		log_io(t.name, "unlink");
	close(t.lock_fd);
	if (e == OK && durable && file_fsync(fd, dir) != OK)
		e = ERR_UNKNOWN;
out:
	if (fd >= 0)
		close(fd);
	return e;
}

enum err
file_replace(int dirfd, const char *path, const void *p, size_t n, mode_t mode, bool durable)
{
	enum err e = replace(dirfd, path, p, n, mode, durable);

	/* To flush the directory again would prove nothing; another rename does. */
	return e == ERR_UNKNOWN ? replace(dirfd, path, p, n, mode, durable) : e;
}

void
file_sweep(int dirfd, const char *path)
{
	char name[PATH_MAX];

	if (snprintf(name, sizeof(name), "%s.tmp", path) < (int)sizeof(name))
		drop_stale(dirfd, name);
}

static bool
try_write(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno != EINTR)
			return false;
		if (w > 0) {
			p += w;
			n -= (size_t)w;
		}
	}
	return true;
}

bool
file_try_make(int dirfd, const char *path, const void *p, size_t n, mode_t mode, int *fd)
{
	*fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (*fd < 0)
		return false;
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0 && try_write(*fd, p, n))
		return true;
	(void)unlinkat(dirfd, path, 0);
	close(*fd);
	return false;
}

bool
file_try_rename(int fromdir, const char *from, int todir, const char *to)
{
	return renameat(fromdir, from, todir, to) == 0;
}

enum err
file_map(int dirfd, const char *path, struct str *map)
{
	uint64_t size;
	enum err e;
	void *p;
	int fd;

	e = file_open(dirfd, path, O_RDONLY, 0, &fd);
	if (e != OK)
		return e;
	e = file_size(fd, path, &size);
	*map = (struct str){ "", 0 };
	if (e == OK && size > 0) {
		p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			e = failed(path, "mmap");
		else
			*map = (struct str){ p, size };
	}
	close(fd);
	return e;
}

void
file_unmap(struct str map)
{
	if (map.n > 0)
		munmap((void *)(uintptr_t)map.p, map.n);
}
