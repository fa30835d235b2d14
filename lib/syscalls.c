/*
 * syscalls.c - which system calls a process may still make; libseccomp
 *
 * Compiling takes longer than starting a worker may, so that is done once; what
 * comes out is a program for the kernel, which each process installs.  It is
 * the same for all but for one number: abort(3) and raise(3) send a signal to
 * their own process, which is known only in the copy.  The list is made with
 * OWN_PID in its place.
 *
 * A call that this architecture or this libseccomp does not know is none that
 * can be made: it is left out.
 */
#include "lib/syscalls.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	OWN_PID = 0x5eedf00d,		/* no pid is so high */
	FAMILIES = 64,			/* of sockets: more than there are */
};

#define NEW_SPACES	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER \
	| CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP)

struct syscalls {
	struct sock_fprog program;
	struct sock_filter *instructions;	/* as compiled */
};

/* --- the lists --- */

static const char *const always[] = {
	/* memory */
	"brk", "madvise", "membarrier", "mincore", "mlock", "mlock2", "mremap", "msync",
	"munlock", "munmap",
	/* descriptors */
	"close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64", "fstat", "fstat64",
	"fstatfs", "fstatfs64", "ioctl", "lseek", "_llseek", "pipe", "pipe2", "pread64",
	"preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readv", "write", "writev",
	/* waiting */
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
	"epoll_wait", "eventfd", "eventfd2", "pause", "poll", "ppoll", "ppoll_time64",
	"pselect6", "pselect6_time64", "restart_syscall", "select", "_newselect",
	/* sockets that are there */
	"getpeername", "getsockname", "getsockopt", "recv", "recvfrom", "recvmmsg",
	"recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto",
	"setsockopt", "shutdown",
	/* time and signals */
	"alarm", "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep",
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend",
	"rt_sigtimedwait", "rt_sigtimedwait_time64", "setitimer", "sigaltstack", "signalfd",
	"signalfd4", "sigreturn", "time", "timer_create", "timer_delete", "timer_gettime",
	"timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime", "times",
	/* itself */
	"arch_prctl", "exit", "exit_group", "futex", "futex_time64", "get_robust_list",
	"getcpu", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32",
	"getgroups", "getgroups32", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
	"getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid",
	"getuid", "getuid32", "prctl", "rseq", "sched_getaffinity", "sched_getparam",
	"sched_getscheduler", "sched_yield", "set_robust_list", "set_tid_address",
	"setrlimit", "sysinfo", "ugetrlimit", "umask", "uname", "wait4", "waitid",
	/* even less */
	"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp",
};

static const char *const files[] = {
	"access", "chdir", "chmod", "copy_file_range", "creat", "faccessat", "faccessat2",
	"fadvise64", "fadvise64_64", "fallocate", "fchdir", "fchmod", "fchmodat", "fdatasync",
	"flock", "fstatat64", "fsync", "ftruncate", "ftruncate64", "getcwd", "getdents",
	"getdents64", "link", "linkat", "lstat", "lstat64", "mkdir", "mkdirat", "newfstatat",
	"open", "openat", "openat2", "readahead", "readlink", "readlinkat", "rename",
	"renameat", "renameat2", "rmdir", "sendfile", "sendfile64", "stat", "stat64", "statfs",
	"statfs64", "statx", "symlink", "symlinkat", "sync_file_range", "syncfs", "truncate",
	"truncate64", "unlink", "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes",
};

/* Without opening anything: the C library asks before it does. */
static const char *const no_files[] = { "fstatat64", "newfstatat", "statx" };

static const char *const reads[] = {
	"access", "faccessat", "faccessat2", "getdents", "getdents64", "lstat", "lstat64",
	"readlink", "readlinkat", "stat", "stat64",
};

/* bind(2) for a name that one process in all may have (lib/lock_holder.c). */
static const char *const connects[] = { "bind", "connect" };
static const char *const accepts[] = { "accept", "accept4" };

/* Somebody's next step. */
static const char *const forbidden[] = {
	"add_key", "chown", "chroot", "execve", "execveat", "fchown", "fchownat", "keyctl",
	"lchown", "listen", "mount", "open_by_handle_at", "perf_event_open",
	"pidfd_getfd", "pidfd_open", "pidfd_send_signal", "request_key", "rt_sigqueueinfo",
	"rt_tgsigqueueinfo", "setfsgid", "setfsuid", "setgid", "setgroups", "setns",
	"setregid", "setresgid", "setresuid", "setreuid", "setuid", "umount2", "unshare",
};

/* No library tries these to see whether it may. */
static const char *const deadly[] = {
	"bpf", "create_module", "delete_module", "finit_module", "init_module",
	"io_uring_enter", "io_uring_register", "io_uring_setup", "kexec_file_load", "kexec_load",
	"pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "reboot", "swapoff",
	"swapon", "userfaultfd",
};

#define LIST(names)	(names), sizeof(names) / sizeof((names)[0])

/* --- rules --- */

/* What went wrong first; everything after it is left. */
struct rules {
	scmp_filter_ctx ctx;
	int error;
};

static void
rule(struct rules *r, uint32_t action, const char *name, unsigned n,
    const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR || r->error != 0)
		return;
	int error = seccomp_rule_add_array(r->ctx, action, number, n, args);
	/* -EDOM: not on this architecture. */
	if (error != 0 && error != -EDOM && error != -EEXIST)
		r->error = error;
}

static void
rules(struct rules *r, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rule(r, action, names[i], 0, NULL);
}

static void
allow_if(struct rules *r, const char *name, struct scmp_arg_cmp arg)
{
	rule(r, SCMP_ACT_ALLOW, name, 1, &arg);
}

static bool
is_family_needed(int family, unsigned needs)
{
	return family == AF_UNIX ? needs & SYSCALLS_UNIX
	    : (family == AF_INET || family == AF_INET6) && needs & SYSCALLS_NETWORK;
}

static void
sockets(struct rules *r, unsigned needs)
{
	for (int family = 0; family < FAMILIES; family++) {
		const struct scmp_arg_cmp is = SCMP_A0_32(SCMP_CMP_EQ, (unsigned)family);
		rule(r, is_family_needed(family, needs) ? SCMP_ACT_ALLOW
		    : SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &is);
	}
	if (needs & (SYSCALLS_UNIX | SYSCALLS_NETWORK))
		rules(r, SCMP_ACT_ALLOW, LIST(connects));
	if (needs & SYSCALLS_ACCEPT)
		rules(r, SCMP_ACT_ALLOW, LIST(accepts));
	if (needs & SYSCALLS_PAIRS)
		allow_if(r, "socketpair", SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX));
}

/* Memory becomes code only where libraries are loaded. */
static void
memory(struct rules *r, unsigned needs)
{
	static const char *const maps[] = { "mmap", "mmap2", "mprotect" };
	const struct scmp_arg_cmp code = SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		allow_if(r, maps[i], SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
		rule(r, needs & SYSCALLS_CODE ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES),
		    maps[i], 1, &code);
	}
}

/* clone3(2) hides its flags: whoever gets ENOSYS from it uses clone(2). */
static void
threads(struct rules *r, unsigned needs)
{
	if (needs & SYSCALLS_FORK)
		allow_if(r, "clone", SCMP_A0_64(SCMP_CMP_MASKED_EQ, NEW_SPACES, 0));
	else if (needs & SYSCALLS_THREADS)
		allow_if(r, "clone", SCMP_A0_64(SCMP_CMP_MASKED_EQ,
		    (uint64_t)CLONE_THREAD | NEW_SPACES, CLONE_THREAD));
}

static void
itself(struct rules *r)
{
	static const char *const signals[] = { "kill", "tgkill" };
	allow_if(r, "prlimit64", SCMP_A0_32(SCMP_CMP_EQ, 0));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		allow_if(r, signals[i], SCMP_A0_32(SCMP_CMP_EQ, OWN_PID));
		/* Everything that is not allowed, not only this pid. */
		const struct scmp_arg_cmp others = SCMP_A0_32(SCMP_CMP_NE, OWN_PID);
		rule(r, SCMP_ACT_ERRNO(EPERM), signals[i], 1, &others);
	}
}

static int
add_rules(scmp_filter_ctx ctx, unsigned needs)
{
	struct rules r = { .ctx = ctx };
	rules(&r, SCMP_ACT_ALLOW, LIST(always));
	if (needs & SYSCALLS_FILES)
		rules(&r, SCMP_ACT_ALLOW, LIST(files));
	else
		rules(&r, SCMP_ACT_ALLOW, LIST(no_files));
	if (needs & SYSCALLS_READ_FILES)
		rules(&r, SCMP_ACT_ALLOW, LIST(reads));
	if (needs & SYSCALLS_READ_FILES)
		allow_if(&r, "openat", SCMP_A2_32(SCMP_CMP_MASKED_EQ,
		    O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	if (needs & SYSCALLS_MEMORY_FILES)
		rule(&r, SCMP_ACT_ALLOW, "memfd_create", 0, NULL);
	sockets(&r, needs);
	memory(&r, needs);
	threads(&r, needs);
	itself(&r);
	rules(&r, SCMP_ACT_ERRNO(EPERM), LIST(forbidden));
	rules(&r, SCMP_ACT_KILL_PROCESS, LIST(deadly));
	return r.error;
}

/* --- compiling --- */

/* Has the kernel it, and may we? */
static bool
is_possible(void)
{
	uint32_t action = SECCOMP_RET_ERRNO;
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* libseccomp writes its result into a file. */
static int
take_program(scmp_filter_ctx ctx, struct syscalls *s)
{
	struct stat st;
	int fd = memfd_create("syscalls", MFD_CLOEXEC);
	int error = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
	if (error == 0 && fstat(fd, &st) != 0)
		error = -errno;
	if (error == 0) {
		size_t size = (size_t)st.st_size;
		s->instructions = mem_get(size);
		s->program.len = (unsigned short)(size / sizeof(s->instructions[0]));
		if (pread(fd, s->instructions, size, 0) != st.st_size)
			error = -EIO;
	}
	if (fd >= 0)
		close(fd);
	return error;
}

enum err
syscalls_new(unsigned needs, struct syscalls **out)
{
	*out = NULL;
	if (!is_possible())
		return ERR_UNSUPPORTED;
	struct syscalls *s = mem_zero(1, sizeof(*s));
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int error = ctx == NULL ? -ENOMEM : 0;
	/* A tree instead of a row: a call is compared eight times, not two hundred. */
	if (error == 0)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (error == 0)
		error = add_rules(ctx, needs);
	if (error == 0)
		error = take_program(ctx, s);
	if (ctx != NULL)
		seccomp_release(ctx);
	if (error != 0) {
		log_err("seccomp: the list of system calls cannot be made: %s", strerror(-error));
		syscalls_free(s);
		return ERR_IO;
	}
	*out = s;
	return OK;
}

void
syscalls_free(struct syscalls *s)
{
	if (s == NULL)
		return;
	free(s->instructions);
	free(s);
}

enum err
syscalls_enter(struct syscalls *s)
{
	size_t size = s->program.len * sizeof(s->instructions[0]);
	struct sock_filter *own = mem_get(size);
	memcpy(own, s->instructions, size);
	for (size_t i = 0; i < s->program.len; i++)
		if (BPF_CLASS(own[i].code) == BPF_JMP && own[i].k == OWN_PID)
			own[i].k = (uint32_t)getpid();
	const struct sock_fprog program = { s->program.len, own };
	/* FLAG_LOG: the kernel says what was refused, where it has been told to. */
	long failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG,
	    &program);
	int error = errno;
	free(own);
	errno = error;
	return failed == 0 ? OK : ERR_IO;
}
