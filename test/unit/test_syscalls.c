/*
 * test_syscalls.c - which system calls each need allows, and how others end
 *
 * Each row is a call that somebody could try, with arguments that hurt nobody.
 * It is made in a child for each need alone, for none, and for all.
 */
#include "lib/log.h"
#include "lib/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	NEEDS = 10,			/* enum syscalls_need has so many */
	ALL = (1 << NEEDS) - 1,
	NEVER = 0,
	DEADLY = 200,			/* instead of an errno: the process ends */
	FORK_FLAGS = SIGCHLD,
};

static pid_t parent;

struct row {
	const char *name;
	unsigned needs;			/* any of these allows it; ALWAYS; NEVER */
	int otherwise;			/* errno, or DEADLY */
	int anyway;			/* errno that it has when it is allowed, or 0 */
	long number;
	long arg[6];
};

enum { ALWAYS = 1 << NEEDS };

#define P(x)		((long)(uintptr_t)(x))
#define NO_FD		-1L

/* Numbers and pointers are known at run time only. */
static size_t
fill_rows(struct row *rows)
{
	enum { FILES = SYSCALLS_FILES, READS = SYSCALLS_READ_FILES, UNIX = SYSCALLS_UNIX };
	const unsigned files = FILES | READS, sockets = UNIX | SYSCALLS_NETWORK;
	const struct row all[] = {
#define ROW(call, needs, otherwise, anyway, ...) \
		{ #call, needs, otherwise, anyway, SYS_##call, { __VA_ARGS__ } }
		ROW(getpid, ALWAYS, 0, 0, 0),
		ROW(read, ALWAYS, 0, EBADF, NO_FD, 0, 0),
		ROW(recvmsg, ALWAYS, 0, EBADF, NO_FD, 0, 0),
		ROW(epoll_create1, ALWAYS, 0, 0, 0),
		ROW(munmap, ALWAYS, 0, EINVAL, 1, 0),
		ROW(prctl, ALWAYS, 0, 0, PR_GET_DUMPABLE, 0, 0, 0, 0),
		ROW(newfstatat, ALWAYS, 0, 0, AT_FDCWD, P("/"), P(rows), 0),
		ROW(mmap, ALWAYS, 0, 0, 0, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, NO_FD, 0),
		ROW(kill, ALWAYS, 0, 0, -2, 0),			/* -2: the child itself */
		ROW(tgkill, ALWAYS, 0, 0, -2, -2, 0),
		ROW(prlimit64, ALWAYS, 0, 0, 0, RLIMIT_CORE, 0, P(rows)),

		ROW(openat, files, ENOSYS, 0, AT_FDCWD, P("/"), O_RDONLY, 0),
		ROW(openat, FILES, ENOSYS, 0, AT_FDCWD, P("/dev/null"), O_WRONLY, 0),
		ROW(openat, FILES, ENOSYS, 0, AT_FDCWD, P("/dev/null"), O_RDWR, 0),
		ROW(openat, FILES, ENOSYS, EEXIST, AT_FDCWD, P("/dev/null"),
		    O_RDONLY | O_CREAT | O_EXCL, 0600),
		ROW(openat, FILES, ENOSYS, 0, AT_FDCWD, P("/dev/null"), O_RDONLY | O_TRUNC, 0),
		ROW(faccessat, files, ENOSYS, 0, AT_FDCWD, P("/"), F_OK),
		ROW(readlinkat, files, ENOSYS, EINVAL, AT_FDCWD, P("/"), P(rows), 1),
		ROW(getdents64, files, ENOSYS, EBADF, NO_FD, 0, 0),
		ROW(unlinkat, FILES, ENOSYS, EISDIR, AT_FDCWD, P("/"), 0),
		ROW(renameat, FILES, ENOSYS, ENOENT, AT_FDCWD, P("/none/a"), AT_FDCWD, P("/none/b")),
		ROW(mkdirat, FILES, ENOSYS, EEXIST, AT_FDCWD, P("/"), 0700),
		ROW(ftruncate, FILES, ENOSYS, EBADF, NO_FD, 0),
		ROW(fsync, FILES, ENOSYS, EBADF, NO_FD),
		ROW(flock, FILES, ENOSYS, EBADF, NO_FD, LOCK_EX),
		ROW(fchmodat, FILES, ENOSYS, ENOENT, AT_FDCWD, P("/none/a"), 0600),

		ROW(socket, UNIX, EAFNOSUPPORT, 0, AF_UNIX, SOCK_STREAM, 0),
		ROW(socket, SYSCALLS_NETWORK, EAFNOSUPPORT, 0, AF_INET, SOCK_STREAM, 0),
		ROW(socket, SYSCALLS_NETWORK, EAFNOSUPPORT, EPROTONOSUPPORT, AF_INET6,
		    SOCK_STREAM, 99),
		ROW(socket, NEVER, EAFNOSUPPORT, 0, AF_NETLINK, SOCK_RAW, 0),
		ROW(socket, NEVER, EAFNOSUPPORT, 0, AF_PACKET, SOCK_RAW, 0),
		ROW(socket, NEVER, EAFNOSUPPORT, 0, AF_ALG, SOCK_SEQPACKET, 0),
		ROW(connect, sockets, ENOSYS, EBADF, NO_FD, 0, 0),
		ROW(bind, sockets, ENOSYS, EBADF, NO_FD, 0, 0),
		ROW(accept4, SYSCALLS_ACCEPT, ENOSYS, EBADF, NO_FD, 0, 0, 0),
		ROW(socketpair, SYSCALLS_PAIRS, ENOSYS, 0, AF_UNIX, SOCK_STREAM, 0, P(rows)),
		ROW(socketpair, NEVER, ENOSYS, 0, AF_TIPC, SOCK_SEQPACKET, 0, P(rows)),
		ROW(clone, SYSCALLS_FORK, ENOSYS, 0, FORK_FLAGS, 0, 0, 0, 0),
		/* Wrong flags, so that there is no thread in the end. */
		ROW(clone, SYSCALLS_FORK | SYSCALLS_THREADS, ENOSYS, EINVAL, CLONE_THREAD, 0, 0,
		    0, 0),
		ROW(clone, NEVER, ENOSYS, 0, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
		ROW(clone3, NEVER, ENOSYS, 0, 0, 0),
		ROW(mmap, SYSCALLS_CODE, EACCES, 0, 0, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, NO_FD, 0),
		ROW(mprotect, SYSCALLS_CODE, EACCES, EINVAL, 1, 4096, PROT_EXEC),

		ROW(memfd_create, SYSCALLS_MEMORY_FILES, ENOSYS, EFAULT, 0, 0),
		ROW(kill, NEVER, EPERM, 0, -3, 0),		/* -3: the parent */
		ROW(tgkill, NEVER, EPERM, 0, -3, -3, 0),
		ROW(prlimit64, NEVER, ENOSYS, 0, -3, RLIMIT_CORE, 0, P(rows)),
		ROW(execve, NEVER, EPERM, 0, P("/none"), 0, 0),
		ROW(execveat, NEVER, EPERM, 0, AT_FDCWD, P("/none"), 0, 0, 0),
		ROW(setuid, NEVER, EPERM, 0, 0), ROW(setresuid, NEVER, EPERM, 0, 0, 0, 0),
		ROW(setgroups, NEVER, EPERM, 0, 0, 0), ROW(unshare, NEVER, EPERM, 0, 0),
		ROW(setns, NEVER, EPERM, 0, NO_FD, 0), ROW(chroot, NEVER, EPERM, 0, P("/none")),
		ROW(mount, NEVER, EPERM, 0, 0, 0, 0, 0, 0), ROW(listen, NEVER, EPERM, 0, NO_FD, 0),
		ROW(fchownat, NEVER, EPERM, 0, AT_FDCWD, P("/none"), 0, 0, 0),
		ROW(keyctl, NEVER, EPERM, 0, 0, 0, 0, 0, 0),
		ROW(pidfd_open, NEVER, EPERM, 0, -3, 0),
		ROW(perf_event_open, NEVER, EPERM, 0, 0, 0, 0, 0, 0),
		ROW(sched_setaffinity, NEVER, ENOSYS, 0, 0, 0, 0),
		ROW(shmget, NEVER, ENOSYS, 0, 0, 0, 0), ROW(mq_unlink, NEVER, ENOSYS, 0, P("none")),
		ROW(personality, NEVER, ENOSYS, 0, -1), ROW(acct, NEVER, ENOSYS, 0, P("/none")),

		ROW(ptrace, NEVER, DEADLY, 0, -1, 0, 0, 0), ROW(bpf, NEVER, DEADLY, 0, -1, 0, 0),
		ROW(process_vm_readv, NEVER, DEADLY, 0, -3, 0, 0, 0, 0, 0),
		ROW(io_uring_setup, NEVER, DEADLY, 0, 0, 0),
		ROW(userfaultfd, NEVER, DEADLY, 0, -1),
		ROW(init_module, NEVER, DEADLY, 0, 0, 0, 0),
		ROW(kexec_load, NEVER, DEADLY, 0, 0, 0, 0, -1), ROW(reboot, NEVER, DEADLY, 0, 0, 0, 0),
		ROW(swapon, NEVER, DEADLY, 0, P("/none"), 0),
	};
	if (rows != NULL)
		memcpy(rows, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}

/* --- in a child --- */

static long
argument(long given)
{
	return given == -2 ? getpid() : given == -3 ? parent : given;
}

/* Does not come back. */
static void
try(struct syscalls *s, const struct row *row)
{
	long a[6];
	/* The pid is asked for now: both mean themselves. */
	bool has_pid = row->number == SYS_kill || row->number == SYS_tgkill
	    || row->number == SYS_prlimit64 || row->number == SYS_pidfd_open
	    || row->number == SYS_process_vm_readv;
	for (int i = 0; i < 6; i++)
		a[i] = has_pid ? argument(row->arg[i]) : row->arg[i];
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscalls_enter(s) != OK)
		_exit(255);
	long n = syscall(row->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	_exit(n < 0 ? errno : 0);
}

static int
outcome(struct syscalls *s, const struct row *row)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		try(s, row);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return DEADLY;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
check(unsigned needs)
{
	size_t n = fill_rows(NULL);
	struct row *rows = calloc(n, sizeof(*rows));
	struct syscalls *s;
	assert_non_null(rows);
	assert_int_equal(fill_rows(rows), n);
	assert_int_equal(syscalls_new(needs, &s), OK);
	for (size_t i = 0; i < n; i++) {
		bool allowed = rows[i].needs & (needs | ALWAYS);
		int want = allowed ? rows[i].anyway : rows[i].otherwise;
		int got = outcome(s, &rows[i]);
		if (got != want)
			fail_msg("needs %x, row %zu, %s: %d instead of %d", needs, i, rows[i].name,
			    got, want);
	}
	syscalls_free(s);
	free(rows);
}

static void
test_each_need(void **state)
{
	(void)state;
	check(0);
	for (int i = 0; i < NEEDS; i++)
		check(1u << i);
	check(ALL);
}

/* It is for ever: a second list takes away, and gives nothing back. */
static void
test_twice(void **state)
{
	(void)state;
	struct syscalls *none, *all;
	int status;
	assert_int_equal(syscalls_new(0, &none), OK);
	assert_int_equal(syscalls_new(ALL, &all), OK);
	pid_t pid = fork();
	if (pid == 0) {
		bool in = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
		    && syscalls_enter(none) == OK && syscalls_enter(all) == OK;
		_exit(in && syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 255);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, W_EXITCODE(EAFNOSUPPORT, 0));
	syscalls_free(none);
	syscalls_free(all);
	syscalls_free(NULL);
}

/* abort(3) ends a process as ever, so that master hears how. */
static void
test_abort(void **state)
{
	(void)state;
	struct syscalls *s;
	int status;
	assert_int_equal(syscalls_new(0, &s), OK);
	pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGABRT, SIG_DFL);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscalls_enter(s) == OK)
			abort();
		_exit(255);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	syscalls_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_need), cmocka_unit_test(test_twice),
		cmocka_unit_test(test_abort),
	};
	struct syscalls *s;
	log_open("test_syscalls", "/dev/null", 0);
	if (syscalls_new(0, &s) == ERR_UNSUPPORTED) {
		printf("test_syscalls: skipped: this kernel, or what we run in, has no seccomp\n");
		return 0;
	}
	syscalls_free(s);
	parent = getpid();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
