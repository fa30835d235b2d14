/*
 * record.c - preloaded into a server: records what it does to the disk
 *
 *   LD_PRELOAD=record.so POWERCUT_TRACE=FILE POWERCUT_ROOT=DIR program
 *
 * Stands before every C library call by which a process can change a file or
 * flush it, makes it, and appends what came of it to the trace (trace.h).
 * Only what lies below ROOT counts, and of that not what means nothing after
 * the power has gone: config/proc, config/socket, and the contents of Berkeley
 * DB's regions (__db.NNN, kv.room.NNN), which recovery throws away unread.
 *
 * What it cannot see: system calls made without the C library, stdio's
 * writes, O_DIRECT, O_TMPFILE, renameat2(2).  The server uses none of them.
 */
#include "test/crash/powercut/shadow.h"
#include "test/crash/powercut/trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT	__attribute__((visibility("default")))

static char root[PATH_MAX];
static size_t root_n;
static dev_t root_dev;

__attribute__((constructor)) static void
start(void)
{
	const char *trace = getenv("POWERCUT_TRACE"), *dir = getenv("POWERCUT_ROOT");
	struct stat st;

	if (trace == NULL || dir == NULL || strlen(dir) >= sizeof(root) ||
	    stat(dir, &st) != 0)
		return;
	root_n = strlen(dir);
	memcpy(root, dir, root_n + 1);
	root_dev = st.st_dev;
	if (trace_attach(trace) != 0) {
		dprintf(2, "powercut: %s: %s\n", trace, strerror(errno));
		abort();
	}
}

/* What a process leaves in its mappings when it ends. */
__attribute__((destructor)) static void
finish(void)
{
	if (!trace_enter())
		return;
	shadow_diff();
	trace_leave();
}

/* --- what a call is about --- */

static bool
counts(const char *path)
{
	static const char *const skipped[] = { "/config/proc", "/config/socket" };

	if (strncmp(path, root, root_n) != 0 || path[root_n] != '/')
		return false;
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++) {
		size_t n = strlen(skipped[i]);

		if (strncmp(path + root_n, skipped[i], n) == 0 &&
		    (path[root_n + n] == '/' || path[root_n + n] == '\0'))
			return false;
	}
	return true;
}

static bool
path_of(int fd, char path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return true;
}

/* Is FD a file or folder that counts? */
static bool
tracked(int fd, struct stat *st)
{
	char path[PATH_MAX];

	return fstat(fd, st) == 0 && st->st_dev == root_dev &&
	    (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) && path_of(fd, path) &&
	    counts(path);
}

/* A file whose bytes count. */
static bool
has_bytes(int fd, struct stat *st)
{
	char path[PATH_MAX], *base;

	if (fstat(fd, st) != 0 || st->st_dev != root_dev || !S_ISREG(st->st_mode) ||
	    !path_of(fd, path) || !counts(path))
		return false;
	base = strrchr(path, '/') + 1;
	/* __db.001; not __db.xxx.mailboxes.db, a database before it has its name. */
	return strncmp(base, "kv.room.", 8) != 0 &&
	    (strncmp(base, "__db.", 5) != 0 || strlen(base) != 8);
}

struct place {			/* a name in a folder */
	uint64_t parent;
	char fs[NAME_MAX + 1];	/* of ROOT's folders, of which each is a file system */
	char name[NAME_MAX + 1];
};

static bool
find_place(int dirfd, const char *path, struct place *pl)
{
	char dir[PATH_MAX];
	size_t n = strlen(path), at;
	struct stat st;
	bool is_ours;
	int fd;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (at = n; at > 0 && path[at - 1] != '/'; at--)
		continue;
	if (n == 0 || n >= sizeof(dir) || n - at > NAME_MAX)
		return false;
	memcpy(pl->name, path + at, n - at);
	pl->name[n - at] = '\0';
	memcpy(dir, at == 0 ? "." : path, at == 0 ? 1 : at);
	dir[at == 0 ? 1 : at] = '\0';
	fd = (int)syscall(SYS_openat, dirfd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	is_ours = tracked(fd, &st) && path_of(fd, dir);
	syscall(SYS_close, fd);
	/* A folder whose own content does not count: ROOT/config/proc. */
	n = strlen(dir);
	if (is_ours && n + 1 + strlen(pl->name) < sizeof(dir)) {
		dir[n] = '/';
		memcpy(dir + n + 1, pl->name, strlen(pl->name) + 1);
		is_ours = counts(dir);
		n = strcspn(dir + root_n + 1, "/");
		memcpy(pl->fs, dir + root_n + 1, n);
		pl->fs[n] = '\0';
	}
	pl->parent = st.st_ino;
	return is_ours;
}

/* EXDEV, as it would be? */
static bool
is_apart(const struct place *a, const struct place *b)
{
	errno = EXDEV;
	return strcmp(a->fs, b->fs) != 0;
}

static uint64_t
ino_at(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

static void
add_name(enum trace_type type, const struct place *pl, uint64_t ino)
{
	struct trace_record r = { .type = (uint16_t)type, .ino = ino,
	    .parent = pl->parent, .n = (uint32_t)strlen(pl->name) };

	trace_add(&r, pl->name);
}

static void
add_bytes(const struct stat *st, uint64_t off, const void *p, size_t n)
{
	struct trace_record r = { .type = TRACE_WRITE, .ino = st->st_ino, .off = off,
	    .n = (uint32_t)n };

	trace_add(&r, p);
	shadow_written(st->st_ino, off, p, n);
}

static void
add_size(enum trace_type type, const struct stat *st, uint64_t size)
{
	struct trace_record r = { .type = (uint16_t)type, .ino = st->st_ino, .off = size };

	trace_add(&r, NULL);
	shadow_resized(st->st_ino, size, type == TRACE_TRUNCATE);
}

/* The next definition of a function, the C library's. */
static void *
next(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (p == NULL) {
		dprintf(2, "powercut: no %s\n", name);
		abort();
	}
	return p;
}

/* Also who is not recorded tells what his mappings have got: he may answer. */
static bool
begin(void)
{
	if (!trace_enter())
		return false;
	shadow_diff();
	return true;
}

/*
 * Some calls take as long as on a disk, here and there: what is done meanwhile by
 * others would else hardly ever be.
 */
static void
dawdle(void)
{
	static const char *slow;
	static uint32_t n;
	struct timespec t = { 0, 0 };

	if (slow == NULL && (slow = getenv("POWERCUT_SLOW")) == NULL)
		slow = "";
	n = n * 1103515245 + 12345 + (uint32_t)getpid();
	t.tv_nsec = (long)(n >> 16 & 7) * 1500000;
	if (slow[0] != '\0' && (n >> 20 & 3) == 0)
		(void)nanosleep(&t, NULL);
}

#define REAL(name)	real_##name = real_##name != NULL ? real_##name : \
	(__typeof__(real_##name))(uintptr_t)next(#name)
#define DECLARE(result, name, ...) \
	static result (*real_##name)(__VA_ARGS__)

/* --- bytes --- */

DECLARE(ssize_t, write, int, const void *, size_t);
DECLARE(ssize_t, pwrite64, int, const void *, size_t, off64_t);
DECLARE(ssize_t, writev, int, const struct iovec *, int);
DECLARE(ssize_t, pwritev64, int, const struct iovec *, int, off64_t);
DECLARE(ssize_t, send, int, const void *, size_t, int);
DECLARE(ssize_t, sendmsg, int, const struct msghdr *, int);

static void
add_iov(const struct stat *st, const struct iovec *iov, int n, uint64_t off, size_t left)
{
	for (int i = 0; i < n && left > 0; i++) {
		size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;

		add_bytes(st, off, iov[i].iov_base, part);
		off += part;
		left -= part;
	}
}

static uint64_t
place_before(int fd, ssize_t n)
{
	return (uint64_t)(lseek(fd, 0, SEEK_CUR) - n);
}

EXPORT ssize_t
write(int fd, const void *p, size_t n)
{
	struct stat st;
	ssize_t r;

	REAL(write);
	if (!begin())
		return real_write(fd, p, n);
	if (!has_bytes(fd, &st)) {
		trace_leave();		/* a pipe may make us wait */
		return real_write(fd, p, n);
	}
	r = real_write(fd, p, n);
	if (r > 0)
		add_bytes(&st, place_before(fd, r), p, (size_t)r);
	trace_leave();
	return r;
}

EXPORT ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	struct stat st;
	ssize_t r;

	REAL(writev);
	if (!begin())
		return real_writev(fd, iov, n);
	if (!has_bytes(fd, &st)) {
		trace_leave();
		return real_writev(fd, iov, n);
	}
	r = real_writev(fd, iov, n);
	if (r > 0)
		add_iov(&st, iov, n, place_before(fd, r), (size_t)r);
	trace_leave();
	return r;
}

EXPORT ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t off)
{
	struct stat st;
	ssize_t r;

	REAL(pwrite64);
	if (!begin())
		return real_pwrite64(fd, p, n, off);
	r = real_pwrite64(fd, p, n, off);
	if (r > 0 && has_bytes(fd, &st))
		add_bytes(&st, (uint64_t)off, p, (size_t)r);
	trace_leave();
	return r;
}

EXPORT ssize_t
pwrite(int fd, const void *p, size_t n, off_t off)
{
	return pwrite64(fd, p, n, off);
}

EXPORT ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off64_t off)
{
	struct stat st;
	ssize_t r;

	REAL(pwritev64);
	if (!begin())
		return real_pwritev64(fd, iov, n, off);
	r = real_pwritev64(fd, iov, n, off);
	if (r > 0 && has_bytes(fd, &st))
		add_iov(&st, iov, n, (uint64_t)off, (size_t)r);
	trace_leave();
	return r;
}

EXPORT ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	return pwritev64(fd, iov, n, off);
}

EXPORT ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	REAL(send);
	if (begin())
		trace_leave();
	return real_send(fd, p, n, flags);
}

EXPORT ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	REAL(sendmsg);
	if (begin())
		trace_leave();
	return real_sendmsg(fd, m, flags);
}

/* What the kernel copies is read again from where it came to. */
static void
add_copied(int fd, const struct stat *st, uint64_t off, size_t n)
{
	char b[65536];
	ssize_t r;

	for (; n > 0; off += (uint64_t)r, n -= (size_t)r) {
		r = pread(fd, b, n < sizeof(b) ? n : sizeof(b), (off_t)off);
		if (r <= 0) {
			dprintf(2, "powercut: cannot read what was copied\n");
			abort();
		}
		add_bytes(st, off, b, (size_t)r);
	}
}

DECLARE(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
DECLARE(ssize_t, sendfile64, int, int, off64_t *, size_t);

EXPORT ssize_t
copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags)
{
	struct stat st;
	ssize_t r;

	REAL(copy_file_range);
	if (!begin())
		return real_copy_file_range(in, from, out, to, n, flags);
	r = real_copy_file_range(in, from, out, to, n, flags);
	if (r > 0 && has_bytes(out, &st))
		add_copied(out, &st, to != NULL ? (uint64_t)(*to - r) : place_before(out, r),
		    (size_t)r);
	trace_leave();
	return r;
}

EXPORT ssize_t
sendfile64(int out, int in, off64_t *from, size_t n)
{
	struct stat st;
	ssize_t r;

	REAL(sendfile64);
	if (!begin())
		return real_sendfile64(out, in, from, n);
	if (!has_bytes(out, &st)) {
		trace_leave();
		return real_sendfile64(out, in, from, n);
	}
	r = real_sendfile64(out, in, from, n);
	if (r > 0)
		add_copied(out, &st, place_before(out, r), (size_t)r);
	trace_leave();
	return r;
}

EXPORT ssize_t
sendfile(int out, int in, off_t *from, size_t n)
{
	return sendfile64(out, in, from, n);
}

/* --- sizes --- */

DECLARE(int, ftruncate64, int, off64_t);
DECLARE(int, posix_fallocate64, int, off64_t, off64_t);
DECLARE(int, fallocate64, int, int, off64_t, off64_t);

EXPORT int
ftruncate64(int fd, off64_t size)
{
	struct stat st;
	int r;

	REAL(ftruncate64);
	if (!begin())
		return real_ftruncate64(fd, size);
	r = real_ftruncate64(fd, size);
	if (r == 0 && has_bytes(fd, &st))
		add_size(TRACE_TRUNCATE, &st, (uint64_t)size);
	trace_leave();
	return r;
}

EXPORT int
ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

EXPORT int
truncate(const char *path, off_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r, error;

	if (fd < 0)
		return -1;
	r = ftruncate64(fd, size);
	error = errno;
	close(fd);
	errno = error;
	return r;
}

EXPORT int
posix_fallocate64(int fd, off64_t off, off64_t n)
{
	struct stat st;
	int r;

	REAL(posix_fallocate64);
	if (!begin())
		return real_posix_fallocate64(fd, off, n);
	r = real_posix_fallocate64(fd, off, n);
	if (r == 0 && has_bytes(fd, &st))
		add_size(TRACE_ALLOCATE, &st, (uint64_t)(off + n));
	trace_leave();
	return r;
}

EXPORT int
posix_fallocate(int fd, off_t off, off_t n)
{
	return posix_fallocate64(fd, off, n);
}

EXPORT int
fallocate64(int fd, int mode, off64_t off, off64_t n)
{
	struct stat st;
	int r;

	REAL(fallocate64);
	if (!begin())
		return real_fallocate64(fd, mode, off, n);
	r = real_fallocate64(fd, mode, off, n);
	/* Room behind the end changes nothing that can be read. */
	if (r == 0 && mode != FALLOC_FL_KEEP_SIZE && has_bytes(fd, &st)) {
		if (mode != 0) {
			dprintf(2, "powercut: fallocate mode %d is not known here\n", mode);
			abort();
		}
		add_size(TRACE_ALLOCATE, &st, (uint64_t)(off + n));
	}
	trace_leave();
	return r;
}

EXPORT int
fallocate(int fd, int mode, off_t off, off_t n)
{
	return fallocate64(fd, mode, off, n);
}

/* --- flushing --- */

static void
add_sync(int fd)
{
	struct trace_record r = { .type = TRACE_SYNC };
	struct stat st;

	if (!tracked(fd, &st))
		return;
	if (S_ISDIR(st.st_mode))
		r.type = TRACE_SYNC_DIR;
	r.ino = st.st_ino;
	trace_add(&r, NULL);
}

#define SYNC_CALL(name)							\
	DECLARE(int, name, int);					\
	EXPORT int							\
	name(int fd)							\
	{								\
		int r;							\
									\
		REAL(name);						\
		if (!begin())						\
			return real_##name(fd);				\
		r = real_##name(fd);					\
		if (r == 0)						\
			add_sync(fd);					\
		trace_leave();						\
		return r;						\
	}

SYNC_CALL(fsync)
SYNC_CALL(fdatasync)

DECLARE(int, syncfs, int);
DECLARE(int, msync, void *, size_t, int);

EXPORT int
syncfs(int fd)
{
	struct trace_record rec = { .type = TRACE_SYNC_FS };
	struct stat st;
	int r;

	REAL(syncfs);
	if (!begin())
		return real_syncfs(fd);
	r = real_syncfs(fd);
	if (r == 0 && tracked(fd, &st)) {
		rec.ino = st.st_ino;
		trace_add(&rec, NULL);
	}
	trace_leave();
	dawdle();
	return r;
}

/* To be flushed by it would be allowed; that it is not is allowed to us. */
EXPORT int
msync(void *p, size_t n, int flags)
{
	REAL(msync);
	if (begin())
		trace_leave();
	return real_msync(p, n, flags);
}

/* --- names --- */

DECLARE(int, openat64, int, const char *, int, ...);

static int
open_recorded(int dirfd, const char *path, int flags, mode_t mode)
{
	struct place pl;
	struct stat was, st;
	bool is_ours, is_new, had_bytes;
	int fd, error;

	REAL(openat64);
	/* What only reads cannot matter, and may wait (a FIFO). */
	if ((flags & (O_CREAT | O_TRUNC)) == 0 || !begin())
		return real_openat64(dirfd, path, flags, mode);
	is_ours = find_place(dirfd, path, &pl);
	is_new = fstatat(dirfd, path, &was, 0) != 0;
	had_bytes = !is_new && was.st_size > 0 && (flags & O_TRUNC) != 0;
	fd = real_openat64(dirfd, path, flags, mode);
	error = errno;
	if (fd >= 0 && is_ours && fstat(fd, &st) == 0) {
		if (is_new)
			add_name(TRACE_CREATE, &pl, st.st_ino);
		else if (had_bytes && has_bytes(fd, &st))
			add_size(TRACE_TRUNCATE, &st, 0);
	}
	trace_leave();
	errno = error;
	return fd;
}

#define MODE_OF(flags, mode)						\
	mode_t mode = 0;						\
									\
	if ((flags) & O_CREAT) {					\
		va_list ap;						\
									\
		va_start(ap, flags);					\
		mode = va_arg(ap, mode_t);				\
		va_end(ap);						\
	}

EXPORT int
openat64(int dirfd, const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_recorded(dirfd, path, flags, mode);
}

EXPORT int
openat(int dirfd, const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_recorded(dirfd, path, flags, mode);
}

EXPORT int
open64(const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_recorded(AT_FDCWD, path, flags, mode);
}

EXPORT int
open(const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return open_recorded(AT_FDCWD, path, flags, mode);
}

EXPORT int
creat(const char *path, mode_t mode)
{
	return open_recorded(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

DECLARE(int, mkdirat, int, const char *, mode_t);
DECLARE(int, linkat, int, const char *, int, const char *, int);
DECLARE(int, unlinkat, int, const char *, int);
DECLARE(int, renameat, int, const char *, int, const char *);
DECLARE(int, symlinkat, const char *, int, const char *);

EXPORT int
mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct place pl;
	bool is_ours;
	int r, error;

	REAL(mkdirat);
	if (!begin())
		return real_mkdirat(dirfd, path, mode);
	is_ours = find_place(dirfd, path, &pl);
	r = real_mkdirat(dirfd, path, mode);
	error = errno;
	if (r == 0 && is_ours)
		add_name(TRACE_MKDIR, &pl, ino_at(dirfd, path));
	trace_leave();
	errno = error;
	return r;
}

EXPORT int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

EXPORT int
linkat(int fromfd, const char *from, int tofd, const char *to, int flags)
{
	struct place pl, old;
	bool is_ours;
	int r, error;

	REAL(linkat);
	dawdle();
	if (!begin())
		return real_linkat(fromfd, from, tofd, to, flags);
	is_ours = find_place(tofd, to, &pl);
	r = is_ours && find_place(fromfd, from, &old) && is_apart(&old, &pl) ? -1 :
	    real_linkat(fromfd, from, tofd, to, flags);
	error = errno;
	if (r == 0 && is_ours)
		add_name(TRACE_LINK, &pl, ino_at(tofd, to));
	trace_leave();
	errno = error;
	return r;
}

EXPORT int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int
unlinkat(int dirfd, const char *path, int flags)
{
	struct place pl;
	uint64_t ino;
	bool is_ours;
	int r, error;

	REAL(unlinkat);
	if (!begin())
		return real_unlinkat(dirfd, path, flags);
	is_ours = find_place(dirfd, path, &pl);
	ino = ino_at(dirfd, path);
	r = real_unlinkat(dirfd, path, flags);
	error = errno;
	if (r == 0 && is_ours)
		add_name((flags & AT_REMOVEDIR) != 0 ? TRACE_RMDIR : TRACE_UNLINK, &pl, ino);
	trace_leave();
	errno = error;
	return r;
}

EXPORT int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int
rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int
remove(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return -1;
	return S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path);
}

static void
add_rename(const struct place *from, const struct place *to, uint64_t ino)
{
	char names[2 * (NAME_MAX + 1)];
	size_t n = strlen(from->name), k = strlen(to->name);
	struct trace_record r = { .type = TRACE_RENAME, .ino = ino, .parent = from->parent,
	    .parent2 = to->parent, .n = (uint32_t)(n + 1 + k) };

	memcpy(names, from->name, n + 1);
	memcpy(names + n + 1, to->name, k);
	trace_add(&r, names);
}

EXPORT int
renameat(int fromfd, const char *from, int tofd, const char *to)
{
	struct place a, b;
	bool a_ours, b_ours;
	int r, error;

	REAL(renameat);
	if (!begin())
		return real_renameat(fromfd, from, tofd, to);
	a_ours = find_place(fromfd, from, &a);
	b_ours = find_place(tofd, to, &b);
	r = a_ours && b_ours && is_apart(&a, &b) ? -1 : real_renameat(fromfd, from, tofd, to);
	error = errno;
	if (r == 0 && (a_ours || b_ours)) {
		if (!a_ours || !b_ours) {
			dprintf(2, "powercut: rename into or out of what is recorded: %s %s\n",
			    from, to);
			abort();
		}
		add_rename(&a, &b, ino_at(tofd, to));
	}
	trace_leave();
	errno = error;
	return r;
}

EXPORT int
rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

EXPORT int
symlinkat(const char *target, int dirfd, const char *path)
{
	struct place pl;

	REAL(symlinkat);
	if (begin()) {
		if (find_place(dirfd, path, &pl)) {
			dprintf(2, "powercut: symbolic links are not known here: %s\n", path);
			abort();
		}
		trace_leave();
	}
	return real_symlinkat(target, dirfd, path);
}

EXPORT int
symlink(const char *target, const char *path)
{
	return symlinkat(target, AT_FDCWD, path);
}

/* --- mappings --- */

DECLARE(void *, mmap64, void *, size_t, int, int, int, off64_t);
DECLARE(int, munmap, void *, size_t);
DECLARE(int, flock, int, int);
DECLARE(__attribute__((noreturn)) void, _exit, int);

EXPORT void *
mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t off)
{
	struct stat st;
	void *p;

	REAL(mmap64);
	if ((flags & MAP_SHARED) == 0 || (prot & PROT_WRITE) == 0 || fd < 0 || !begin())
		return real_mmap64(at, n, prot, flags, fd, off);
	p = real_mmap64(at, n, prot, flags, fd, off);
	if (p != MAP_FAILED && has_bytes(fd, &st))
		shadow_map(fd, st.st_ino, p, n, (uint64_t)off);
	trace_leave();
	return p;
}

EXPORT void *
mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	return mmap64(at, n, prot, flags, fd, off);
}

EXPORT int
munmap(void *p, size_t n)
{
	int r;

	REAL(munmap);
	if (!begin())
		return real_munmap(p, n);
	r = real_munmap(p, n);
	if (r == 0)
		shadow_unmap(p);
	trace_leave();
	return r;
}

/* Whoever gets the lock next must not know more than the trace does. */
EXPORT int
flock(int fd, int how)
{
	REAL(flock);
	if (begin())
		trace_leave();
	return real_flock(fd, how);
}

EXPORT void
_exit(int status)
{
	REAL(_exit);
	if (begin())
		trace_leave();
	real__exit(status);
}
