/*
 * confined - what a confined process can do, found out by trying
 *
 *	confined -C imapd.conf KIND TRY...
 *
 * Each TRY is made by a child that has confined itself as processes of that KIND
 * do (lib/confine.h); one line each says what came of it: "exec EPERM",
 * "read:/etc/passwd ok", "ptrace signal 31".
 */
#include "lib/confine.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* 0: done; else why not, by errno. */
typedef int (*try_fn)(const char *what);

static int
result(long r)
{
	return r < 0 ? errno : 0;
}

static int
number(const char *what)
{
	return (int)strtol(what, NULL, 10);
}

static int
try_exec(const char *what)
{
	char *argv[] = { NULL, NULL };
	(void)what;
	argv[0] = strdup("true");
	return result(execv("/bin/true", argv));
}

static int
try_read(const char *what)
{
	char c;
	int fd = open(what, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? errno : result(read(fd, &c, 1));
}

static int
try_list(const char *what)
{
	return result(open(what, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
try_write(const char *what)
{
	return result(open(what, O_WRONLY | O_CLOEXEC));
}

static int
try_make(const char *what)
{
	int fd = open(what, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? errno : result(unlink(what));
}

static int
try_rename(const char *what)
{
	char to[4096];
	snprintf(to, sizeof(to), "%s.new", what);
	return result(rename(what, to)) != 0 ? errno : result(rename(to, what));
}

static int
try_socket(const char *what)
{
	return result(socket(number(what), SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int
try_pair(const char *what)
{
	int fds[2];
	(void)what;
	return result(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
}

static int
try_tcp(const char *what)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)number(what)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? errno : result(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static int
try_listen(const char *what)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)what;
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		return errno;
	return result(listen(fd, 1));
}

static int
try_abstract(const char *what)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n = strlen(what);
	memcpy(to.sun_path + 1, what, n);
	return fd < 0 ? errno : result(connect(fd, (struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)));
}

static int
try_kill(const char *what)
{
	return result(kill(number(what), 0));
}

static int
try_abort(const char *what)
{
	(void)what;
	abort();
}

static int
try_fork(const char *what)
{
	(void)what;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return result(pid);
}

static void *
run(void *ctx)
{
	return ctx;
}

static int
try_thread(const char *what)
{
	pthread_t t;
	(void)what;
	int error = pthread_create(&t, NULL, run, NULL);
	return error != 0 ? error : pthread_join(t, NULL);
}

static int
try_setuid(const char *what)
{
	(void)what;
	return result(setuid(getuid()));
}

static int
try_mount(const char *what)
{
	return result(mount("none", what, "tmpfs", 0, NULL));
}

static int
try_unshare(const char *what)
{
	(void)what;
	return result(unshare(CLONE_NEWUSER));
}

static int
try_ptrace(const char *what)
{
	return result(ptrace(PTRACE_ATTACH, number(what), NULL, NULL));
}

static int
try_memory(const char *what)
{
	char c;
	struct iovec to = { &c, 1 }, from = { &c, 1 };
	return result(process_vm_readv(number(what), &to, 1, &from, 1, 0));
}

static int
try_bpf(const char *what)
{
	(void)what;
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int
try_io_uring(const char *what)
{
	(void)what;
	return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
try_keyring(const char *what)
{
	(void)what;
	return result(syscall(SYS_keyctl, 0, -3, 0));
}

static int
try_limits(const char *what)
{
	struct rlimit r;
	return result(prlimit(number(what), RLIMIT_NOFILE, NULL, &r));
}

static int
try_code(const char *what)
{
	(void)what;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? errno : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
try_user(const char *what)
{
	return getpwnam(what) != NULL ? 0 : ENOENT;
}

static int
try_resolve(const char *what)
{
	struct addrinfo *ai = NULL;
	int error = getaddrinfo(what, "imap", NULL, &ai);
	if (error == 0)
		freeaddrinfo(ai);
	return error == 0 ? 0 : EHOSTUNREACH;
}

static int
try_unknown(const char *what)
{
	(void)what;
	return result(syscall(1000));
}

static const struct {
	const char *name;
	try_fn fn;
} tries[] = {
	{ "abort", try_abort }, { "abstract", try_abstract }, { "bpf", try_bpf },
	{ "code", try_code }, { "exec", try_exec },
	{ "fork", try_fork }, { "io_uring", try_io_uring }, { "keyring", try_keyring },
	{ "kill", try_kill }, { "limits", try_limits }, { "list", try_list },
	{ "listen", try_listen }, { "make", try_make }, { "memory", try_memory },
	{ "mount", try_mount }, { "pair", try_pair }, { "ptrace", try_ptrace },
	{ "read", try_read }, { "rename", try_rename }, { "resolve", try_resolve },
	{ "setuid", try_setuid }, { "socket", try_socket }, { "tcp", try_tcp },
	{ "thread", try_thread }, { "unknown", try_unknown }, { "unshare", try_unshare },
	{ "user", try_user }, { "write", try_write },
};

enum { TRIES = sizeof(tries) / sizeof(tries[0]) };

/* In the order of enum confine_kind. */
static const char *const kinds[CONFINE_KINDS] = {
	"worker", "handed", "authd", "frontd", "keyd", "daemon",
};

static int
make(const char *text)
{
	size_t n = strcspn(text, ":");
	for (size_t i = 0; i < TRIES; i++)
		if (strlen(tries[i].name) == n && memcmp(tries[i].name, text, n) == 0)
			return tries[i].fn(text[n] == ':' ? text + n + 1 : "");
	fprintf(stderr, "confined: cannot try \"%s\"\n", text);
	return ENOSYS;
}

static void
try_one(struct confine *c, const char *text)
{
	int status = 0;
	(void)fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		confine_enter(c);
		_exit(make(text));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(1);
	if (WIFSIGNALED(status))
		printf("%s signal %d\n", text, WTERMSIG(status));
	else
		printf("%s %s\n", text, WEXITSTATUS(status) == 0 ? "ok"
		    : strerrorname_np(WEXITSTATUS(status)));
}

int
main(int argc, char **argv)
{
	struct conf *conf;
	int kind = 0;
	log_open("confined", "stderr", LOG_LOCAL6);
	if (argc < 5 || strcmp(argv[1], "-C") != 0
	    || conf_read(argv[2], NULL, NULL, NULL, &conf) != OK) {
		fprintf(stderr, "usage: confined -C imapd.conf KIND TRY...\n");
		return 64;
	}
	while (kind < CONFINE_KINDS && strcmp(argv[3], kinds[kind]) != 0)
		kind++;
	if (kind == CONFINE_KINDS)
		return 64;
	struct confine *c = confine_new(conf, (enum confine_kind)kind);
	if (kind == CONFINE_KEYD)
		(void)confine_read_tls(c, conf);
	for (int i = 4; i < argc; i++)
		try_one(c, argv[i]);
	confine_free(c);
	conf_free(conf);
	return 0;
}
