#include "master/roll.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/process.h"
#include "lib/svc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	LOOK_MS = 250,		/* stopped at two looks: killed */
	PIDS = 1 << 30,		/* none is so high */
	MAX_SURVIVORS = 10000,
};

struct survivor {
	struct survivor *next;
	struct roll *roll;
	pid_t pid;
	int fd;			/* of the process: pidfd_open(2) */
	bool is_tool;
	bool was_stopped;
};

struct roll {
	struct poll *poll;
	roll_gone_fn gone;
	void *ctx;
	int fd;
	struct survivor *first;
	int count;
	struct poll_timer *timer;
};

struct roll *
roll_new(struct poll *poll, const char *config_dir, roll_gone_fn gone, void *ctx)
{
	struct roll *r = mem_get(sizeof(*r));
	struct buf path = BUF_INIT;
	*r = (struct roll){ .poll = poll, .gone = gone, .ctx = ctx, .fd = -1 };
	buf_printf(&path, "%s/%s", config_dir, SVC_ROLL_FILE);
	enum err e = file_open(AT_FDCWD, path.p, O_RDWR | O_CREAT, 0600, &r->fd);
	if (e != OK) {
		r->fd = -1;
		log_warning("%s: %s; a later master will not know the processes of"
		    " this one", path.p, err_text(e));
	}
	buf_free(&path);
	return r;
}

static void
remove_survivor(struct survivor *v)
{
	struct roll *r = v->roll;
	struct survivor **at = &r->first;
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	r->count -= !v->is_tool;
	poll_unwatch(r->poll, v->fd);
	close(v->fd);
	free(v);
}

void
roll_free(struct roll *r)
{
	if (r == NULL)
		return;
	while (r->first != NULL)
		remove_survivor(r->first);
	poll_cancel(r->poll, r->timer);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

int
roll_fd(const struct roll *r)
{
	return r->fd;
}

static void
on_end(void *ctx, int fd, short ready)
{
	struct survivor *v = ctx;
	struct roll *r = v->roll;
	pid_t pid = v->pid;
	(void)fd, (void)ready;
	remove_survivor(v);
	r->gone(r->ctx, pid);
}

static int
send_signal(const struct survivor *v, int signo)
{
	return (int)syscall(SYS_pidfd_send_signal, v->fd, signo, NULL, 0);
}

static bool
signed_roll(const struct roll *r, off_t from, off_t n, struct flock *lock)
{
	*lock = (struct flock){
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = from, .l_len = n,
	};
	return fcntl(r->fd, F_GETLK, lock) == 0 && lock->l_type != F_UNLCK;
}

static bool
is_known(const struct roll *r, pid_t pid, bool is_tool)
{
	for (const struct survivor *v = r->first; v != NULL; v = v->next)
		if (v->pid == pid && v->is_tool == is_tool)
			return true;
	return false;
}

/* The signature is looked at again: the number may be another process by now. */
static void
add_survivor(struct roll *r, off_t at)
{
	struct flock lock;
	bool is_tool = at >= SVC_ROLL_TOOLS;
	pid_t pid = (pid_t)(at - (is_tool ? SVC_ROLL_TOOLS : 0));
	if (is_known(r, pid, is_tool))
		return;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return;
	struct survivor *v = mem_get(sizeof(*v));
	if (!signed_roll(r, at, 1, &lock)) {
		close(fd);
		free(v);
		return;
	}
	*v = (struct survivor){
		.next = r->first, .roll = r, .pid = pid, .fd = fd, .is_tool = is_tool,
	};
	r->first = v;
	r->count += !is_tool;
	poll_watch(r->poll, fd, POLLIN, on_end, v);
}

/* The kernel tells one of those in a range, which one it likes. */
static void
call_range(struct roll *r, off_t from, off_t end)
{
	struct flock lock;
	while (from < end && r->count < MAX_SURVIVORS
	    && signed_roll(r, from, end - from, &lock)) {
		add_survivor(r, lock.l_start);
		if (lock.l_start > from)
			call_range(r, from, lock.l_start);
		from = lock.l_start + 1;
	}
}

/* A tool without a lock is in nobody's way: its owner knows why it is stopped. */
static bool
is_in_the_way(const struct survivor *v)
{
	return process_is_stopped(v->pid) && (!v->is_tool || process_holds_lock(v->pid));
}

static void
look(void *ctx)
{
	struct roll *r = ctx;
	r->timer = poll_after(r->poll, LOOK_MS, look, r);
	call_range(r, SVC_ROLL_TOOLS, SVC_ROLL_TOOLS + PIDS);
	for (struct survivor *v = r->first; v != NULL; v = v->next) {
		bool stopped = is_in_the_way(v);
		if (stopped && v->was_stopped && !process_keep_stopped()) {
			log_warning("pid %d, %s, is stopped; killing it, for others"
			    " may wait for it", (int)v->pid, v->is_tool
			    ? "a tool with a lock" : "of an earlier master");
			(void)send_signal(v, SIGKILL);
		}
		v->was_stopped = stopped;
	}
}

void
roll_call(struct roll *r)
{
	if (r->fd < 0)
		return;
	call_range(r, 1, PIDS);
	if (r->count > 0)
		log_notice("%d processes of an earlier master are there", r->count);
}

void
roll_watch(struct roll *r)
{
	if (r->fd >= 0)
		look(r);
}

int
roll_signal(const struct roll *r, int signo)
{
	if (signo != 0)
		for (const struct survivor *v = r->first; v != NULL; v = v->next)
			if (!v->is_tool)
				(void)send_signal(v, signo);
	return r->count;
}
