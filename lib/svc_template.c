/*
 * svc_template.c - a worker that is copied instead of being started anew
 *
 * A copy is forked twice: the process between ends at once, so that the copy's
 * parent is master, the subreaper, which then learns of its end as of any
 * other worker's.  (clone() with CLONE_PARENT would do it in one step, but
 * behind the back of the C library.)
 *
 * The template has no threads and waits for signals only, by signalfd: those
 * that come while it copies are not lost, and a copy does not inherit them.
 */
#include "lib/svc.h"
#include "lib/log.h"
#include "lib/proctitle.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static sigset_t
signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SVC_COPY_SIGNAL);
	return set;
}

static void
become_worker(struct svc *s, int signal_fd, pid_t template, pid_t between)
{
	sigset_t copy;
	/* Not before: the end of our first parent is no news. */
	while (getppid() == between)
		(void)sched_yield();
	close(signal_fd);
	(void)setsid();
	(void)signal(SVC_COPY_SIGNAL, SIG_IGN);
	sigemptyset(&copy);
	sigaddset(&copy, SVC_COPY_SIGNAL);
	(void)sigprocmask(SIG_UNBLOCK, &copy, NULL);
	svc_renew(s, template);
}

/* One that somebody stops just now must not stop us, too. */
static void
wait_for_copying(pid_t between, int *status)
{
	while (between > 0) {
		pid_t pid = waitpid(between, status, WUNTRACED);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0 || !WIFSTOPPED(*status))
			break;
		(void)kill(between, SIGKILL);
	}
}

/* True in the copy. */
static bool
make_copy(struct svc *s, int signal_fd)
{
	pid_t template = getpid();
	pid_t between = fork();
	int status = 0;
	if (between == 0) {
		pid_t between_id = getpid(), worker = fork();
		if (worker == 0) {
			become_worker(s, signal_fd, template, between_id);
			return true;
		}
		_exit(worker > 0 ? 0 : EX_OSERR);
	}
	wait_for_copying(between, &status);
	if (between < 0 || status != 0) {
		log_err("service %s: cannot fork a worker: %m", s->service);
		svc_tell(s, SVC_NOT_COPIED, 0);
	}
	return false;
}

/* The next signal's number; 0: master is gone. */
static int
next_signal(const struct svc *s, int signal_fd)
{
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = s->status_fd },		/* POLLERR without being asked */
	};
	struct signalfd_siginfo info;
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 0;
		if (fds[1].revents != 0)
			return 0;
		if (fds[0].revents != 0
		    && read(signal_fd, &info, sizeof(info)) == sizeof(info))
			return (int)info.ssi_signo;
	}
}

void
svc_on_copy(struct svc *s, void (*fn)(void *ctx), void *ctx)
{
	s->on_copy = fn;
	s->on_copy_ctx = ctx;
}

enum err
svc_template(struct svc *s, const char *program)
{
	if (s->status_fd < 0 || getenv(SVC_ENV_TEMPLATE) == NULL)
		return OK;
	sigset_t set = signals();
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	int signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (signal_fd < 0)
		log_fatal(EX_OSERR, "signalfd: %m");
	proctitle_set("%s: %s: template", program, s->service);
	if (!svc_stopping())
		svc_tell(s, SVC_TEMPLATE, 0);
	while (!svc_stopping()) {
		if (next_signal(s, signal_fd) != SVC_COPY_SIGNAL)
			break;
		if (s->on_copy != NULL)
			s->on_copy(s->on_copy_ctx);
		if (make_copy(s, signal_fd))
			return OK;
	}
	close(signal_fd);
	return ERR_CLOSED;
}
