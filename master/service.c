/*
 * Invariants, of each service:
 *  1. count[state] is the number of its workers of the present generation in
 *     that state; total is that of all of them.
 *  2. The socket is watched only while nobody is free or starting: a free
 *     worker takes the connection itself, a starting one is about to.
 *  3. Nothing is started while draining, before not_before, past maxchild or
 *     faster than maxforkrate; whatever ends that condition calls tend().
 *
 * Every event (a message, an end, a knock, a timer) changes the books and
 * then calls tend(), which compares what is with what should be; there is no
 * other place that starts workers, so no event can be forgotten for good.
 */
#include "master/service.h"
#include "lib/log.h"
#include "lib/net.h"
#include "lib/svc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	MAX_BACKOFF_S = 60,
	RELISTEN_MS = 5000,		/* between tries to get a socket */
	LOG_FULL_MS = 60000,		/* between complaints about maxchild */
	OVERDUE_MS = 30000,		/* a worker that outlives a reload */
	MAX_STARTS = 32,		/* at once, whoever waits */
};

enum state { STARTING, FREE, BUSY, STATES };
static const char *const state_names[STATES] = { "starting", "free", "busy" };

struct worker {
	struct worker *next;
	struct service *service;
	pid_t pid;
	enum state state;
	bool old;			/* of a generation before a reload */
	bool overdue;			/* and that has been logged */
	int64_t since;			/* in this state */
	unsigned served;
};

struct service {
	struct service *next;
	struct services *all;
	char *name, *cmd, *listen, *proto;
	int prefork, maxchild, maxfds, maxforkrate;
	mode_t mode;
	int fd;				/* -1: none (yet, or any more) */
	bool inherited;			/* from systemd: not ours to shut */
	int pipe[2];
	bool keep;			/* while configuring */
	bool draining;
	struct worker *workers;
	int count[STATES], total;
	unsigned next_id;
	int failures;			/* in a row */
	int64_t not_before;
	int64_t relisten_at, full_logged;
	int ignored;			/* rounds in which a client was left waiting */
	int64_t second;			/* in which forks were counted */
	int forks;
	struct poll_timer *timer;
};

struct services {
	struct poll *poll;
	struct children *children;
	struct service_setup setup;
	struct service *first;
	bool paused;
};

static void tend(struct service *s);
static void open_socket(struct service *s);
static void on_exit_of_worker(void *ctx, pid_t pid, int status);

static char *
must_copy(const char *text)
{
	char *copy = strdup(text);
	if (copy == NULL)
		log_fatal(EX_OSERR, "out of memory for a service");
	return copy;
}

struct services *
services_new(const struct service_setup *setup)
{
	struct services *all = malloc(sizeof(*all));
	if (all == NULL)
		log_fatal(EX_OSERR, "out of memory for services");
	*all = (struct services){
		.poll = setup->poll, .children = setup->children, .setup = *setup,
	};
	return all;
}

/* A worker's books: its state and those counted by it. */
static void
set_state(struct worker *w, enum state state)
{
	if (!w->old) {
		w->service->count[w->state]--;
		w->service->count[state]++;
	}
	w->state = state;
	w->since = poll_now(w->service->all->poll);
}

static void
take_messages(struct service *s)
{
	struct svc_message m[64];
	ssize_t n;
	while ((n = read(s->pipe[0], m, sizeof(m))) > 0) {
		for (size_t i = 0; i < (size_t)n / sizeof(m[0]); i++) {
			struct worker *w = children_find(s->all->children, m[i].pid,
			    on_exit_of_worker);
			if (w == NULL || w->service != s)
				continue;
			if (m[i].type == SVC_BUSY) {
				w->served++;
				s->failures = 0;
				set_state(w, BUSY);
			} else if (m[i].type == SVC_FREE) {
				set_state(w, FREE);
			}
		}
	}
}

static void
on_pipe(void *ctx, int fd, short ready)
{
	struct service *s = ctx;
	(void)fd, (void)ready;
	take_messages(s);
	tend(s);
}

static void
on_timer(void *ctx)
{
	struct service *s = ctx;
	s->timer = NULL;
	tend(s);
}

/* Looks again in DELAY_MS, or earlier if that was planned. */
static void
tend_later(struct service *s, int64_t delay_ms)
{
	if (s->timer == NULL)
		s->timer = poll_after(s->all->poll, delay_ms, on_timer, s);
}

static void
back_off(struct service *s, const char *what)
{
	int delay = 1;
	for (int i = 0; i < s->failures && delay < MAX_BACKOFF_S; i++)
		delay *= 2;
	if (delay > MAX_BACKOFF_S)
		delay = MAX_BACKOFF_S;
	s->failures++;
	s->not_before = poll_now(s->all->poll) + delay * INT64_C(1000);
	log_err("service %s: %s; failure %d in a row, next try in %d s; see"
	    " what \"%s\" logged", s->name, what, s->failures, delay, s->cmd);
}

static void
judge_end(struct service *s, const struct worker *w, int status)
{
	char end[96], what[160];
	bool bad = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	child_print_status(status, end, sizeof(end));
	if (s->draining || w->old) {
		if (bad)
			log_notice("service %s: worker %d ended: %s", s->name,
			    (int)w->pid, end);
		return;
	}
	if (w->state == STARTING || (bad && w->served == 0)) {
		snprintf(what, sizeof(what), "worker %d ended before it served"
		    " anybody: %s", (int)w->pid, end);
		back_off(s, what);
	} else if (bad) {
		log_err("service %s: worker %d died %s: %s", s->name, (int)w->pid,
		    w->state == BUSY ? "with a client (that session is lost)"
		    : "while it was free", end);
	}
}

static void
free_service(struct service *s)
{
	poll_unwatch(s->all->poll, s->pipe[0]);
	close(s->pipe[0]);
	close(s->pipe[1]);
	poll_cancel(s->all->poll, s->timer);
	free(s->name);
	free(s->cmd);
	free(s->listen);
	free(s->proto);
	free(s);
}

/* A service that is gone from cyrus.conf stays until its last worker ends. */
static void
free_if_done(struct service *s)
{
	if (!s->draining || s->workers != NULL)
		return;
	struct service **at = &s->all->first;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free_service(s);
}

static void
on_exit_of_worker(void *ctx, pid_t pid, int status)
{
	struct worker *w = ctx;
	struct service *s = w->service;
	struct worker **at = &s->workers;
	/* What it said last may still be in the pipe. */
	take_messages(s);
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	s->total--;
	if (!w->old)
		s->count[w->state]--;
	judge_end(s, w, status);
	s->all->setup.gone(s->all->setup.ctx, pid);
	free(w);
	tend(s);
	free_if_done(s);
}

static bool
start_worker(struct service *s)
{
	struct worker *w = malloc(sizeof(*w));
	if (w == NULL)
		return false;
	*w = (struct worker){
		.next = s->workers, .service = s, .state = STARTING,
		.since = poll_now(s->all->poll),
	};
	const struct child_spec spec = {
		.name = s->name, .cmd = s->cmd, .status_fd = s->pipe[1],
		.listen_fd = s->fd, .maxfds = s->maxfds, .id = s->next_id,
		.is_worker = true,
	};
	enum err e = child_spawn(s->all->children, &spec, on_exit_of_worker, w,
	    &w->pid);
	if (e != OK) {
		free(w);
		back_off(s, "cannot start a worker");
		return false;
	}
	s->next_id++;
	s->workers = w;
	s->total++;
	s->count[STARTING]++;
	s->forks++;
	return true;
}

/*
 * How many clients wait to be accepted?  TCP says so exactly; of a UNIX
 * socket we learn only whether, and guess in proportion to what is going on.
 */
static int
waiting(const struct service *s)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		return (int)info.tcpi_unacked;
	struct pollfd pfd = { .fd = s->fd, .events = POLLIN };
	return poll(&pfd, 1, 0) == 1 ? 1 + s->count[BUSY] / 2 : 0;
}

/* Is there anything that forbids one more worker just now? */
static bool
may_start(struct service *s)
{
	int64_t now = poll_now(s->all->poll);
	if (now < s->not_before) {
		tend_later(s, s->not_before - now);
		return false;
	}
	if (s->maxchild >= 0 && s->total >= s->maxchild) {
		if (s->count[FREE] + s->count[STARTING] == 0 && waiting(s) > 0
		    && (s->full_logged == 0 || now - s->full_logged > LOG_FULL_MS)) {
			log_warning("service %s: all %d workers (maxchild) are"
			    " busy; clients wait", s->name, s->total);
			s->full_logged = now;
		}
		return false;
	}
	if (s->second != now / 1000) {
		s->second = now / 1000;
		s->forks = 0;
	}
	if (s->maxforkrate > 0 && s->forks >= s->maxforkrate) {
		tend_later(s, 1000 - now % 1000);
		return false;
	}
	return true;
}

static void
on_knock(void *ctx, int fd, short ready)
{
	struct service *s = ctx;
	(void)ready;
	poll_unwatch(s->all->poll, fd);
	tend(s);
}

static void
tend(struct service *s)
{
	if (s->draining || s->all->paused)
		return;
	if (s->fd < 0) {
		open_socket(s);
		return;
	}
	poll_unwatch(s->all->poll, s->fd);
	int ready = s->count[STARTING] + s->count[FREE];
	int missing = s->prefork - ready;
	if (s->count[FREE] == 0) {
		int knocks = waiting(s) - s->count[STARTING];
		if (knocks > missing)
			missing = knocks;
	}
	if (missing > MAX_STARTS)
		missing = MAX_STARTS;
	bool allowed = true;
	while (missing > 0 && (allowed = may_start(s)) && start_worker(s))
		missing--;
	if (allowed && s->count[STARTING] + s->count[FREE] == 0 && may_start(s))
		poll_watch(s->all->poll, s->fd, POLLIN, on_knock, s);
}

/*
 * Free workers and a client that waits all the same: whoever was woken for
 * it has been killed.  One more worker, when it comes, looks for itself.
 */
static void
help_ignored(struct service *s)
{
	bool waits = !s->draining && s->fd >= 0 && s->count[FREE] > 0
	    && waiting(s) > 0;
	s->ignored = waits ? s->ignored + 1 : 0;
	if (s->ignored < 2 || !may_start(s))
		return;
	s->ignored = 0;
	log_info("service %s: a client waits beside free workers; starting one"
	    " more", s->name);
	(void)start_worker(s);
}

void
services_tend(struct services *all)
{
	int64_t now = poll_now(all->poll);
	for (struct service *s = all->first; s != NULL; s = s->next) {
		tend(s);
		help_ignored(s);
		for (struct worker *w = s->workers; w != NULL; w = w->next) {
			if (!w->old || w->overdue || now - w->since < OVERDUE_MS)
				continue;
			w->overdue = true;
			log_info("service %s: worker %d still serves the client"
			    " it had at the reload", s->name, (int)w->pid);
		}
	}
}

static struct service *
new_service(struct services *all, const struct mconf_entry *e)
{
	struct service *s = calloc(1, sizeof(*s));
	if (s == NULL)
		log_fatal(EX_OSERR, "out of memory for service %s", e->name);
	s->all = all;
	s->fd = -1;
	s->listen = must_copy(e->listen);
	s->proto = must_copy(e->proto);
	if (pipe2(s->pipe, O_CLOEXEC) != 0)
		log_fatal(EX_OSERR, "pipe for service %s: %m", e->name);
	(void)fcntl(s->pipe[0], F_SETFL, O_NONBLOCK);
	poll_watch(all->poll, s->pipe[0], POLLIN, on_pipe, s);
	struct service **at = &all->first;
	while (*at != NULL)
		at = &(*at)->next;
	*at = s;
	return s;
}

/* All but the address, which is what a service is known by. */
static void
set_params(struct service *s, const struct mconf_entry *e)
{
	free(s->name);
	free(s->cmd);
	s->name = must_copy(e->name);
	s->cmd = must_copy(e->cmd);
	s->prefork = e->prefork;
	s->maxchild = e->maxchild;
	s->maxfds = e->maxfds;
	s->maxforkrate = e->maxforkrate;
	s->mode = e->mode;
	s->failures = 0;
	s->not_before = 0;
	s->keep = true;
}

/* All sockets of S's address; more than one makes more services like S. */
static void
add_sockets(struct service *s, const int *fds, int n, bool inherited)
{
	const struct mconf_entry like = {
		.name = s->name, .cmd = s->cmd, .listen = s->listen,
		.proto = s->proto, .prefork = s->prefork, .maxchild = s->maxchild,
		.maxfds = s->maxfds, .maxforkrate = s->maxforkrate, .mode = s->mode,
	};
	for (int i = 0; i < n; i++) {
		struct service *one = s;
		if (i > 0) {
			one = new_service(s->all, &like);
			set_params(one, &like);
		}
		one->fd = fds[i];
		one->inherited = inherited;
		tend(one);
	}
}

/* So that mode=0660 lets the mail system's group in, not root's. */
static void
give_to_user(const struct service *s)
{
	uid_t uid;
	gid_t gid;
	if (children_user(s->all->children, &uid, &gid)
	    && lchown(s->listen, uid, gid) != 0)
		log_io(s->listen, "chown");
}

static void
open_socket(struct service *s)
{
	int fds[NET_MAX_ADDRESSES], n = 0;
	int64_t now = poll_now(s->all->poll);
	if (now < s->relisten_at)
		return;
	bool own = true;
	while (n < NET_MAX_ADDRESSES
	    && (fds[n] = systemd_socket(s->all->setup.inherited,
	    s->name, s->listen, &own)) >= 0)
		n++;
	enum err e = OK;
	if (n > 0)
		log_info("service %s: %d socket(s) taken over", s->name, n);
	else if (net_is_path(s->listen)) {
		e = net_listen_unix(s->listen, s->mode, s->all->setup.backlog, fds);
		n = e == OK ? 1 : 0;
		if (e == OK)
			give_to_user(s);
	} else {
		enum net_family family = strcasecmp(s->proto, "tcp4") == 0
		    ? NET_IPV4 : strcasecmp(s->proto, "tcp6") == 0
		    ? NET_IPV6 : NET_ANY;
		e = net_listen_tcp(s->listen, family, s->all->setup.backlog, fds, &n);
	}
	if (e != OK) {
		log_err("service %s: cannot listen on \"%s\"; next try in %d s",
		    s->name, s->listen, RELISTEN_MS / 1000);
		s->relisten_at = now + RELISTEN_MS;
		tend_later(s, RELISTEN_MS);
		return;
	}
	add_sockets(s, fds, n, !own);
}

/* What its workers hold open does not count: nobody gets in any more. */
static void
retire(struct service *s)
{
	if (s->fd >= 0) {
		poll_unwatch(s->all->poll, s->fd);
		if (s->inherited)
			close(s->fd);
		else
			net_unlisten(s->fd);
		s->fd = -1;
	}
	s->draining = true;
}

static void
tell_workers(struct service *s)
{
	for (struct worker *w = s->workers; w != NULL; w = w->next) {
		if (!w->old)
			s->count[w->state]--;
		w->old = true;
		w->since = poll_now(s->all->poll);
		(void)kill(w->pid, SIGHUP);
	}
}

static bool
keep_same_address(struct services *all, const struct mconf_entry *e)
{
	bool found = false;
	for (struct service *s = all->first; s != NULL; s = s->next) {
		if (s->draining || strcmp(s->listen, e->listen) != 0
		    || strcasecmp(s->proto, e->proto) != 0)
			continue;
		set_params(s, e);
		s->relisten_at = 0;
		found = true;
	}
	return found;
}

void
services_configure(struct services *all, const struct mconf *conf)
{
	struct mconf_entry *first = conf->first[MCONF_SERVICES];
	for (struct service *s = all->first; s != NULL; s = s->next)
		s->keep = false;
	for (const struct mconf_entry *e = first; e != NULL; e = e->next)
		(void)keep_same_address(all, e);
	/* First let go, then take: a new service may want an old port. */
	for (struct service *s = all->first, *next; s != NULL; s = next) {
		next = s->next;
		tell_workers(s);
		if (!s->keep && !s->draining)
			retire(s);
		free_if_done(s);
	}
	for (const struct mconf_entry *e = first; e != NULL; e = e->next) {
		bool there = false;
		for (struct service *s = all->first; s != NULL; s = s->next)
			there |= s->keep && strcmp(s->name, e->name) == 0;
		if (!there)
			set_params(new_service(all, e), e);
	}
	services_tend(all);
}

void
services_pause(struct services *all)
{
	all->paused = true;
	for (struct service *s = all->first; s != NULL; s = s->next) {
		if (s->fd >= 0)
			poll_unwatch(all->poll, s->fd);
		tell_workers(s);
	}
}

void
services_hand_over(const struct services *all, service_socket_fn each_socket,
    service_worker_fn each_worker, void *ctx)
{
	for (const struct service *s = all->first; s != NULL; s = s->next) {
		if (s->fd >= 0)
			each_socket(ctx, s->name, s->fd, !s->inherited);
		for (const struct worker *w = s->workers; w != NULL; w = w->next)
			each_worker(ctx, w->pid);
	}
}

void
services_drain(struct services *all)
{
	for (struct service *s = all->first, *next; s != NULL; s = next) {
		next = s->next;
		if (!s->draining)
			retire(s);
		tell_workers(s);
		free_if_done(s);
	}
}

int
services_workers(const struct services *all)
{
	int n = 0;
	for (const struct service *s = all->first; s != NULL; s = s->next)
		n += s->total;
	return n;
}

void
services_signal(const struct services *all, int signo)
{
	for (const struct service *s = all->first; s != NULL; s = s->next)
		for (const struct worker *w = s->workers; w != NULL; w = w->next)
			(void)kill(w->pid, signo);
}

void
services_free(struct services *all)
{
	if (all == NULL)
		return;
	while (all->first != NULL) {
		struct service *s = all->first;
		all->first = s->next;
		while (s->workers != NULL) {
			struct worker *w = s->workers;
			s->workers = w->next;
			free(w);
		}
		if (!s->draining)
			retire(s);
		free_service(s);
	}
	free(all);
}

void
services_status(const struct services *all, struct buf *out)
{
	int64_t now = poll_now(all->poll);
	for (const struct service *s = all->first; s != NULL; s = s->next) {
		buf_printf(out, "service %s listen=%s state=%s starting=%d free=%d"
		    " busy=%d total=%d failures=%d\n", s->name, s->listen,
		    s->draining ? "draining" : s->fd < 0 ? "no-socket"
		    : now < s->not_before ? "back-off" : "up",
		    s->count[STARTING], s->count[FREE], s->count[BUSY],
		    s->total, s->failures);
		for (const struct worker *w = s->workers; w != NULL; w = w->next)
			buf_printf(out, "worker %d service=%s state=%s%s seconds=%lld"
			    " served=%u\n", (int)w->pid, s->name,
			    state_names[w->state], w->old ? ",ending" : "",
			    (long long)(now - w->since) / 1000, w->served);
	}
}
