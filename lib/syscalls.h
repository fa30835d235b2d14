/*
 * syscalls.h - which system calls a process may still make (seccomp)
 *
 * A list of what is allowed, by what a program needs.  What is not in it
 * answers ENOSYS, as an older kernel would: libraries know what to do then, so
 * neither another C library nor an NSS module ends a session.  What would be
 * somebody's next step out of here answers EPERM, and the kernel's audit log
 * has a line; and what no program but an exploit does (ptrace(2), loading a
 * kernel module) ends the process, which master logs.
 *
 * Never allowed: to run a program, to change users or name spaces, mounts,
 * keyrings, bpf(2), io_uring, userfaultfd(2), sockets of other families than
 * those that are listed.
 */
#ifndef LIB_SYSCALLS_H
#define LIB_SYSCALLS_H

#include "lib/err.h"

/* What a program needs beside memory, time and descriptors that it has. */
enum syscalls_need {
	SYSCALLS_FILES = 1 << 0,	/* opens and changes files */
	SYSCALLS_UNIX = 1 << 1,		/* connects UNIX sockets */
	SYSCALLS_NETWORK = 1 << 2,	/* connects by TCP, asks DNS */
	SYSCALLS_ACCEPT = 1 << 3,	/* accepts connections */
	SYSCALLS_PAIRS = 1 << 4,	/* makes UNIX socket pairs */
	SYSCALLS_THREADS = 1 << 5,	/* as libraries' resolvers do */
	SYSCALLS_CODE = 1 << 6,		/* loads shared libraries while it runs */
	SYSCALLS_FORK = 1 << 7,		/* copies itself */
	SYSCALLS_READ_FILES = 1 << 8,	/* opens files, but not to change them */
	SYSCALLS_MEMORY_FILES = 1 << 9,	/* makes files that are memory, to be passed on */
};

struct syscalls;

/*
 * The list, compiled; from then on it can be entered in this process and in its
 * copies.  ERR_UNSUPPORTED: the kernel, or what we run in, has no seccomp;
 * ERR_IO (logged).
 */
enum err syscalls_new(unsigned needs, struct syscalls **s) MUST_CHECK;
void syscalls_free(struct syscalls *s);		/* NULL is allowed */

/*
 * For ever, for this process and its children.  It can send signals to itself
 * only.  ERR_IO: errno says why.
 */
enum err syscalls_enter(struct syscalls *s) MUST_CHECK;

#endif
