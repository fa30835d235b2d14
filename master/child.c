/*
 * Between fork and exec the child has one thread and master's memory, so it
 * may use what it likes; a failure there is logged by the child itself and
 * shows as exit 71 (EX_OSERR) or 78 (EX_CONFIG).
 */
#include "master/child.h"
#include "lib/buf.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/svc.h"
#include "master/stopped.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	BUCKETS = 1024,
	MAX_ARGS = 64,
	FD_ASIDE = 64,		/* above every fixed descriptor */
};

struct child {
	struct child *next;
	pid_t pid;
	child_exit_fn fn;
	void *ctx;
};

struct children {
	struct child_setup setup;
	struct buf own_path, own_dir;	/* of the master binary */
	struct child *buckets[BUCKETS];
	int count;
	struct stopped *stopped;
};

/* A command ready for exec. */
struct command {
	struct buf text;		/* the words, each with its NUL */
	struct buf path;
	const char *argv[MAX_ARGS + 3];
	int argc;
};

struct children *
children_new(const struct child_setup *setup)
{
	struct children *c = mem_zero(1, sizeof(*c));
	char self[4096];
	c->setup = *setup;
	/* Copies of templates become children of ours: see lib/svc_template.c. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		log_fatal(EX_OSERR, "cannot become the parent of workers' copies: %m");
	c->stopped = stopped_new(setup->poll);
	buf_init(&c->own_path);
	buf_init(&c->own_dir);
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
	if (n <= 0)
		log_fatal(EX_OSERR, "cannot read /proc/self/exe, where the other programs are "
		    "looked for: %m");
	buf_add(&c->own_path, self, (size_t)n);
	while (n > 0 && self[n - 1] != '/')
		n--;
	buf_add(&c->own_dir, self, (size_t)n);
	return c;
}

void
children_free(struct children *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < BUCKETS; i++) {
		while (c->buckets[i] != NULL) {
			struct child *next = c->buckets[i]->next;
			free(c->buckets[i]);
			c->buckets[i] = next;
		}
	}
	stopped_free(c->stopped);
	buf_free(&c->own_path);
	buf_free(&c->own_dir);
	free(c);
}

/* Splits at spaces in place; the words are followed by NULs. */
static enum err
split_words(const char *cmd, struct command *out)
{
	buf_adds(&out->text, cmd);
	for (char *p = out->text.p;;) {
		p += strspn(p, " \t");
		if (*p == '\0')
			return out->argc > 0 ? OK : ERR_SYNTAX;
		if (out->argc == MAX_ARGS)
			return ERR_LIMIT;
		out->argv[out->argc++] = p;
		p += strcspn(p, " \t");
		if (*p != '\0')
			*p++ = '\0';
	}
}

static bool
try_path(const struct children *c, struct buf *path, const char *folder,
    const char *subfolder, const char *name)
{
	buf_reset(path);
	buf_add(path, c->own_dir.p, c->own_dir.n);
	buf_adds(path, folder);
	if (subfolder != NULL)
		buf_printf(path, "%s/", subfolder);
	buf_adds(path, name);
	return access(path->p, X_OK) == 0;
}

/* Finds the program; *ours: it is one of Chapar's, by where it lies. */
static bool
find_program(const struct children *c, const char *name, struct buf *path, bool *ours)
{
	*ours = true;
	if (*name == '/') {
		const char *base = strrchr(name, '/') + 1;
		*ours = c->own_dir.n == (size_t)(base - name)
		    && memcmp(c->own_dir.p, name, c->own_dir.n) == 0;
		buf_adds(path, name);
		return access(name, X_OK) == 0;
	}
	return try_path(c, path, "", NULL, name)
	    || try_path(c, path, "../imap/", name, name)
	    || try_path(c, path, "../imap/", "admin", name)
	    || try_path(c, path, "../sieve/", name, name);
}

static bool
has_option_c(const struct command *cmd)
{
	for (int i = 1; i < cmd->argc; i++)
		if (strncmp(cmd->argv[i], "-C", 2) == 0)
			return true;
	return false;
}

/* Turns the line of cyrus.conf into what exec needs. */
static enum err
prepare(const struct children *c, const struct child_spec *spec, struct command *cmd)
{
	bool ours;
	*cmd = (struct command){ .text = BUF_INIT, .path = BUF_INIT };
	enum err e = split_words(spec->cmd, cmd);
	if (e != OK) {
		log_err("%s: cmd=\"%s\": %s", spec->name, spec->cmd,
		    e == ERR_LIMIT ? "too many words" : "no program is named");
		return e;
	}
	if (!find_program(c, cmd->argv[0], &cmd->path, &ours)) {
		log_err("%s: cannot run \"%s\": %s (looked %s)", spec->name,
		    cmd->argv[0], strerror(errno),
		    *cmd->argv[0] == '/' ? "there" : c->own_dir.p);
		return ERR_NOTFOUND;
	}
	if (ours && c->setup.imapd_conf != NULL && !has_option_c(cmd)) {
		memmove(&cmd->argv[3], &cmd->argv[1],
		    (size_t)(cmd->argc - 1) * sizeof(cmd->argv[0]));
		cmd->argv[1] = "-C";
		cmd->argv[2] = c->setup.imapd_conf;
		cmd->argc += 2;
	}
	cmd->argv[cmd->argc] = NULL;
	return OK;
}

static void
free_command(struct command *cmd)
{
	buf_free(&cmd->text);
	buf_free(&cmd->path);
}

/* Makes FD appear as TARGET, close-on-exec off. */
static void
place_fd(int fd, int target)
{
	if (fd >= 0 && dup2(fd, target) < 0) {
		log_err("IOERROR: dup2: %m");
		_exit(EX_OSERR);
	}
}

static bool
gets_tickets(const struct children *c, const struct child_spec *spec)
{
	return spec->does_tls && c->setup.tickets_fd >= 0;
}

static bool
gets_holder(const struct child_spec *spec)
{
	return spec->does_tls && spec->holder_fd >= 0;
}

static void
place_descriptors(const struct children *c, const struct child_spec *spec)
{
	int status = spec->status_fd, sock = spec->listen_fd, roll = c->setup.roll_fd;
	if (status >= 0)
		status = fcntl(status, F_DUPFD_CLOEXEC, FD_ASIDE);
	if (sock >= 0)
		sock = fcntl(sock, F_DUPFD_CLOEXEC, FD_ASIDE);
	if (roll >= 0)
		roll = fcntl(roll, F_DUPFD_CLOEXEC, FD_ASIDE);
	int key = spec->has_key ? fcntl(spec->key_fd, F_DUPFD_CLOEXEC, FD_ASIDE) : -1;
	int tickets = gets_tickets(c, spec)
	    ? fcntl(c->setup.tickets_fd, F_DUPFD_CLOEXEC, FD_ASIDE) : -1;
	int holder = gets_holder(spec) ? fcntl(spec->holder_fd, F_DUPFD_CLOEXEC, FD_ASIDE) : -1;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	place_fd(null, STDIN_FILENO);
	if (!c->setup.keep_output) {
		place_fd(null, STDOUT_FILENO);
		place_fd(null, STDERR_FILENO);
	}
	close(SVC_STATUS_FD);
	close(SVC_LISTEN_FD);
	close(SVC_ROLL_FD);
	place_fd(status, SVC_STATUS_FD);
	place_fd(sock, SVC_LISTEN_FD);
	place_fd(roll, SVC_ROLL_FD);
	place_fd(key, SVC_KEY_FD);
	/* Closed later, at exec, these would take the signature with them. */
	if (roll >= 0) {
		close(roll);
		if (c->setup.roll_fd != SVC_ROLL_FD
		    && (c->setup.roll_fd != SVC_KEY_FD || key < 0))
			close(c->setup.roll_fd);
	}
	/* The log is one of them: execv may yet fail. */
	(void)close_range(SVC_ROLL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	if (key >= 0)
		(void)fcntl(SVC_KEY_FD, F_SETFD, 0);
	place_fd(tickets, SVC_TICKETS_FD);
	place_fd(holder, SVC_HOLDER_FD);
}

static void
drop_root(const struct child_setup *s)
{
	if (!s->drop_root)
		return;
	if (initgroups(s->user, s->gid) != 0 || setgid(s->gid) != 0
	    || setuid(s->uid) != 0) {
		log_crit("cannot become user %s: %m", s->user);
		_exit(EX_OSERR);
	}
}

static void
set_environment(const struct child_spec *spec, bool has_tickets)
{
	char id[16];
	snprintf(id, sizeof(id), "%u", spec->id);
	if (spec->is_worker) {
		setenv(SVC_ENV_SERVICE, spec->name, 1);
		setenv(SVC_ENV_ID, id, 1);
	} else {
		unsetenv(SVC_ENV_SERVICE);
		unsetenv(SVC_ENV_ID);
	}
	if (spec->is_template)
		setenv(SVC_ENV_TEMPLATE, "1", 1);
	else
		unsetenv(SVC_ENV_TEMPLATE);
	snprintf(id, sizeof(id), "%d", SVC_TICKETS_FD);
	if (has_tickets)
		setenv(SVC_ENV_TICKETS, id, 1);
	else
		unsetenv(SVC_ENV_TICKETS);
	snprintf(id, sizeof(id), "%d", SVC_HOLDER_FD);
	if (gets_holder(spec))
		setenv(SVC_ENV_HOLDER, id, 1);
	else
		unsetenv(SVC_ENV_HOLDER);
	if (spec->is_daemon)
		setenv("CYRUS_ISDAEMON", "1", 1);
	else
		unsetenv("CYRUS_ISDAEMON");
	/* What systemd told us concerns nobody below. */
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	unsetenv("CHAPAR_ADOPT");
}

__attribute__((noreturn)) static void
run_child(const struct children *c, const struct child_spec *spec,
    const struct command *cmd, pid_t master)
{
	/* A session of its own: ^C at master's terminal is for master only. */
	(void)setsid();
	place_descriptors(c, spec);
	/* At once: who is stopped before that, no later master finds. */
	if (c->setup.roll_fd >= 0)
		svc_sign_roll();
	set_environment(spec, gets_tickets(c, spec));
	if (spec->maxfds > 0) {
		struct rlimit r;
		if (getrlimit(RLIMIT_NOFILE, &r) == 0
		    && r.rlim_max >= (rlim_t)spec->maxfds) {
			r.rlim_cur = r.rlim_max = (rlim_t)spec->maxfds;
			(void)setrlimit(RLIMIT_NOFILE, &r);
		}
	}
	if (!spec->keeps_root)
		drop_root(&c->setup);
	if (!spec->is_worker) {
		/* Workers see by their pipe that master is gone, others not. */
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != master)
			_exit(EX_TEMPFAIL);
	}
	signal(SIGPIPE, SIG_DFL);
	poll_child(c->setup.poll);
	execv(cmd->path.p, (char *const *)(uintptr_t)cmd->argv);
	log_err("%s: cannot run \"%s\": %m", spec->name, cmd->path.p);
	_exit(EX_OSERR);
}

static void
add_child(struct children *c, struct child *new, pid_t pid, child_exit_fn fn, void *ctx)
{
	struct child **bucket = &c->buckets[pid % BUCKETS];
	*new = (struct child){ .next = *bucket, .pid = pid, .fn = fn, .ctx = ctx };
	*bucket = new;
	c->count++;
}

void
children_adopt(struct children *c, pid_t pid, child_exit_fn fn, void *ctx)
{
	struct child *new = mem_zero(1, sizeof(*new));
	add_child(c, new, pid, fn, ctx);
}

enum err
child_spawn(struct children *c, const struct child_spec *spec,
    child_exit_fn fn, void *ctx, pid_t *pid)
{
	struct command cmd;
	enum err e = prepare(c, spec, &cmd);
	struct child *new = mem_zero(1, sizeof(*new));
	if (e != OK)
		goto out;
	pid_t master = getpid();
	*pid = fork();
	if (*pid == 0)
		run_child(c, spec, &cmd, master);
	if (*pid < 0) {
		log_err("%s: cannot fork: %m", spec->name);
		e = ERR_IO;
		goto out;
	}
	add_child(c, new, *pid, fn, ctx);
	new = NULL;
	log_debug("%s: started \"%s\" pid=%d", spec->name, spec->cmd, (int)*pid);
out:
	free(new);
	free_command(&cmd);
	return e;
}

static void
forget(struct children *c, pid_t pid, int status)
{
	struct child **at = &c->buckets[pid % BUCKETS];
	while (*at != NULL && (*at)->pid != pid)
		at = &(*at)->next;
	struct child *gone = *at;
	if (gone == NULL)
		return;		/* left by whoever exec'ed us */
	*at = gone->next;
	c->count--;
	gone->fn(gone->ctx, pid, status);
	free(gone);
}

void
children_reap(struct children *c)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0 ||
	    (pid < 0 && errno == EINTR)) {
		if (pid < 0)
			continue;
		if (WIFSTOPPED(status)) {
			stopped_add(c->stopped, pid, WSTOPSIG(status));
			c->setup.on_stop(c->setup.ctx, pid);
			continue;
		}
		stopped_remove(c->stopped, pid);
		if (!WIFCONTINUED(status))
			forget(c, pid, status);
	}
}

void *
children_find(const struct children *c, pid_t pid, child_exit_fn fn)
{
	if (pid <= 0)
		return NULL;
	for (const struct child *k = c->buckets[pid % BUCKETS]; k != NULL; k = k->next)
		if (k->pid == pid)
			return k->fn == fn ? k->ctx : NULL;
	return NULL;
}

bool
children_user(const struct children *c, uid_t *uid, gid_t *gid)
{
	*uid = c->setup.uid;
	*gid = c->setup.gid;
	return c->setup.drop_root;
}

int
children_count(const struct children *c)
{
	return c->count;
}

void
children_signal(const struct children *c, int signo)
{
	for (int i = 0; i < BUCKETS; i++)
		for (const struct child *k = c->buckets[i]; k != NULL; k = k->next)
			(void)kill(k->pid, signo);
}

int
children_signal_all(const struct children *c, child_exit_fn fn, int signo)
{
	int n = 0;
	for (int i = 0; i < BUCKETS; i++) {
		for (const struct child *k = c->buckets[i]; k != NULL; k = k->next) {
			if (k->fn != fn)
				continue;
			n++;
			if (signo != 0)
				(void)kill(k->pid, signo);
		}
	}
	return n;
}

const char *
children_own_path(const struct children *c)
{
	return c->own_path.p;
}

void
child_print_status(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d (%s)%s", WTERMSIG(status),
		    strsignal(WTERMSIG(status)),
		    WCOREDUMP(status) ? ", core dumped" : "");
	else
		snprintf(text, size, "exit %d", WEXITSTATUS(status));
}
