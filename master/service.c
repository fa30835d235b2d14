/* service.c - the sockets of services, reloads, and what master is told */
#include "master/service_in.h"
#include "master/front.h"
#include "master/keys.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/net.h"

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
	RELISTEN_MS = 5000,		/* between tries to get a socket */
	QUICK_MS = 20,			/* before the second one, then 40, 80 ... */
	QUICK_TRIES = 7,
	OVERDUE_MS = 30000,		/* a worker that outlives a reload */
};

struct services *
services_new(const struct service_setup *setup)
{
	struct services *all = mem_get(sizeof(*all));
	*all = (struct services){
		.poll = setup->poll, .children = setup->children, .setup = *setup,
	};
	keys_begin(all);
	front_begin(all);
	return all;
}

static struct service *
new_service(struct services *all, const struct mconf_entry *e)
{
	return service_make(all, e, front_fits(all, e->cmd) ? SERVICE_FRONTED : SERVICE_DIRECT);
}

/* All but the address, which is what a service is known by. */
static void
set_params(struct service *s, const struct mconf_entry *e)
{
	free(s->name);
	free(s->cmd);
	s->name = mem_copy(e->name);
	s->cmd = mem_copy(e->cmd);
	s->prefork = e->prefork;
	s->maxchild = e->maxchild;
	s->maxfds = e->maxfds;
	s->maxforkrate = e->maxforkrate;
	s->mode = e->mode;
	s->failures = 0;
	s->not_before = 0;
	s->keep = true;
	front_set_params(s);
}

/* What clients connect to: for its workers, or for frontd. */
static void
set_socket(struct service *s, int fd, bool inherited)
{
	s->inherited = inherited;
	if (s->kind == SERVICE_DIRECT) {
		s->fd = fd;
	} else if (front_open(s)) {
		s->listener = fd;
	} else {
		close(fd);
	}
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
		set_socket(one, fds[i], inherited);
		tend(one);
	}
}

static void open_socket(struct service *s);

static void
on_relisten(void *ctx)
{
	struct service *s = ctx;
	s->timer = NULL;
	if (s->draining || s->all->paused)
		return;
	open_socket(s);
	front_refresh(s->all);
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

/*
 * An address in use may be one that the workers of a master before us are just
 * about to let go of: at first that is looked at again soon, without a fuss.
 */
static void
listen_later(struct service *s, bool in_use)
{
	int64_t now = poll_now(s->all->poll), delay = RELISTEN_MS;
	if (in_use && s->listen_tries < QUICK_TRIES)
		delay = QUICK_MS << s->listen_tries++;
	else
		log_err("service %s: cannot listen on \"%s\"%s; next try in %d s", s->name,
		    s->listen, in_use ? ", which is in use" : "", RELISTEN_MS / 1000);
	s->relisten_at = now + delay;
	poll_cancel(s->all->poll, s->timer);
	s->timer = poll_after(s->all->poll, delay, on_relisten, s);
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
		listen_later(s, e == ERR_BUSY);
		return;
	}
	s->listen_tries = 0;
	add_sockets(s, fds, n, !own);
}

void
services_tend(struct services *all)
{
	int64_t now = poll_now(all->poll);
	for (struct service *s = all->first; s != NULL; s = s->next) {
		if (s->fd < 0 && !s->draining && !all->paused)
			open_socket(s);
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
	front_refresh(all);
}

/* What its workers hold open does not count: nobody gets in any more. */
static void
retire(struct service *s)
{
	if (s->kind == SERVICE_FRONTED) {
		front_close(s);
	} else if (s->fd >= 0) {
		poll_unwatch(s->all->poll, s->fd);
		if (s->inherited)
			close(s->fd);
		else
			net_unlisten(s->fd);
		s->fd = -1;
	}
	s->draining = true;
}

static bool
keep_same_address(struct services *all, const struct mconf_entry *e)
{
	enum service_kind kind = front_fits(all, e->cmd) ? SERVICE_FRONTED : SERVICE_DIRECT;
	bool found = false;
	for (struct service *s = all->first; s != NULL; s = s->next) {
		if (s->draining || s->kind != kind || strcmp(s->listen, e->listen) != 0
		    || strcasecmp(s->proto, e->proto) != 0)
			continue;
		set_params(s, e);
		s->relisten_at = 0;
		s->listen_tries = 0;
		found = true;
	}
	return found;
}

void
services_configure(struct services *all, const struct mconf *conf)
{
	struct mconf_entry *first = conf->first[MCONF_SERVICES];
	for (struct service *s = all->first; s != NULL; s = s->next)
		s->keep = s->kind == SERVICE_FRONT || s->kind == SERVICE_KEYS;
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
			there |= s->keep && s->kind != SERVICE_FRONT && s->kind != SERVICE_KEYS
			    && strcmp(s->name, e->name) == 0;
		if (!there)
			set_params(new_service(all, e), e);
	}
	keys_configure(all);
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
	keys_hand_over(all, each_socket, ctx);
	for (const struct service *s = all->first; s != NULL; s = s->next) {
		if (s->kind == SERVICE_DIRECT && s->fd >= 0)
			each_socket(ctx, s->name, s->fd, !s->inherited);
		if (s->listener >= 0)
			each_socket(ctx, s->name, s->listener, !s->inherited);
		front_hand_over(s, each_socket, ctx);
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
		for (const struct worker *w = s->workers; w != NULL; w = w->next)
			n++;
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
	keys_end(all);
	const int fds[] = { all->key_fd, all->limits[0], all->limits[1] };
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(all);
}

void
services_status(const struct services *all, struct buf *out)
{
	int64_t now = poll_now(all->poll);
	for (const struct service *s = all->first; s != NULL; s = s->next) {
		buf_printf(out, "service %s%s listen=%s state=%s starting=%d free=%d"
		    " busy=%d total=%d failures=%d\n", s->name,
		    s->kind == SERVICE_AUTH ? "/authd" : "", s->listen,
		    s->draining ? "draining" : s->fd < 0 ? "no-socket"
		    : now < s->not_before ? "back-off" : "up",
		    s->count[STARTING], s->count[FREE], s->count[BUSY],
		    s->total, s->failures);
		for (const struct worker *w = s->workers; w != NULL; w = w->next)
			buf_printf(out, "worker %d service=%s%s state=%s%s seconds=%lld"
			    " served=%u\n", (int)w->pid, s->name,
			    s->kind == SERVICE_AUTH ? "/authd" : "", worker_state(w), w->old ? ",ending" : "",
			    (long long)(now - w->since) / 1000, w->served);
	}
}
