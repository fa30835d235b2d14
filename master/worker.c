/*
 * worker.c - the workers of a service: their books, their starts and ends
 *
 * A worker is started in one of two ways.  The first one of a service is a
 * program that is asked to be a template.  If it agrees (SVC_TEMPLATE), it is
 * asked for a copy whenever a worker is missing, and a copy is known by its
 * first message.  If it says instead that it is free, it is a plain worker,
 * and so are all others of that service.
 */
#include "master/service_in.h"
#include "master/front_tell.h"
#include "master/keys_tell.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/process.h"
#include "lib/svc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	MIN_BACKOFF_MS = 250,		/* three in a row by chance: still within 2 s */
	MAX_BACKOFF_MS = 60000,
	LOG_FULL_MS = 60000,		/* between complaints about maxchild */
	MAX_STARTS = 32,		/* at once, whoever waits */
	COPY_MS = 500,			/* a copy that takes longer is asked for again */
	LATE_MS = 10000,		/* one that comes later may be one too many */
	COPY_TRIES = 20,		/* after so many without any the template dies */
	KILLED_MS = 500,		/* between replacements of those who are killed */
};

static void on_exit_of_worker(void *ctx, pid_t pid, int status);
static void replace_woken(struct service *s);

const char *
worker_state(const struct worker *w)
{
	static const char *const names[STATES] = { "starting", "free", "busy", "template" };

	return names[w->state];
}

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

static struct worker *
add_worker(struct service *s)
{
	struct worker *w = mem_get(sizeof(*w));
	*w = (struct worker){
		.next = s->workers, .service = s, .state = STARTING,
		.since = poll_now(s->all->poll),
	};
	s->workers = w;
	s->total++;
	s->count[STARTING]++;
	return w;
}

static void
make_old(struct worker *w)
{
	if (!w->old)
		w->service->count[w->state]--;
	w->old = true;
	w->since = poll_now(w->service->all->poll);
	(void)kill(w->pid, SIGHUP);
}

void
tell_workers(struct service *s)
{
	for (struct worker *w = s->workers; w != NULL; w = w->next)
		make_old(w);
	s->template = NULL;
	s->asked = s->late = 0;
	s->plain = s->kind == SERVICE_FRONT;
}

static void
remove_worker(struct worker *w)
{
	struct service *s = w->service;
	struct worker **at = &s->workers;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (w->state != TEMPLATE)
		s->total--;
	if (!w->old)
		s->count[w->state]--;
	if (s->template == w) {
		s->template = NULL;
		s->asked = s->late = 0;
	}
	free(w);
}

/* --- failures --- */

static void tend_later(struct service *s, int64_t delay_ms);

/*
 * The copies that were asked for do not come.  The one that was just being
 * made may have been killed before its first word; if none ever comes it is
 * the template's fault.
 */
static void
miss_copies(struct service *s)
{
	int64_t wait = s->asked_at + COPY_MS - poll_now(s->all->poll);
	if (s->asked == 0)
		return;
	if (wait > 0) {
		tend_later(s, wait);
		return;
	}
	/*
	 * One that was stopped before its first parent ended is ours by now, but
	 * the kernel has told that parent of it and tells nobody again.
	 */
	children_reap(s->all->children);
	if (s->asked == 0)
		return;
	s->late += s->asked;
	s->late_until = poll_now(s->all->poll) + LATE_MS;
	s->asked = 0;
	if (++s->unanswered < COPY_TRIES)
		return;
	s->unanswered = 0;
	log_err("service %s: template %d makes no workers; killing it", s->name,
	    (int)s->template->pid);
	(void)kill(s->template->pid, SIGKILL);
}

static void
on_timer(void *ctx)
{
	struct service *s = ctx;
	s->timer = NULL;
	miss_copies(s);
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
	int delay = MIN_BACKOFF_MS;
	for (int i = 0; i < s->failures && delay < MAX_BACKOFF_MS; i++)
		delay *= 2;
	if (delay > MAX_BACKOFF_MS)
		delay = MAX_BACKOFF_MS;
	s->failures++;
	s->not_before = poll_now(s->all->poll) + delay;
	log_err("service %s: %s; failure %d in a row, next try in %g s; see"
	    " what \"%s\" logged", s->name, what, s->failures, delay / 1000.0, s->cmd);
}

/*
 * Killed by somebody, not by its own fault: replaced at once, but if that goes
 * on (the system has no memory for it) not faster than twice a second.
 */
static void
replace_killed(struct service *s)
{
	int64_t now = poll_now(s->all->poll);
	if (s->killed_at != 0 && now - s->killed_at < KILLED_MS
	    && s->not_before < s->killed_at + KILLED_MS)
		s->not_before = s->killed_at + KILLED_MS;
	s->killed_at = now;
}

/* One that never served anybody, or was never copied, is a failure. */
static void
judge_end(struct service *s, const struct worker *w, int status)
{
	static const char *const when[STATES] = {
		"at its start", "while it was free",
		"with a client (that session is lost)", "as the template of others",
	};
	char end[96], what[160];
	bool bad = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	child_print_status(status, end, sizeof(end));
	if (s->draining || w->old) {
		if (bad)
			log_notice("service %s: worker %d ended: %s", s->name,
			    (int)w->pid, end);
		return;
	}
	bool failed = w->state == STARTING || (bad && w->served == 0);
	if (failed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		log_err("service %s: worker %d died %s: %s", s->name, (int)w->pid,
		    when[w->state], end);
		replace_killed(s);
	} else if (failed) {
		snprintf(what, sizeof(what), "worker %d ended before it served"
		    " anybody: %s", (int)w->pid, end);
		back_off(s, what);
	} else if (bad) {
		log_err("service %s: worker %d died %s: %s", s->name, (int)w->pid,
		    when[w->state], end);
	}
}

/* --- what workers say --- */

/* The template has done what it was asked, or could not. */
static void
note_copy(struct service *s)
{
	if (s->asked > 0)
		s->asked--;
	else
		s->late -= s->late > 0;
}

/* A copy of a template before a reload is told to end, too. */
static void
take_copy(struct service *s, const struct svc_message *m)
{
	bool ours = s->template != NULL && s->template->pid == m->template;
	if (ours) {
		note_copy(s);
		s->unanswered = 0;
	}
	/* Dead already and reaped as a stranger. */
	if (kill(m->pid, 0) != 0 && errno == ESRCH) {
		if (ours)
			back_off(s, "a worker ended as soon as it was copied");
		return;
	}
	struct worker *w = add_worker(s);
	w->pid = m->pid;
	w->copy = true;
	children_adopt(s->all->children, m->pid, on_exit_of_worker, w);
	if (ours)
		s->template->served++;
	else
		make_old(w);
}

static void
become_template(struct worker *w)
{
	struct service *s = w->service;
	set_state(w, TEMPLATE);
	s->total--;
	if (w->old)
		return;
	s->template = w;
	s->unanswered = 0;
}

static void
take_message(struct service *s, const struct svc_message *m)
{
	if (m->type == SVC_COPIED) {
		take_copy(s, m);
		return;
	}
	struct worker *w = children_find(s->all->children, m->pid, on_exit_of_worker);
	if (w == NULL || w->service != s)
		return;
	if (m->type == SVC_BUSY) {
		w->served++;
		s->failures = 0;
		set_state(w, BUSY);
	} else if (m->type == SVC_FREE) {
		if (w->state == STARTING && s->template == NULL && !w->old && !w->copy)
			s->plain = true;
		set_state(w, FREE);
	} else if (m->type == SVC_TEMPLATE && w->state == STARTING) {
		become_template(w);
	} else if (m->type == SVC_NOT_COPIED && s->template == w) {
		note_copy(s);
		back_off(s, "no worker could be forked");
	}
}

static void
take_messages(struct service *s)
{
	struct svc_message m[64];
	ssize_t n;
	while ((n = read(s->pipe[0], m, sizeof(m))) > 0)
		for (size_t i = 0; i < (size_t)n / sizeof(m[0]); i++)
			take_message(s, &m[i]);
}

static void
on_pipe(void *ctx, int fd, short ready)
{
	struct service *s = ctx;
	(void)fd, (void)ready;
	take_messages(s);
	tend(s);
}

void
worker_watch(struct service *s)
{
	poll_watch(s->all->poll, s->pipe[0], POLLIN, on_pipe, s);
}

/* --- services --- */

struct service *
service_make(struct services *all, const struct mconf_entry *e, enum service_kind kind)
{
	struct service *s = mem_zero(1, sizeof(*s));
	s->all = all;
	s->kind = kind;
	s->fd = s->listener = s->queue = -1;
	s->maxchild = e->maxchild;
	s->name = mem_copy(e->name);
	s->cmd = mem_copy(e->cmd);
	s->listen = mem_copy(e->listen);
	s->proto = mem_copy(e->proto);
	if (pipe2(s->pipe, O_CLOEXEC) != 0)
		log_fatal(EX_OSERR, "pipe for service %s: %m", e->name);
	(void)fcntl(s->pipe[0], F_SETFL, O_NONBLOCK);
	worker_watch(s);
	struct service **at = &all->first;
	while (*at != NULL)
		at = &(*at)->next;
	*at = s;
	return s;
}

/* --- ends --- */

void
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

void
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
	/* What it said last may still be in the pipe. */
	take_messages(s);
	bool was_free = w->state == FREE && !w->old;
	judge_end(s, w, status);
	remove_worker(w);
	s->all->setup.gone(s->all->setup.ctx, pid);
	if (was_free)
		replace_woken(s);
	tend(s);
	free_if_done(s);
}

/*
 * Without a client it is dead weight: a template copies nothing, a free worker
 * is woken and does not come.
 */
void
services_stopped(struct services *all, pid_t pid)
{
	struct worker *w = children_find(all->children, pid, on_exit_of_worker);
	if (w == NULL || process_keep_stopped())
		return;
	take_messages(w->service);
	if (w->state == BUSY)
		return;
	log_warning("service %s: worker %d was stopped; killing it",
	    w->service->name, (int)pid);
	(void)kill(pid, SIGKILL);
}

/* --- starts --- */

static bool
ask_for_copy(struct service *s)
{
	if (sigqueue(s->template->pid, SVC_COPY_SIGNAL, (union sigval){ 0 }) != 0) {
		log_warning("service %s: cannot ask for a worker: %m", s->name);
		tend_later(s, 1000);
		return false;
	}
	s->asked++;
	s->asked_at = poll_now(s->all->poll);
	tend_later(s, COPY_MS);
	return true;
}

static bool
start_program(struct service *s)
{
	struct worker *w = add_worker(s);
	bool is_front = s->kind == SERVICE_FRONT, is_keys = s->kind == SERVICE_KEYS;
	const struct child_spec spec = {
		.name = s->name, .cmd = s->cmd, .status_fd = s->pipe[1],
		.listen_fd = is_front ? front_tell(s->all) : is_keys ? keys_tell(s->all) : s->fd,
		.has_key = s->kind == SERVICE_FRONTED || s->kind == SERVICE_AUTH,
		.key_fd = s->all->key_fd,
		/* Who is handed sessions by others has no TLS of its own. */
		.does_tls = is_front || s->kind == SERVICE_DIRECT,
		.holder_fd = keys_fd(s->all),
		.maxfds = s->maxfds, .id = s->next_id,
		.is_worker = true, .is_template = !s->plain, .keeps_root = is_front || is_keys,
	};
	enum err e = child_spawn(s->all->children, &spec, on_exit_of_worker, w,
	    &w->pid);
	if ((is_front || is_keys) && spec.listen_fd >= 0)
		close(spec.listen_fd);
	if (e != OK) {
		remove_worker(w);
		back_off(s, "cannot start a worker");
		return false;
	}
	s->next_id++;
	return true;
}

/* Not before it is known whether the first one is a template. */
static bool
start_worker(struct service *s)
{
	bool serves = s->template != NULL || s->plain;
	if (!serves && s->count[STARTING] > 0)
		return false;
	if (s->template != NULL ? !ask_for_copy(s) : !start_program(s))
		return false;
	s->forks++;
	if (serves && s->extra > 0)
		s->extra--;
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

static int
on_their_way(const struct service *s)
{
	return s->count[STARTING] + s->asked;
}

/* Those too that are on their way, or may be. */
static bool
has_all_workers(struct service *s, int64_t now)
{
	int n = s->total + s->asked;
	if (s->maxchild < 0 || n >= s->maxchild)
		return s->maxchild >= 0;
	if (s->late == 0 || now >= s->late_until || n + s->late < s->maxchild)
		return false;
	tend_later(s, s->late_until - now);
	return true;
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
	if (has_all_workers(s, now)) {
		if (s->total >= s->maxchild && s->count[FREE] + on_their_way(s) == 0
		    && waiting(s) > 0
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

void
tend(struct service *s)
{
	if (s->draining || s->all->paused || s->fd < 0)
		return;
	poll_unwatch(s->all->poll, s->fd);
	int missing = s->prefork - s->count[FREE] - on_their_way(s);
	if (s->count[FREE] == 0) {
		int knocks = waiting(s) - on_their_way(s);
		if (knocks > missing)
			missing = knocks;
	}
	if (missing < s->extra)
		missing = s->extra;
	if (missing > MAX_STARTS)
		missing = MAX_STARTS;
	bool allowed = true;
	while (missing > 0 && (allowed = may_start(s)) && start_worker(s))
		missing--;
	if (allowed && on_their_way(s) + s->count[FREE] == 0 && may_start(s))
		poll_watch(s->all->poll, s->fd, POLLIN, on_knock, s);
}

/*
 * A free worker has died, and there are more: was it the one that was just
 * woken for a client?
 */
static void
replace_woken(struct service *s)
{
	if (!s->draining && s->fd >= 0 && s->count[FREE] > 0
	    && waiting(s) > on_their_way(s))
		s->extra = 1;
}

/*
 * Free workers and a client that waits all the same: whoever was woken for
 * it has been killed.  One more worker, when it comes, looks for itself.
 */
void
help_ignored(struct service *s)
{
	bool waits = !s->draining && s->fd >= 0 && s->count[FREE] > 0
	    && waiting(s) > 0;
	s->ignored = waits ? s->ignored + 1 : 0;
	if (s->ignored < 2)
		return;
	s->ignored = 0;
	log_info("service %s: a client waits beside free workers; starting one"
	    " more", s->name);
	s->extra = 1;
	tend(s);
}

