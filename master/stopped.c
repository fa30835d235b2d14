#include "master/stopped.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/process.h"

#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

struct one {
	struct one *next;
	pid_t pid;
	int64_t since;
};

struct stopped {
	struct poll *poll;
	struct one *first;
	struct poll_timer *timer;
};

struct stopped *
stopped_new(struct poll *poll)
{
	struct stopped *s = mem_get(sizeof(*s));
	*s = (struct stopped){ .poll = poll };
	return s;
}

void
stopped_free(struct stopped *s)
{
	while (s->first != NULL)
		stopped_remove(s, s->first->pid);
	poll_cancel(s->poll, s->timer);
	free(s);
}

/* Kills those whose time is over and waits for the next. */
static void
on_timer(void *ctx)
{
	struct stopped *s = ctx;
	int64_t now = poll_now(s->poll), next = -1;
	s->timer = NULL;
	for (struct one *o = s->first, *after; o != NULL; o = after) {
		int64_t left = o->since + STOPPED_MS - now;
		after = o->next;
		if (left <= 0) {
			log_warning("pid %d has been stopped for %d ms; killing"
			    " it, for others may wait for it", (int)o->pid,
			    (int)(now - o->since));
			(void)kill(o->pid, SIGKILL);
			stopped_remove(s, o->pid);
		} else if (next < 0 || left < next) {
			next = left;
		}
	}
	if (next >= 0)
		s->timer = poll_after(s->poll, next, on_timer, s);
}

void
stopped_add(struct stopped *s, pid_t pid, int signo)
{
	stopped_remove(s, pid);
	log_info("pid %d was stopped: signal %d%s", (int)pid, signo,
	    process_keep_stopped() ? "; it is left so (CHAPAR_KEEP_STOPPED)" : "");
	if (process_keep_stopped())
		return;
	struct one *new = mem_get(sizeof(*new));
	*new = (struct one){
		.next = s->first, .pid = pid, .since = poll_now(s->poll),
	};
	s->first = new;
	if (s->timer == NULL)
		s->timer = poll_after(s->poll, STOPPED_MS, on_timer, s);
}

void
stopped_remove(struct stopped *s, pid_t pid)
{
	struct one **at = &s->first;
	while (*at != NULL && (*at)->pid != pid)
		at = &(*at)->next;
	struct one *gone = *at;
	if (gone != NULL)
		*at = gone->next;
	free(gone);
}
