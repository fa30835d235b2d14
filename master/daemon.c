#include "master/daemon.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/svc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	LONG_LIFE_MS = 60000,	/* after that an end is no failure in a row */
	MAX_BACKOFF_S = 60,
};

static const char ok_text[] = "ok\r\n";
enum { OK_LENGTH = sizeof(ok_text) - 1 };

struct daemon {
	struct daemon *next;
	struct daemons *all;
	char *name, *cmd;
	bool wait, is_ours;
	bool keep;
	bool removed;		/* from the configuration: freed when it ends */
	pid_t pid;		/* 0: does not run */
	int64_t started;
	int failures;
	struct poll_timer *timer;
	int ready_fd;		/* -1: not waited for (any more) */
	char said[OK_LENGTH];
	size_t n_said;
};

struct daemons {
	struct poll *poll;
	struct children *children;
	struct daemon *first;
	daemons_ready_fn ready;
	daemons_ended_fn ended;
	void *ctx;
	daemons_socket_fn socket;
	void *socket_ctx;
	bool starting, stopping;
};

static void start_next(struct daemons *all);
static void stop_next(struct daemons *all);
static void start(struct daemon *d, bool wait);
static void start_later(struct daemon *d, const char *why);

struct daemons *
daemons_new(struct poll *poll, struct children *children, daemons_socket_fn socket, void *ctx)
{
	struct daemons *all = mem_zero(1, sizeof(*all));
	all->poll = poll;
	all->children = children;
	all->socket = socket;
	all->socket_ctx = ctx;
	return all;
}

static void
stop_waiting(struct daemon *d)
{
	if (d->ready_fd < 0)
		return;
	poll_unwatch(d->all->poll, d->ready_fd);
	close(d->ready_fd);
	d->ready_fd = -1;
}

static void
free_daemon(struct daemon *d)
{
	struct daemon **at = &d->all->first;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	stop_waiting(d);
	poll_cancel(d->all->poll, d->timer);
	free(d->name);
	free(d->cmd);
	free(d);
}

void
daemons_free(struct daemons *all)
{
	if (all == NULL)
		return;
	while (all->first != NULL)
		free_daemon(all->first);
	free(all);
}

/* Start-up is over, one way or the other. */
static void
tell_ready(struct daemons *all, bool ok)
{
	if (!all->starting)
		return;
	all->starting = false;
	all->ready(all->ctx, ok);
}

/* It has been waited for in vain. */
static void
give_up(struct daemon *d)
{
	if (d->is_ours)
		start_next(d->all);
	else
		tell_ready(d->all, false);
}

static void
on_ready_pipe(void *ctx, int fd, short ready)
{
	struct daemon *d = ctx;
	(void)ready;
	ssize_t n = read(fd, d->said + d->n_said, OK_LENGTH - d->n_said);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		d->n_said += (size_t)n;
	bool right = memcmp(d->said, ok_text, d->n_said) == 0;
	if (n > 0 && right && d->n_said < OK_LENGTH)
		return;
	stop_waiting(d);
	if (n > 0 && right) {
		start_next(d->all);
		return;
	}
	log_crit("daemon %s: did not say that it is ready (\"ok\\r\\n\" on"
	    " descriptor %d)", d->name, SVC_STATUS_FD);
	if (d->pid == 0 && d->is_ours)
		start_later(d, "it cannot be started");
	give_up(d);
}

static void
on_timer(void *ctx)
{
	struct daemon *d = ctx;
	d->timer = NULL;
	if (!d->all->stopping)
		start(d, false);
}

static void
start_later(struct daemon *d, const char *why)
{
	int delay = 1;
	for (int i = 0; i < d->failures && delay < MAX_BACKOFF_S; i++)
		delay *= 2;
	if (delay > MAX_BACKOFF_S)
		delay = MAX_BACKOFF_S;
	d->failures++;
	log_err("daemon %s: %s; starting \"%s\" again in %d s", d->name, why,
	    d->cmd, delay);
	d->timer = poll_after(d->all->poll, delay * INT64_C(1000), on_timer, d);
}

static void
on_end(void *ctx, pid_t pid, int status)
{
	struct daemon *d = ctx;
	struct daemons *all = d->all;
	char end[96], why[160];
	bool waited = d->ready_fd >= 0, removed = d->removed;
	d->pid = 0;
	stop_waiting(d);
	if (removed)
		free_daemon(d);
	if (all->stopping) {
		stop_next(all);
		return;
	}
	if (removed)
		return;
	child_print_status(status, end, sizeof(end));
	snprintf(why, sizeof(why), "pid %d ended: %s", (int)pid, end);
	/* Nor is it a failure of its own if somebody has killed it. */
	if (poll_now(all->poll) - d->started > LONG_LIFE_MS
	    || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		d->failures = 0;
	if (waited && !d->is_ours) {
		log_crit("daemon %s: %s before it was ready", d->name, why);
		tell_ready(all, false);
		return;
	}
	start_later(d, why);
	if (waited)
		give_up(d);
}

static void
start(struct daemon *d, bool wait)
{
	int fds[2] = { -1, -1 };
	if (wait && pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		log_fatal(EX_OSERR, "pipe for daemon %s: %m", d->name);
	const struct child_spec spec = {
		.name = d->name, .cmd = d->cmd, .status_fd = fds[1],
		.listen_fd = d->all->socket(d->all->socket_ctx, d->cmd),
		.is_daemon = true,
	};
	d->started = poll_now(d->all->poll);
	d->n_said = 0;
	enum err e = child_spawn(d->all->children, &spec, on_end, d, &d->pid);
	if (fds[1] >= 0)
		close(fds[1]);
	d->ready_fd = fds[0];
	if (wait)
		poll_watch(d->all->poll, fds[0], POLLIN, on_ready_pipe, d);
	if (e != OK) {
		d->pid = 0;
		if (!wait)
			start_later(d, "it cannot be started");
	}
}

static struct daemon *
add(struct daemons *all, const struct mconf_entry *e)
{
	struct daemon *d = mem_zero(1, sizeof(*d));
	d->name = mem_copy(e->name);
	d->cmd = mem_copy(e->cmd);
	d->all = all;
	d->wait = e->wait;
	d->is_ours = e->is_ours;
	d->keep = true;
	d->ready_fd = -1;
	struct daemon **at = &all->first;
	while (*at != NULL)
		at = &(*at)->next;
	*at = d;
	return d;
}

/* Those with wait come first, one after the other; then all others. */
static void
start_next(struct daemons *all)
{
	for (struct daemon *d = all->first; d != NULL; d = d->next) {
		if (d->wait && d->started == 0) {
			start(d, true);
			return;
		}
	}
	for (struct daemon *d = all->first; d != NULL; d = d->next)
		if (d->pid == 0 && d->timer == NULL)
			start(d, false);
	tell_ready(all, true);
}

void
daemons_start(struct daemons *all, const struct mconf *conf,
    daemons_ready_fn ready, void *ctx)
{
	all->ready = ready;
	all->ctx = ctx;
	all->starting = true;
	for (const struct mconf_entry *e = conf->first[MCONF_DAEMON]; e != NULL;
	    e = e->next)
		(void)add(all, e);
	start_next(all);
}

static void
take_over(struct daemons *all, const struct mconf_entry *e)
{
	for (struct daemon *d = all->first; d != NULL; d = d->next) {
		if (d->keep || d->removed || strcmp(d->name, e->name) != 0
		    || strcmp(d->cmd, e->cmd) != 0)
			continue;
		d->keep = true;
		if (d->pid != 0)
			(void)kill(d->pid, SIGHUP);
		return;
	}
	start(add(all, e), false);
}

void
daemons_configure(struct daemons *all, const struct mconf *conf)
{
	for (struct daemon *d = all->first; d != NULL; d = d->next)
		d->keep = false;
	for (const struct mconf_entry *e = conf->first[MCONF_DAEMON]; e != NULL;
	    e = e->next)
		take_over(all, e);
	for (struct daemon *d = all->first, *next; d != NULL; d = next) {
		next = d->next;
		if (d->keep)
			continue;
		d->removed = true;
		if (d->pid != 0)
			(void)kill(d->pid, SIGTERM);
		else
			free_daemon(d);
	}
}

/* Ends the next that may end now; with none left says so. */
static void
stop_next(struct daemons *all)
{
	struct daemon *last = NULL;
	for (struct daemon *d = all->first; d != NULL; d = d->next) {
		if (d->pid == 0)
			continue;
		if (!d->wait)
			return;		/* they have been told already */
		last = d;
	}
	if (last != NULL)
		(void)kill(last->pid, SIGTERM);
	else
		all->ended(all->ctx);
}

void
daemons_stop(struct daemons *all, daemons_ended_fn ended, void *ctx)
{
	all->stopping = true;
	all->starting = false;
	all->ended = ended;
	all->ctx = ctx;
	for (struct daemon *d = all->first; d != NULL; d = d->next) {
		poll_cancel(all->poll, d->timer);
		d->timer = NULL;
		if (d->pid != 0 && !d->wait)
			(void)kill(d->pid, SIGTERM);
	}
	stop_next(all);
}

void
daemons_signal(const struct daemons *all, int signo)
{
	for (const struct daemon *d = all->first; d != NULL; d = d->next)
		if (d->pid != 0)
			(void)kill(d->pid, signo);
}

void
daemons_status(const struct daemons *all, struct buf *out)
{
	int64_t now = poll_now(all->poll);
	for (const struct daemon *d = all->first; d != NULL; d = d->next)
		buf_printf(out, "daemon %s state=%s pid=%d seconds=%lld failures=%d\n",
		    d->name, d->pid != 0 ? "up" : "down", (int)d->pid,
		    d->pid != 0 ? (long long)(now - d->started) / 1000 : 0,
		    d->failures);
}
