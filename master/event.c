#include "master/event.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

enum { LOOK_MS = 60000 };	/* the clock may be set meanwhile */

struct event {
	struct event *next;
	struct events *all;
	char *name, *cmd;
	struct schedule schedule;
	time_t due;		/* -1: never again */
	pid_t pid;		/* 0: does not run */
	bool keep;
};

struct events {
	struct poll *poll;
	struct children *children;
	struct event *first;
	struct poll_timer *timer;
	bool stopped;
};

static void look(struct events *ev);

struct events *
events_new(struct poll *poll, struct children *children)
{
	struct events *ev = mem_zero(1, sizeof(*ev));
	ev->poll = poll;
	ev->children = children;
	return ev;
}

static void
free_event(struct event *e)
{
	free(e->name);
	free(e->cmd);
	free(e);
}

void
events_free(struct events *ev)
{
	if (ev == NULL)
		return;
	while (ev->first != NULL) {
		struct event *next = ev->first->next;
		free_event(ev->first);
		ev->first = next;
	}
	poll_cancel(ev->poll, ev->timer);
	free(ev);
}

/* One that was dropped from the configuration stays until its command ends. */
static void
sweep(struct events *ev)
{
	for (struct event **at = &ev->first; *at != NULL;) {
		struct event *e = *at;
		if (e->keep || e->pid != 0) {
			at = &e->next;
		} else {
			*at = e->next;
			free_event(e);
		}
	}
}

static void
on_end(void *ctx, pid_t pid, int status)
{
	struct event *e = ctx;
	char end[96];
	e->pid = 0;
	if (status != 0) {
		child_print_status(status, end, sizeof(end));
		log_err("event %s: \"%s\" (pid %d) failed: %s", e->name, e->cmd,
		    (int)pid, end);
	} else {
		log_debug("event %s: pid %d is done", e->name, (int)pid);
	}
	sweep(e->all);
}

static void
run(struct event *e)
{
	if (e->pid != 0) {
		log_warning("event %s: \"%s\" (pid %d) still runs; this turn is"
		    " skipped", e->name, e->cmd, (int)e->pid);
		return;
	}
	const struct child_spec spec = {
		.name = e->name, .cmd = e->cmd, .status_fd = -1, .listen_fd = -1,
	};
	if (child_spawn(e->all->children, &spec, on_end, e, &e->pid) != OK)
		e->pid = 0;
}

static void
on_timer(void *ctx)
{
	struct events *ev = ctx;
	ev->timer = NULL;
	look(ev);
}

static void
look(struct events *ev)
{
	int64_t wait_ms = LOOK_MS;
	time_t now = time(NULL);
	if (ev->stopped)
		return;
	for (struct event *e = ev->first; e != NULL; e = e->next) {
		if (!e->keep || e->due < 0)
			continue;
		if (e->due <= now) {
			run(e);
			e->due = schedule_next(&e->schedule, now);
		}
		if (e->due >= 0 && (int64_t)(e->due - now) * 1000 < wait_ms)
			wait_ms = (int64_t)(e->due - now) * 1000;
	}
	poll_cancel(ev->poll, ev->timer);
	ev->timer = poll_after(ev->poll, wait_ms, on_timer, ev);
}

static struct event *
find_same(struct events *ev, const struct mconf_entry *entry)
{
	const struct schedule *a = &entry->schedule;
	for (struct event *e = ev->first; e != NULL; e = e->next) {
		const struct schedule *b = &e->schedule;
		if (!e->keep && strcmp(e->name, entry->name) == 0
		    && strcmp(e->cmd, entry->cmd) == 0
		    && a->kind == b->kind && a->period == b->period
		    && a->at == b->at && a->minutes == b->minutes
		    && a->hours == b->hours && a->days == b->days
		    && a->months == b->months && a->weekdays == b->weekdays)
			return e;
	}
	return NULL;
}

static void
add(struct events *ev, const struct mconf_entry *entry)
{
	struct event *e = mem_zero(1, sizeof(*e));
	e->name = mem_copy(entry->name);
	e->cmd = mem_copy(entry->cmd);
	time_t now = time(NULL);
	e->all = ev;
	e->schedule = entry->schedule;
	e->keep = true;
	/* Cyrus runs what has a period, or no time at all, at once. */
	bool at_once = entry->schedule.kind == SCHEDULE_ONCE
	    || entry->schedule.kind == SCHEDULE_PERIOD;
	e->due = at_once ? now : schedule_next(&e->schedule, now);
	struct event **at = &ev->first;
	while (*at != NULL)
		at = &(*at)->next;
	*at = e;
}

void
events_configure(struct events *ev, const struct mconf *conf)
{
	for (struct event *e = ev->first; e != NULL; e = e->next)
		e->keep = false;
	for (const struct mconf_entry *entry = conf->first[MCONF_EVENTS];
	    entry != NULL; entry = entry->next) {
		struct event *same = find_same(ev, entry);
		if (same != NULL)
			same->keep = true;
		else
			add(ev, entry);
	}
	sweep(ev);
	look(ev);
}

void
events_stop(struct events *ev)
{
	ev->stopped = true;
	poll_cancel(ev->poll, ev->timer);
	ev->timer = NULL;
	for (struct event *e = ev->first; e != NULL; e = e->next)
		if (e->pid != 0)
			(void)kill(e->pid, SIGTERM);
}

void
events_status(const struct events *ev, struct buf *out)
{
	for (const struct event *e = ev->first; e != NULL; e = e->next) {
		buf_printf(out, "event %s state=%s pid=%d next=", e->name,
		    e->pid != 0 ? "running" : "waiting", (int)e->pid);
		struct tm tm;
		char text[32];
		if (e->due < 0 || localtime_r(&e->due, &tm) == NULL)
			buf_adds(out, "never\n");
		else if (strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S\n", &tm) > 0)
			buf_adds(out, text);
	}
}
