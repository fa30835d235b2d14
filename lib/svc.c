/*
 * Waiting for a connection.  Many free workers wait for one socket; each has
 * it in an epoll set of its own with EPOLLEXCLUSIVE, so that a connection
 * wakes one of them and not the herd.  Before waiting, accept is tried: under
 * load that is the only system call between two sessions.  After waiting it is
 * tried too, whatever ended the wait: see last_try().
 *
 * Signals.  SIGHUP is blocked but inside epoll_pwait(), so the check of the
 * flag and the wait are one step, and a session never sees EINTR for it.
 * SIGTERM makes an eventfd readable, which ends every kind of wait, ours and
 * the session's stream's; that is the whole of its handler.
 *
 * Master's death.  The status pipe has its only reading end in master; when
 * that is gone epoll reports EPOLLERR for our end.  In a session nobody looks
 * there, so the kernel sends a signal, too: its handler puts the eventfd in the
 * listening socket's place, which closes that without giving its number away.
 */
#include "lib/svc.h"
#include "lib/log.h"
#include "lib/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define ORPHANED	(SIGRTMIN + 1)

static volatile sig_atomic_t end_soon, end_now;
static int stop_fd = -1;

static void
on_hup(int sig)
{
	(void)sig;
	end_soon = 1;
}

static void
on_term(int sig)
{
	(void)sig;
	int saved = errno;
	uint64_t one = 1;
	end_now = 1;
	(void)!write(stop_fd, &one, sizeof(one));
	errno = saved;
}

static void
on_orphaned(int sig)
{
	(void)sig;
	int saved = errno;
	(void)dup2(stop_fd, SVC_LISTEN_FD);
	errno = saved;
}

/*
 * Master, and nobody between, is our parent; or was: of an end before this no
 * signal tells, but the pipe does.
 */
static void
watch_parent(const struct svc *s)
{
	struct pollfd status = { .fd = s->status_fd };	/* POLLERR without being asked */
	struct sigaction sa = { .sa_handler = on_orphaned, .sa_flags = SA_RESTART };
	sigemptyset(&sa.sa_mask);
	sigaction(ORPHANED, &sa, NULL);
	if (prctl(PR_SET_PDEATHSIG, ORPHANED) != 0)
		log_warning("cannot be told if master ends: %m");
	if (poll(&status, 1, 0) > 0)
		on_orphaned(ORPHANED);
}

static void
watch(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
		log_fatal(EX_OSERR, "cannot wait for descriptor %d: %m", fd);
}

static void
init_signals(void)
{
	if (stop_fd >= 0)
		close(stop_fd);
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0)
		log_fatal(EX_OSERR, "eventfd: %m");
	struct sigaction sa = { .sa_handler = on_hup };
	sigemptyset(&sa.sa_mask);
	sigaction(SIGHUP, &sa, NULL);
	sa.sa_handler = on_term;
	sa.sa_flags = SA_RESTART;
	sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

/*
 * Master reads at once or is gone; if its pipe is full all the same, the
 * message matters less than the client.
 */
void
svc_tell(struct svc *s, enum svc_message_type type, pid_t template)
{
	struct svc_message m = { .type = type, .pid = getpid(), .template = template };
	ssize_t n;
	do
		n = write(s->status_fd, &m, sizeof(m));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(m) && errno != EPIPE)
		log_warning("cannot tell master the state of this worker: %m");
}

void
svc_tell_state(struct svc *s, enum svc_message_type type)
{
	if (s->status_fd < 0 || s->state == (int)type)
		return;
	s->state = (int)type;
	svc_tell(s, type, 0);
}

static void
init_waiting(struct svc *s)
{
	s->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->wait_fd < 0)
		log_fatal(EX_OSERR, "epoll_create1: %m");
	watch(s->wait_fd, stop_fd, EPOLLIN);
	watch(s->wait_fd, s->status_fd, 0);
	watch(s->wait_fd, s->listen_fd, EPOLLIN | EPOLLEXCLUSIVE);
}

void
svc_init(struct svc *s)
{
	*s = (struct svc){
		.listen_fd = -1, .status_fd = -1, .wait_fd = -1, .control_fd = -1,
		.message = BUF_INIT,
	};
	s->service = getenv(SVC_ENV_SERVICE);
	init_signals();
	if (s->service == NULL)
		return;
	s->listen_fd = SVC_LISTEN_FD;
	s->status_fd = SVC_STATUS_FD;
	s->is_queue = pass_is_queue(s->listen_fd);
	(void)fcntl(s->listen_fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(s->status_fd, F_SETFD, FD_CLOEXEC);
	init_waiting(s);
	watch_parent(s);
}

/* Not there, if master could not have the file: no reason to serve nobody. */
static void
sign(int fd, int64_t at)
{
	struct flock mine = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1,
	};
	if (fcntl(fd, F_SETLK, &mine) != 0)
		log_debug("roll: %m");
}

void
svc_sign_roll(void)
{
	sign(SVC_ROLL_FD, getpid());
}

/* The descriptor stays open: with it the signature would go. */
void
svc_sign_roll_as_tool(const char *config_dir)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", config_dir, SVC_ROLL_FILE) >= PATH_MAX)
		return;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		sign(fd, SVC_ROLL_TOOLS + getpid());
}

void
svc_renew(struct svc *s, pid_t template)
{
	svc_sign_roll();
	close(s->wait_fd);
	s->state = 0;
	s->served = 0;
	init_signals();
	init_waiting(s);
	watch_parent(s);
	svc_tell(s, SVC_COPIED, template);
}

static enum err
accept_by_hand(struct svc *s, int *fd)
{
	if (s->served++ > 0 || end_now || end_soon)
		return ERR_CLOSED;
	*fd = STDIN_FILENO;
	return OK;
}

/* The same from a queue: one message is one connection, if it is whole. */
static enum err
try_take(struct svc *s, int *fd)
{
	int fds[PASS_FDS];
	enum err e;
	for (;;) {
		e = pass_receive(s->listen_fd, &s->message, fds);
		if (e != OK && e != ERR_LIMIT)
			return e;
		if (e == OK && fds[0] >= 0 && fds[1] >= 0 && fds[2] < 0)
			break;
		log_err("service %s: a message in its queue is none of ours", s->service);
		pass_close(fds);
	}
	*fd = fds[0];
	s->control_fd = fds[1];
	return OK;
}

/* One try; ERR_AGAIN: nobody is there. */
static enum err
try_accept(struct svc *s, int *fd)
{
	if (s->is_queue)
		return try_take(s, fd);
	for (;;) {
		*fd = accept4(s->listen_fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (*fd >= 0)
			return OK;
		if (errno == EAGAIN)
			return ERR_AGAIN;
		/* Master shut the socket or is gone; its signal is under way. */
		if (errno == EINVAL || errno == ENOTSOCK)
			return ERR_CLOSED;
		/* accept(2): these concern one client that is gone again. */
		if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO
		    || errno == ENETDOWN || errno == ENETUNREACH
		    || errno == EHOSTDOWN || errno == EHOSTUNREACH
		    || errno == ENONET || errno == ENOPROTOOPT)
			continue;
		log_err("IOERROR: accept for service %s: %m", s->service);
		return ERR_IO;
	}
}

static int64_t
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until something happens, however little it concerns us. */
static enum err
wait_once(struct svc *s, int64_t end)
{
	sigset_t mask;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigdelset(&mask, SIGHUP);
	int64_t left = end == 0 ? -1 : end - now_ms();
	if (end != 0 && left <= 0)
		return ERR_TIMEOUT;
	struct epoll_event ev[3];
	int n = epoll_pwait(s->wait_fd, ev, 3, (int)left, &mask);
	if (n < 0 && errno != EINTR) {
		log_err("IOERROR: epoll_pwait: %m");
		return ERR_IO;
	}
	/*
	 * Master is gone, or it shut the socket.  accept4() says EINVAL then for
	 * TCP but EAGAIN for a UNIX socket, and while an event is ready
	 * epoll_pwait() lets no signal in: nothing else would end the loop.
	 */
	for (int i = 0; i < n; i++)
		if (ev[i].data.fd == s->status_fd || (ev[i].events & EPOLLHUP) != 0)
			return ERR_CLOSED;
	return end_soon || end_now ? ERR_CLOSED : OK;
}

/* Takes a SIGHUP that came while we were busy and it was blocked. */
static void
take_blocked_hup(void)
{
	sigset_t pending;
	if (sigpending(&pending) == 0 && sigismember(&pending, SIGHUP) == 1)
		end_soon = 1;
}

/*
 * A worker that stops waiting may just have been the one that was woken for a
 * client: then nobody else was, so that client is still ours.
 */
static enum err
last_try(struct svc *s, enum err why, int *fd)
{
	if (end_now || try_accept(s, fd) != OK)
		return why;
	s->served++;
	svc_tell_state(s, SVC_BUSY);
	return OK;
}

void
svc_on_idle(struct svc *s, svc_idle_fn fn, void *ctx)
{
	s->on_idle = fn;
	s->on_idle_ctx = ctx;
}

enum err
svc_accept(struct svc *s, int idle_seconds, int *fd)
{
	*fd = -1;
	if (s->status_fd < 0)
		return accept_by_hand(s, fd);
	take_blocked_hup();
	int64_t end = idle_seconds > 0 ? now_ms() + idle_seconds * INT64_C(1000) : 0;
	while (!end_soon && !end_now) {
		enum err e = try_accept(s, fd);
		if (e == OK) {
			s->served++;
			svc_tell_state(s, SVC_BUSY);
		}
		if (e != ERR_AGAIN)
			return e;
		if (s->on_idle != NULL) {
			e = s->on_idle(s->on_idle_ctx);
			s->on_idle = NULL;
			if (e != OK)
				return ERR_IO;
			continue;	/* somebody may have come meanwhile */
		}
		svc_tell_state(s, SVC_FREE);
		e = wait_once(s, end);
		if (e != OK)
			return last_try(s, e, fd);
	}
	return ERR_CLOSED;
}

/* As when master is gone: the number is not given away, whatever is opened. */
void
svc_let_go(struct svc *s)
{
	if (s->status_fd < 0)
		return;
	(void)epoll_ctl(s->wait_fd, EPOLL_CTL_DEL, s->listen_fd, NULL);
	if (dup2(stop_fd, s->listen_fd) < 0)
		log_fatal(EX_OSERR, "cannot let go of service %s's clients: %m", s->service);
}

int
svc_stop_fd(void)
{
	return stop_fd;
}

bool
svc_stopping(void)
{
	take_blocked_hup();
	return end_soon || end_now;
}
