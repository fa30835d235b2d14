/*
 * front.c - see front.h
 *
 * The queues belong to the service and outlive all processes at their ends, so
 * what lies in them when workers change is taken by the next.  They are
 * shut down only with the service: then frontd hears that nobody is there.
 */
#include "master/front.h"
#include "lib/fields.h"
#include "lib/handover.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	MAX_AUTHDS = 64,		/* of one service, all in a step */
	ENDS = 4,
	NAME_SIZE = 320,
};

/*
 * Names under which an upgrade hands these over, "+queue1/imap"; none is a
 * service's.  An image whose processes could not read what lies in them has
 * other names, so it makes new ones: then each generation speaks with its own,
 * and what the old frontds have after the old authds and workers are gone is
 * told to try again.
 */
static const char key_name[] = "+grants";
static const char *const end_names[ENDS] = { "+queue", "+workers", "+logins", "+authds" };

static const char *
name_of(const char *what, const char *service, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s%d/%s", what, FIELDS_VERSION, service);
	return name;
}

/* The last part of the path that a command begins with. */
static struct str
program_of(const char *cmd)
{
	struct str left = str_c(cmd), word = { "", 0 };
	if (!str_next_word(&left, &word))
		return word;
	size_t slash = str_rchr(word, '/');
	return slash < word.n ? str_slice(word, slash + 1, word.n) : word;
}

int
services_queue_for(struct services *all, const char *cmd)
{
	if (all->limits[1] < 0 || !str_eq(program_of(cmd), STR("limitd")))
		return -1;
	all->has_limitd = true;
	return all->limits[1];
}

bool
front_fits(const struct services *all, const char *cmd)
{
	struct str program = program_of(cmd);
	return all->setup.frontds > 0
	    && (str_eq(program, STR("imapd")) || str_eq(program, STR("pop3d")));
}

/* A service that is not in cyrus.conf. */
static struct service *
make(struct services *all, enum service_kind kind, const char *name, const char *cmd)
{
	const struct mconf_entry e = {
		.name = name, .cmd = cmd, .listen = "", .proto = "", .maxchild = -1,
	};
	return service_make(all, &e, kind);
}

void
front_begin(struct services *all)
{
	all->key_fd = all->limits[0] = all->limits[1] = -1;
	if (all->setup.frontds == 0)
		return;
	if (pass_queue(all->limits) != OK)
		log_fatal(EX_OSERR, "cannot begin with frontd: %m");
	char name[NAME_SIZE];
	all->key_fd = systemd_own(all->setup.inherited, name_of(key_name, "", name));
	if (all->key_fd < 0)
		all->key_fd = grant_key_new();
	struct service *s = make(all, SERVICE_FRONT, "frontd", "frontd");
	s->plain = true;
	/* Nobody waits there; only that it is one, and quiet. */
	s->fd = eventfd(0, EFD_CLOEXEC);
	if (all->key_fd < 0 || s->fd < 0)
		log_fatal(EX_OSERR, "cannot begin with frontd: %m");
	all->front = s;
}

/* "authd -P imapd -s", with all that the service's own command has. */
void
front_set_params(struct service *s)
{
	struct service *a = s->auth;
	struct str left = str_c(s->cmd), word, program = program_of(s->cmd);
	struct buf cmd = BUF_INIT;
	if (a == NULL)
		return;
	buf_printf(&cmd, "authd -P %.*s", STR_ARG(program));
	for (bool first = true; str_next_word(&left, &word); first = false)
		if (!first)
			buf_printf(&cmd, " %.*s", STR_ARG(word));
	free(a->name);
	free(a->cmd);
	a->name = mem_copy(s->name);
	a->cmd = buf_take(&cmd);
	a->prefork = s->prefork > 0 ? 1 : 0;
	a->maxchild = MAX_AUTHDS;
	a->failures = 0;
	a->not_before = 0;
	a->keep = s->keep;
}

/* What the image of master before us had, or new ones. */
static bool
open_queue(const struct service *s, const char *in, const char *out, int fds[2])
{
	struct inherited_sockets *inherited = s->all->setup.inherited;
	char name[NAME_SIZE];
	fds[0] = systemd_own(inherited, name_of(in, s->name, name));
	fds[1] = systemd_own(inherited, name_of(out, s->name, name));
	if (fds[0] >= 0 && fds[1] >= 0)
		return true;
	if (fds[0] >= 0)
		close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	return pass_queue(fds) == OK;
}

bool
front_open(struct service *s)
{
	int work[2], auth[2];
	if (s->fd >= 0)
		return true;
	if (!open_queue(s, end_names[0], end_names[1], work))
		return false;
	if (!open_queue(s, end_names[2], end_names[3], auth)) {
		close(work[0]);
		close(work[1]);
		return false;
	}
	s->queue = work[0];
	s->fd = work[1];
	s->auth = make(s->all, SERVICE_AUTH, s->name, s->cmd);
	s->auth->queue = auth[0];
	s->auth->fd = auth[1];
	front_set_params(s);
	s->all->front_changed = true;
	return true;
}

/* For whoever is at its ends, too. */
static void
close_queue(struct service *s)
{
	if (s->queue < 0)
		return;
	poll_unwatch(s->all->poll, s->fd);
	net_unlisten(s->queue);
	net_unlisten(s->fd);
	s->queue = s->fd = -1;
}

void
front_close(struct service *s)
{
	if (s->listener >= 0 && s->inherited)
		close(s->listener);
	else if (s->listener >= 0)
		net_unlisten(s->listener);
	s->listener = -1;
	close_queue(s);
	if (s->auth != NULL) {
		close_queue(s->auth);
		s->auth->draining = true;
		s->auth->keep = false;
		tell_workers(s->auth);
		s->auth = NULL;
	}
	s->all->front_changed = true;
}

void
front_refresh(struct services *all)
{
	if (all->front == NULL || !all->front_changed || all->paused || all->front->draining)
		return;
	all->front_changed = false;
	all->front->prefork = 0;
	for (const struct service *s = all->first; s != NULL; s = s->next)
		if (s->listener >= 0)
			all->front->prefork = all->setup.frontds;
	tell_workers(all->front);
	tend(all->front);
}

void
front_hand_over(const struct service *s, service_socket_fn each, void *ctx)
{
	char name[NAME_SIZE];
	if (s->kind == SERVICE_FRONT) {
		each(ctx, name_of(key_name, "", name), s->all->key_fd, true);
	} else if (s->kind == SERVICE_FRONTED && s->fd >= 0) {
		const int ends[ENDS] = { s->queue, s->fd, s->auth->queue, s->auth->fd };
		for (int i = 0; i < ENDS; i++)
			each(ctx, name_of(end_names[i], s->name, name), ends[i], true);
	}
}
