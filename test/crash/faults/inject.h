/*
 * inject.h - the table that inject.c and its driver share
 *
 * Mapped by every process.  faults.py reads and writes it by the offsets that
 * the assertions at the end fix, and takes the names of the calls from here.
 */
#ifndef TEST_CRASH_FAULTS_INJECT_H
#define TEST_CRASH_FAULTS_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALLS(X)								\
	X(open) X(create) X(read) X(read_pipe) X(pread) X(write) X(write_pipe)	\
	X(pwrite) X(fsync) X(fdatasync) X(syncfs) X(close)			\
	X(rename) X(renameat) X(link) X(linkat) X(unlink) X(unlinkat)		\
	X(mkdir) X(mkdirat) X(rmdir) X(chmod) X(fchmod) X(chdir)		\
	X(access) X(faccessat) X(ftruncate) X(posix_fallocate)			\
	X(fstat) X(stat) X(lstat) X(fstatat) X(fstatvfs)			\
	X(mmap) X(munmap) X(madvise) X(flock) X(fcntl)				\
	X(accept) X(accept4) X(connect) X(bind) X(listen) X(socket)		\
	X(getsockname) X(getpeername) X(getsockopt) X(setsockopt)		\
	X(send) X(recv) X(poll) X(epoll_create1) X(epoll_ctl) X(epoll_wait)	\
	X(epoll_pwait) X(eventfd) X(signalfd) X(pipe) X(pipe2) X(dup) X(dup2)	\
	X(fork) X(execv) X(waitpid) X(sigqueue) X(readlink)			\
	X(fopen) X(fopen64) X(opendir) X(fdopendir) X(readdir) X(realpath)	\
	X(getcwd) X(getrandom) X(getaddrinfo)					\
	X(malloc) X(calloc) X(realloc)

#define CALL_ENUM(name) CALL_##name,
enum call { CALLS(CALL_ENUM) CALL_COUNT };

enum {
	FRAMES = 6,
	MEMORY_FRAMES = 3,		/* of malloc() and its like: there are so many */
	OBJECTS = 64,
	SITES = 32768,
	MODE_NONE = 0,
	MODE_ONCE = 1,
	MODE_LASTING = 2,
};

struct frame {
	uint32_t object, offset;	/* offset of the return address in the file */
};

struct site {
	_Atomic uint64_t key;		/* 0: free */
	_Atomic uint32_t hits;
	uint32_t call, frames, unused;
	struct frame frame[FRAMES];
};

struct object {
	_Atomic uint64_t hash;		/* of the name without folders; 0: free */
	char path[248];
};

struct table {
	_Atomic uint32_t on, mode, track, sites;
	_Atomic uint64_t armed;		/* key of the site that is to fail */
	_Atomic int64_t until;		/* MODE_LASTING: CLOCK_MONOTONIC, ns */
	int32_t error;			/* errno, or -1: do half of it */
	_Atomic uint32_t fired;		/* how often it did */
	uint32_t fired_pid, unused;
	char fired_path[256];
	char reserved[4096 - 304];
	struct object object[OBJECTS];
	struct site site[SITES];
};

/* In the file .undo: this, then GOT bytes that were there before. */
struct undo {
	char type;			/* w write, f flush, S syncfs, F failed flush */
	char pad[3];
	uint32_t n, got, pad2;
	uint64_t off;
	char path[232];
};

_Static_assert(sizeof(struct undo) == 256, "faults.py reads it");
_Static_assert(sizeof(struct object) == 256, "faults.py reads it");
_Static_assert(sizeof(struct site) == 72, "faults.py reads it");
_Static_assert(offsetof(struct table, fired_path) == 48, "faults.py reads it");
_Static_assert(offsetof(struct table, object) == 4096, "faults.py reads it");

#endif
