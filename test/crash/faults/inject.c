/*
 * inject.c - makes one call of libc fail, at a place that is named by number
 *
 * Preloaded (LD_PRELOAD) into master, whose children inherit it.  Every call
 * below by which a program meets the outside, whoever makes it (the server,
 * Berkeley DB, SASL, OpenSSL, libc's own use of malloc), belongs to a site:
 * the hash of the call's name and of the return addresses of the innermost
 * FRAMES frames, each as object and offset, so that it is the same in every
 * run of one build.  The file that CHAPAR_FAULTS names is mapped by all
 * processes: struct table in inject.h.  Sites are entered there as they are
 * met, with a count.  Who drives the run (faults.py) arms a site there; the
 * next call at it fails, once or until a time.
 *
 * Failed flushes.  With table->track each write into a regular file leaves the
 * bytes that it overwrites in CHAPAR_FAULTS.undo, and each flush leaves a line
 * too, so that the driver can put the file into the state in which a power cut
 * would find it: see read_undo() in faults.py.
 *
 * Nothing here allocates or logs.
 */
#undef _FORTIFY_SOURCE
#include "test/crash/faults/inject.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static struct table *table;
static char undo_path[PATH_MAX];
static __thread int inside __attribute__((tls_model("initial-exec")));

enum { SHORT = -1 };		/* what fault() says beside an errno */

__attribute__((constructor)) static void
attach(void)
{
	const char *path = getenv("CHAPAR_FAULTS");
	void *p;
	int fd;

	if (path == NULL || table != NULL)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	p = (void *)syscall(SYS_mmap, NULL, sizeof(struct table),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (p == MAP_FAILED)
		return;
	snprintf(undo_path, sizeof(undo_path), "%s.undo", path);
	table = p;
}

/* --- sites --- */

static uint64_t
mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t
hash_name(const char *s)
{
	uint64_t h = 1469598103934665603u;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

/* The number of an object in the table; objects beyond OBJECTS share one. */
static uint32_t
object_number(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	uint64_t h = hash_name(name) | 1;

	for (uint32_t i = 0; i < OBJECTS; i++) {
		uint64_t none = 0;

		if (atomic_load(&table->object[i].hash) == h)
			return i;
		if (atomic_load(&table->object[i].hash) == 0 &&
		    atomic_compare_exchange_strong(&table->object[i].hash, &none, h)) {
			size_t n = strlen(path) + 1;

			memcpy(table->object[i].path, path,
			    n < sizeof(table->object[i].path) ? n : sizeof(table->object[i].path) - 1);
			return i;
		}
		if (none == h)
			return i;
	}
	return OBJECTS - 1;
}

struct trace {
	struct frame frame[FRAMES];
	int n, max;
};

static const char *
own_path(void)
{
	static char path[PATH_MAX];

	if (path[0] == '\0') {
		long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof(path) - 1);

		path[n > 0 ? n : 0] = '\0';
	}
	return path;
}

static _Unwind_Reason_Code
each_frame(struct _Unwind_Context *context, void *arg)
{
	struct trace *t = arg;
	uintptr_t ip = _Unwind_GetIP(context);
	struct dl_find_object o;

	if (ip == 0)
		return _URC_END_OF_STACK;
	if (_dl_find_object((void *)(ip - 1), &o) != 0)
		return _URC_END_OF_STACK;
	/* Our own frames come first. */
	if (t->n == 0 && (char *)table != NULL &&
	    (uintptr_t)each_frame >= (uintptr_t)o.dlfo_map_start &&
	    (uintptr_t)each_frame < (uintptr_t)o.dlfo_map_end)
		return _URC_NO_REASON;
	const char *name = o.dlfo_link_map->l_name;
	t->frame[t->n].object = object_number(name[0] != '\0' ? name : own_path());
	t->frame[t->n].offset = (uint32_t)(ip - o.dlfo_link_map->l_addr);
	return ++t->n == t->max ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static struct site *
site_here(enum call call)
{
	struct trace t = { .max = call >= CALL_malloc ? MEMORY_FRAMES : FRAMES };
	uint64_t key = (uint64_t)call + 1;

	_Unwind_Backtrace(each_frame, &t);
	for (int i = 0; i < t.n; i++) {
		key = mix(key, atomic_load(&table->object[t.frame[i].object].hash));
		key = mix(key, t.frame[i].offset);
	}
	key |= 1;
	for (uint32_t i = 0; i < SITES; i++) {
		struct site *s = &table->site[(key + i) % SITES];
		uint64_t none = 0;

		if (atomic_load(&s->key) == key)
			return s;
		if (atomic_load(&s->key) == 0 &&
		    atomic_compare_exchange_strong(&s->key, &none, key)) {
			s->call = call;
			memcpy(s->frame, t.frame, sizeof(s->frame));
			s->frames = (uint32_t)t.n;
			atomic_fetch_add(&table->sites, 1);
			return s;
		}
		if (none == key)
			return s;
	}
	return NULL;
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What the driver wants to know about the call that was made to fail. */
static void
note_fired(int fd, const char *path)
{
	char link[64];
	long n;

	if (atomic_fetch_add(&table->fired, 1) > 0)
		return;
	table->fired_pid = (uint32_t)getpid();
	memset(table->fired_path, 0, sizeof(table->fired_path));
	if (path != NULL) {
		n = (long)strlen(path);
		memcpy(table->fired_path, path, (size_t)(n < 255 ? n : 255));
	} else if (fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		(void)syscall(SYS_readlinkat, AT_FDCWD, link, table->fired_path, 255);
	}
}

/*
 * 0: do it.  SHORT: do a part of it.  Else the error to return.  A failing
 * call that lasts ends by time; one that fails once by who comes first.
 */
static int
fault(enum call call, int fd, const char *path)
{
	int e = 0, saved = errno;
	uint32_t mode;
	struct site *s;

	if (table == NULL || inside || !atomic_load(&table->on))
		return 0;
	inside = 1;
	s = site_here(call);
	if (s == NULL)
		goto out;
	atomic_fetch_add(&s->hits, 1);
	mode = atomic_load(&table->mode);
	if (mode == MODE_NONE || atomic_load(&table->armed) != atomic_load(&s->key))
		goto out;
	if (mode == MODE_LASTING ? now_ns() < atomic_load(&table->until) :
	    atomic_compare_exchange_strong(&table->mode, &mode, MODE_NONE)) {
		e = table->error;
		note_fired(fd, path);
	}
out:
	inside = 0;
	errno = saved;
	return e;
}

/* --- what a failed flush loses --- */

static void
undo_record(char type, int fd, uint64_t off, size_t n)
{
	struct undo u = { .type = type, .off = off, .n = 0 };
	char link[64], old[65536];
	int in = -1, out, saved = errno;

	if (table == NULL || inside || !atomic_load(&table->track))
		return;
	inside = 1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	long got = syscall(SYS_readlinkat, AT_FDCWD, link, u.path, sizeof(u.path) - 1);
	u.path[got > 0 ? got : 0] = '\0';
	out = (int)syscall(SYS_openat, AT_FDCWD, undo_path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (type == 'w')
		in = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
	do {
		size_t part = n < sizeof(old) ? n : sizeof(old);
		long r = in >= 0 ? syscall(SYS_pread64, in, old, part, u.off) : 0;

		u.n = (uint32_t)part;
		u.got = (uint32_t)(r > 0 ? r : 0);
		struct iovec v[] = { { &u, sizeof(u) }, { old, u.got } };
		(void)syscall(SYS_writev, out, v, 2);
		u.off += part;
		n -= part;
	} while (n > 0);
	syscall(SYS_close, out);
	if (in >= 0)
		syscall(SYS_close, in);
	inside = 0;
	errno = saved;
}

static bool
is_file(int fd, uint64_t *at)
{
	struct stat st;
	int saved = errno;
	bool is = table != NULL && atomic_load(&table->track) && !inside &&
	    syscall(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode);

	if (is && at != NULL)
		*at = (uint64_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
	errno = saved;
	return is;
}

/* --- the calls --- */

#define REAL(type, name, params)						\
	static type (*real_) params;						\
	if (real_ == NULL) {							\
		inside++;							\
		*(void **)&real_ = dlsym(RTLD_NEXT, #name);			\
		inside--;							\
	}

/* int f(...) that says -1 and errno. */
#define CALL(type, name, params, args, fd, path)				\
	type name params							\
	{									\
		REAL(type, name, params)					\
		int e = fault(CALL_##name, fd, path);				\
		if (e != 0) {							\
			errno = e == SHORT ? EINTR : e;				\
			return (type)-1;					\
		}								\
		return real_ args;						\
	}

CALL(int, rename, (const char *a, const char *b), (a, b), -1, b)
CALL(int, renameat, (int d, const char *a, int f, const char *b), (d, a, f, b), -1, b)
CALL(int, link, (const char *a, const char *b), (a, b), -1, b)
CALL(int, linkat, (int d, const char *a, int f, const char *b, int g), (d, a, f, b, g), -1, b)
CALL(int, unlink, (const char *a), (a), -1, a)
CALL(int, unlinkat, (int d, const char *a, int f), (d, a, f), -1, a)
CALL(int, mkdir, (const char *a, mode_t m), (a, m), -1, a)
CALL(int, mkdirat, (int d, const char *a, mode_t m), (d, a, m), -1, a)
CALL(int, rmdir, (const char *a), (a), -1, a)
CALL(int, chmod, (const char *a, mode_t m), (a, m), -1, a)
CALL(int, fchmod, (int fd, mode_t m), (fd, m), fd, NULL)
CALL(int, chdir, (const char *a), (a), -1, a)
CALL(int, access, (const char *a, int m), (a, m), -1, a)
CALL(int, faccessat, (int d, const char *a, int m, int f), (d, a, m, f), -1, a)
CALL(int, ftruncate, (int fd, off_t n), (fd, n), fd, NULL)
CALL(int, fstat, (int fd, struct stat *st), (fd, st), fd, NULL)
CALL(int, stat, (const char *a, struct stat *st), (a, st), -1, a)
CALL(int, lstat, (const char *a, struct stat *st), (a, st), -1, a)
CALL(int, fstatat, (int d, const char *a, struct stat *st, int f), (d, a, st, f), -1, a)
CALL(int, fstatvfs, (int fd, struct statvfs *st), (fd, st), fd, NULL)
CALL(int, accept, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), fd, NULL)
CALL(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int f), (fd, a, n, f), fd, NULL)
CALL(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), fd, NULL)
CALL(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), fd, NULL)
CALL(int, listen, (int fd, int n), (fd, n), fd, NULL)
CALL(int, socket, (int a, int b, int c), (a, b, c), -1, NULL)
CALL(int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), fd, NULL)
CALL(int, getpeername, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), fd, NULL)
CALL(int, getsockopt, (int fd, int l, int o, void *v, socklen_t *n), (fd, l, o, v, n), fd, NULL)
CALL(int, setsockopt, (int fd, int l, int o, const void *v, socklen_t n), (fd, l, o, v, n), fd, NULL)
CALL(int, poll, (struct pollfd *p, nfds_t n, int t), (p, n, t), -1, NULL)
CALL(int, epoll_create1, (int f), (f), -1, NULL)
CALL(int, epoll_wait, (int a, struct epoll_event *v, int n, int t), (a, v, n, t), a, NULL)
CALL(int, epoll_pwait, (int a, struct epoll_event *v, int n, int t, const sigset_t *m),
    (a, v, n, t, m), a, NULL)
CALL(int, eventfd, (unsigned a, int b), (a, b), -1, NULL)
CALL(int, signalfd, (int a, const sigset_t *m, int b), (a, m, b), -1, NULL)
CALL(int, pipe, (int p[2]), (p), -1, NULL)
CALL(int, pipe2, (int p[2], int f), (p, f), -1, NULL)
CALL(int, dup, (int a), (a), a, NULL)
CALL(int, dup2, (int a, int b), (a, b), a, NULL)
CALL(pid_t, fork, (void), (), -1, NULL)
CALL(int, execv, (const char *a, char *const v[]), (a, v), -1, a)
CALL(pid_t, waitpid, (pid_t a, int *s, int o), (a, s, o), -1, NULL)
CALL(int, sigqueue, (pid_t a, int s, const union sigval v), (a, s, v), -1, NULL)
CALL(ssize_t, readlink, (const char *a, char *b, size_t n), (a, b, n), -1, a)
CALL(int, munmap, (void *a, size_t n), (a, n), -1, NULL)

/* To let a lock go cannot fail. */
int
flock(int fd, int op)
{
	REAL(int, flock, (int, int))
	int e = op != LOCK_UN ? fault(CALL_flock, fd, NULL) : 0;

	if (e != 0) {
		errno = e;
		return -1;
	}
	return real_(fd, op);
}

/* Flushes: the driver has to know which of them were done. */
#define FLUSH(name)								\
	int name(int fd)							\
	{									\
		REAL(int, name, (int))						\
		int e = fault(CALL_##name, fd, NULL);				\
		if (e != 0) {							\
			undo_record('F', fd, 0, 0);				\
			errno = e;						\
			return -1;						\
		}								\
		int rc = real_(fd);						\
		undo_record(CALL_##name == CALL_syncfs ? 'S' : 'f', fd, 0, 0);	\
		return rc;							\
	}

FLUSH(fsync)
FLUSH(fdatasync)
FLUSH(syncfs)

/* The descriptor is closed all the same, as in Linux. */
int
close(int fd)
{
	REAL(int, close, (int))
	int e = fault(CALL_close, fd, NULL);
	int rc = real_(fd);

	if (e > 0 && rc == 0) {
		errno = e;
		return -1;
	}
	return rc;
}

/* Nor can it fail to look no longer at something. */
int
epoll_ctl(int set, int op, int fd, struct epoll_event *v)
{
	REAL(int, epoll_ctl, (int, int, int, struct epoll_event *))
	int e = op != EPOLL_CTL_DEL ? fault(CALL_epoll_ctl, set, NULL) : 0;

	if (e != 0) {
		errno = e;
		return -1;
	}
	return real_(set, op, fd, v);
}

int
posix_fallocate(int fd, off_t off, off_t n)
{
	REAL(int, posix_fallocate, (int, off_t, off_t))
	int e = fault(CALL_posix_fallocate, fd, NULL);

	return e != 0 ? e : real_(fd, off, n);
}

void *
mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	int e = fault(CALL_mmap, fd, NULL);

	if (e != 0) {
		errno = e;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, off);
}

int
madvise(void *at, size_t n, int advice)
{
	int e = fault(CALL_madvise, -1, NULL);

	if (e != 0) {
		errno = e;
		return -1;
	}
	return (int)syscall(SYS_madvise, at, n, advice);
}

/* --- opening --- */

static mode_t
mode_arg(int flags, va_list ap)
{
	return (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(ap, unsigned) : 0;
}

static int
open_at(int dir, const char *path, int flags, mode_t mode)
{
	/* What cannot be created cannot fail for lack of room. */
	int e = fault((flags & O_CREAT) != 0 ? CALL_create : CALL_open, -1, path);

	if (e != 0) {
		errno = e;
		return -1;
	}
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define OPEN(name)								\
	int name(const char *path, int flags, ...)				\
	{									\
		va_list ap;							\
		va_start(ap, flags);						\
		mode_t mode = mode_arg(flags, ap);				\
		va_end(ap);							\
		return open_at(AT_FDCWD, path, flags, mode);			\
	}
#define OPENAT(name)								\
	int name(int dir, const char *path, int flags, ...)			\
	{									\
		va_list ap;							\
		va_start(ap, flags);						\
		mode_t mode = mode_arg(flags, ap);				\
		va_end(ap);							\
		return open_at(dir, path, flags, mode);				\
	}

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int
__open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int
__open64_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int
__openat_2(int dir, const char *path, int flags)
{
	return open_at(dir, path, flags, 0);
}

#define NULL_CALL(type, name, params, args, fd, path)				\
	type name params							\
	{									\
		REAL(type, name, params)					\
		int e = fault(CALL_##name, fd, path);				\
		if (e != 0) {							\
			errno = e;						\
			return NULL;						\
		}								\
		return real_ args;						\
	}

NULL_CALL(FILE *, fopen, (const char *a, const char *m), (a, m), -1, a)
NULL_CALL(FILE *, fopen64, (const char *a, const char *m), (a, m), -1, a)
NULL_CALL(DIR *, opendir, (const char *a), (a), -1, a)
NULL_CALL(DIR *, fdopendir, (int fd), (fd), fd, NULL)
NULL_CALL(struct dirent *, readdir, (DIR *d), (d), dirfd(d), NULL)
NULL_CALL(char *, realpath, (const char *a, char *b), (a, b), -1, a)
NULL_CALL(char *, getcwd, (char *b, size_t n), (b, n), -1, NULL)

/* --- bytes --- */

/* How much of N to do: at least 1, so that it is no end of file. */
static size_t
part_of(size_t n)
{
	return n > 1 ? n / 2 : n;
}

/* Sockets, pipes and files fail in different ways: different calls here. */
static enum call
kind_of(int fd, enum call file)
{
	struct stat st;

	if (table == NULL || inside || syscall(SYS_fstat, fd, &st) != 0 || S_ISREG(st.st_mode))
		return file;
	return S_ISSOCK(st.st_mode) ? (file == CALL_read ? CALL_recv : CALL_send) :
	    file == CALL_read ? CALL_read_pipe : CALL_write_pipe;
}

#define TRANSFER(e, n)								\
	if (e > 0) {								\
		errno = e;							\
		return -1;							\
	}									\
	if (e == SHORT)								\
		n = part_of(n);

static ssize_t
do_read(enum call call, int fd, void *p, size_t n)
{
	int e = fault(kind_of(fd, call), fd, NULL);

	TRANSFER(e, n)
	return syscall(SYS_read, fd, p, n);
}

static ssize_t
do_pread(int fd, void *p, size_t n, off_t off)
{
	int e = fault(CALL_pread, fd, NULL);

	TRANSFER(e, n)
	return syscall(SYS_pread64, fd, p, n, off);
}

static ssize_t
do_pwrite(int fd, const void *p, size_t n, off_t off)
{
	int e = fault(CALL_pwrite, fd, NULL);

	TRANSFER(e, n)
	if (is_file(fd, NULL))
		undo_record('w', fd, (uint64_t)off, n);
	return syscall(SYS_pwrite64, fd, p, n, off);
}

static ssize_t
do_recv(int fd, void *p, size_t n, int flags)
{
	int e = fault(CALL_recv, fd, NULL);

	TRANSFER(e, n)
	return syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL);
}

ssize_t __read_chk(int fd, void *p, size_t n, size_t size);
ssize_t __pread_chk(int fd, void *p, size_t n, off_t off, size_t size);
ssize_t __pread64_chk(int fd, void *p, size_t n, off_t off, size_t size);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t size, int flags);
int __poll_chk(struct pollfd *p, nfds_t n, int t, size_t size);

ssize_t
read(int fd, void *p, size_t n)
{
	return do_read(CALL_read, fd, p, n);
}

ssize_t
__read_chk(int fd, void *p, size_t n, size_t size)
{
	(void)size;
	return do_read(CALL_read, fd, p, n);
}

ssize_t
pread(int fd, void *p, size_t n, off_t off)
{
	return do_pread(fd, p, n, off);
}

ssize_t
pread64(int fd, void *p, size_t n, off_t off)
{
	return do_pread(fd, p, n, off);
}

ssize_t
__pread_chk(int fd, void *p, size_t n, off_t off, size_t size)
{
	(void)size;
	return do_pread(fd, p, n, off);
}

ssize_t
__pread64_chk(int fd, void *p, size_t n, off_t off, size_t size)
{
	(void)size;
	return do_pread(fd, p, n, off);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	int e = fault(kind_of(fd, CALL_write), fd, NULL);
	uint64_t at;

	TRANSFER(e, n)
	if (is_file(fd, &at))
		undo_record('w', fd, at, n);
	return syscall(SYS_write, fd, p, n);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t off)
{
	return do_pwrite(fd, p, n, off);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off_t off)
{
	return do_pwrite(fd, p, n, off);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	int e = fault(kind_of(fd, CALL_write), fd, NULL);

	if (e > 0) {
		errno = e;
		return -1;
	}
	if (e == SHORT)
		return syscall(SYS_write, fd, v[0].iov_base, part_of(v[0].iov_len));
	return syscall(SYS_writev, fd, v, n);
}

ssize_t
readv(int fd, const struct iovec *v, int n)
{
	int e = fault(kind_of(fd, CALL_read), fd, NULL);

	if (e > 0) {
		errno = e;
		return -1;
	}
	return syscall(SYS_readv, fd, v, n);
}

ssize_t
recv(int fd, void *p, size_t n, int flags)
{
	return do_recv(fd, p, n, flags);
}

ssize_t
__recv_chk(int fd, void *p, size_t n, size_t size, int flags)
{
	(void)size;
	return do_recv(fd, p, n, flags);
}

ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	int e = fault(CALL_send, fd, NULL);

	TRANSFER(e, n)
	return syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
}

ssize_t
sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *a, socklen_t len)
{
	int e = fault(CALL_send, fd, NULL);

	TRANSFER(e, n)
	return syscall(SYS_sendto, fd, p, n, flags, a, len);
}

ssize_t
getrandom(void *p, size_t n, unsigned flags)
{
	int e = fault(CALL_getrandom, -1, NULL);

	TRANSFER(e, n)
	return syscall(SYS_getrandom, p, n, flags);
}

int
fcntl(int fd, int cmd, ...)
{
	va_list ap;
	bool locks = cmd == F_SETLK || cmd == F_SETLKW || cmd == F_OFD_SETLK ||
	    cmd == F_OFD_SETLKW;
	int e = locks ? fault(CALL_fcntl, fd, NULL) : 0;

	va_start(ap, cmd);
	long arg = va_arg(ap, long);
	va_end(ap);
	if (e != 0) {
		errno = e;
		return -1;
	}
	return (int)syscall(SYS_fcntl, fd, cmd, arg);
}

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **list)
{
	REAL(int, getaddrinfo, (const char *, const char *, const struct addrinfo *,
	    struct addrinfo **))
	int e = fault(CALL_getaddrinfo, -1, host);

	if (e != 0) {
		errno = e;
		return EAI_SYSTEM;
	}
	return real_(host, port, hints, list);
}

/* --- memory --- */

void *
malloc(size_t n)
{
	if (fault(CALL_malloc, -1, NULL) != 0) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	if (fault(CALL_calloc, -1, NULL) != 0) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	if (fault(CALL_realloc, -1, NULL) != 0) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(p, n);
}
