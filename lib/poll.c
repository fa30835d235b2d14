/*
 * Descriptors are kept in a table indexed by their number, with a generation
 * that grows at every change of owner: an event that epoll collected for one
 * who has left since is recognised and dropped.  Timers are a list in order
 * of time; there are a few dozen at most.
 */
#include "lib/poll.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	ROUND = 64,		/* events taken from the kernel at once */
	LATE_MS = 100,		/* between tries to watch what could not be watched */
};

struct slot {
	poll_fd_fn fn;		/* NULL: not watched */
	void *ctx;
	uint32_t generation;
	short events;
	bool exclusive;
	bool is_late;		/* the kernel does not know of it yet */
};

struct poll_timer {
	struct poll_timer *next;
	int64_t at;
	poll_timer_fn fn;
	void *ctx;
};

struct poll {
	int epoll_fd, signal_fd;
	bool stopped;
	int64_t now;
	struct slot *slots;
	int n_slots, late;	/* .late: how many slots are */
	struct poll_timer *timers;
	sigset_t signals;
	struct { poll_signal_fn fn; void *ctx; } handlers[NSIG];
};

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR
    && EPOLLHUP == POLLHUP, "poll and epoll must use the same bits");

int64_t
poll_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct poll *
poll_new(void)
{
	struct poll *p = mem_zero(1, sizeof(*p));
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll_fd < 0)
		log_fatal(EX_OSERR, "epoll_create1: %m");
	p->signal_fd = -1;
	p->now = poll_clock();
	sigemptyset(&p->signals);
	return p;
}

void
poll_free(struct poll *p)
{
	if (p == NULL)
		return;
	while (p->timers != NULL)
		poll_cancel(p, p->timers);
	sigprocmask(SIG_UNBLOCK, &p->signals, NULL);
	if (p->signal_fd >= 0)
		close(p->signal_fd);
	close(p->epoll_fd);
	free(p->slots);
	free(p);
}

static struct slot *
slot_of(struct poll *p, int fd)
{
	if (fd >= p->n_slots) {
		int n = fd + 64;
		struct slot *more = mem_grow(p->slots, (size_t)n * sizeof(*more));
		memset(more + p->n_slots, 0, (size_t)(n - p->n_slots) * sizeof(*more));
		p->slots = more;
		p->n_slots = n;
	}
	return &p->slots[fd];
}

static bool
tell_kernel(struct poll *p, int fd, int op)
{
	const struct slot *s = &p->slots[fd];
	struct epoll_event ev = {
		.events = (uint32_t)s->events | (s->exclusive ? EPOLLEXCLUSIVE : 0),
		.data.u64 = (uint64_t)s->generation << 32 | (uint32_t)fd,
	};
	if (epoll_ctl(p->epoll_fd, op, fd, &ev) == 0)
		return true;
	/* It was to be let go, and was not. */
	if (op == EPOLL_CTL_ADD && errno == EEXIST
	    && epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, fd, &ev) == 0)
		return true;
	if (errno != ENOMEM && errno != ENOSPC)
		log_fatal(EX_OSERR, "cannot watch descriptor %d: %m", fd);
	return false;
}

static void
watch(struct poll *p, int fd, short events, poll_fd_fn fn, void *ctx)
{
	struct slot *s = slot_of(p, fd);
	if (s->fn == fn && s->ctx == ctx && s->events == events && !s->exclusive && !s->is_late)
		return;
	int op = s->fn != NULL && !s->is_late ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	s->fn = fn;
	s->ctx = ctx;
	s->events = events;
	s->generation++;
	if (tell_kernel(p, fd, op)) {
		p->late -= s->is_late;
		s->is_late = false;
	} else if (!s->is_late) {
		log_err("cannot watch descriptor %d: %m; trying again", fd);
		(void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		s->is_late = true;
		p->late++;
	}
}

void
poll_watch(struct poll *p, int fd, short events, poll_fd_fn fn, void *ctx)
{
	if (slot_of(p, fd)->exclusive)
		poll_unwatch(p, fd);
	watch(p, fd, events, fn, ctx);
}

/* What is exclusive cannot be changed, only taken away and set anew. */
void
poll_watch_exclusive(struct poll *p, int fd, poll_fd_fn fn, void *ctx)
{
	poll_unwatch(p, fd);
	slot_of(p, fd)->exclusive = true;
	watch(p, fd, POLLIN, fn, ctx);
}

/* What the kernel had no memory for. */
static void
watch_late(struct poll *p)
{
	for (int fd = 0; p->late > 0 && fd < p->n_slots; fd++) {
		if (!p->slots[fd].is_late || !tell_kernel(p, fd, EPOLL_CTL_ADD))
			continue;
		p->slots[fd].is_late = false;
		p->late--;
	}
}

void
poll_unwatch(struct poll *p, int fd)
{
	if (fd < 0 || fd >= p->n_slots || p->slots[fd].fn == NULL)
		return;
	p->late -= p->slots[fd].is_late;
	p->slots[fd].is_late = false;
	p->slots[fd].fn = NULL;
	p->slots[fd].exclusive = false;
	p->slots[fd].generation++;
	(void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

struct poll_timer *
poll_after(struct poll *p, int64_t delay_ms, poll_timer_fn fn, void *ctx)
{
	struct poll_timer *t = mem_zero(1, sizeof(*t));
	t->at = poll_clock() + (delay_ms > 0 ? delay_ms : 0);
	t->fn = fn;
	t->ctx = ctx;
	struct poll_timer **at = &p->timers;
	while (*at != NULL && (*at)->at <= t->at)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
	return t;
}

void
poll_cancel(struct poll *p, struct poll_timer *t)
{
	if (t == NULL)
		return;
	struct poll_timer **at = &p->timers;
	while (*at != t) {
		ensure(*at != NULL);
		at = &(*at)->next;
	}
	*at = t->next;
	free(t);
}

/* Several signals of one kind may have become one: handlers must look. */
static void
take_signals(void *ctx, int fd, short ready)
{
	struct poll *p = ctx;
	struct signalfd_siginfo info;
	(void)ready;
	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		int signo = (int)info.ssi_signo;
		if (signo > 0 && signo < NSIG && p->handlers[signo].fn != NULL)
			p->handlers[signo].fn(p->handlers[signo].ctx, signo);
	}
}

void
poll_signal(struct poll *p, int signo, poll_signal_fn fn, void *ctx)
{
	p->handlers[signo].fn = fn;
	p->handlers[signo].ctx = ctx;
	sigaddset(&p->signals, signo);
	sigprocmask(SIG_BLOCK, &p->signals, NULL);
	/* What nohup(1) and its like set to be ignored would never arrive. */
	signal(signo, SIG_DFL);
	int fd = signalfd(p->signal_fd, &p->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		log_fatal(EX_OSERR, "signalfd: %m");
	if (p->signal_fd < 0)
		poll_watch(p, fd, POLLIN, take_signals, p);
	p->signal_fd = fd;
}

void
poll_child(const struct poll *p)
{
	sigprocmask(SIG_UNBLOCK, &p->signals, NULL);
}

static void
run_timers(struct poll *p)
{
	while (!p->stopped && p->timers != NULL && p->timers->at <= p->now) {
		struct poll_timer *t = p->timers;
		p->timers = t->next;
		poll_timer_fn fn = t->fn;
		void *ctx = t->ctx;
		free(t);
		fn(ctx);
	}
}

static int
time_left(const struct poll *p)
{
	if (p->timers == NULL)
		return p->late > 0 ? LATE_MS : -1;
	int64_t left = p->timers->at - poll_clock();
	if (p->late > 0 && left > LATE_MS)
		return LATE_MS;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

void
poll_run(struct poll *p)
{
	struct epoll_event events[ROUND];
	p->stopped = false;
	while (!p->stopped) {
		int n = epoll_wait(p->epoll_fd, events, ROUND, time_left(p));
		if (n < 0 && errno != EINTR)
			log_fatal(EX_OSERR, "epoll_wait: %m");
		p->now = poll_clock();
		for (int i = 0; i < n && !p->stopped; i++) {
			int fd = (int)(uint32_t)events[i].data.u64;
			const struct slot *s = &p->slots[fd];
			if (s->fn != NULL
			    && s->generation == events[i].data.u64 >> 32)
				s->fn(s->ctx, fd, (short)events[i].events);
		}
		run_timers(p);
		watch_late(p);
	}
}

void
poll_stop(struct poll *p)
{
	p->stopped = true;
}

int64_t
poll_now(const struct poll *p)
{
	return p->now;
}
