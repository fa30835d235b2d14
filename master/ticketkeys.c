#include "master/ticketkeys.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/tickets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FORMER_VARIABLE	"CHAPAR_FORMER_TICKETS"

enum { ASIDE_FROM = 100 };

struct ticketkeys {
	struct poll *poll;
	struct tickets *tickets;
	struct poll_timer *timer;
};

static void
rotate(void *ctx)
{
	struct ticketkeys *k = ctx;
	k->timer = poll_after(k->poll, tickets_rotate(k->tickets), rotate, k);
}

/* The keys of the image before this one, if there was one. */
static void
take_former(struct tickets *t)
{
	const char *text = getenv(FORMER_VARIABLE);
	int fd = text != NULL ? (int)strtol(text, NULL, 10) : -1;
	unsetenv(FORMER_VARIABLE);
	if (fd < 0)
		return;
	tickets_inherit(t, fd);
	close(fd);
}

struct ticketkeys *
ticketkeys_new(struct poll *poll, const struct conf *conf)
{
	int64_t lifetime = conf_seconds(conf, CONF_TLS_SESSION_TIMEOUT);
	struct tickets *t;
	if (lifetime <= 0 || tickets_new(lifetime, &t) != OK)
		return NULL;
	take_former(t);
	struct ticketkeys *k = mem_zero(1, sizeof(*k));
	k->poll = poll;
	k->tickets = t;
	rotate(k);
	return k;
}

void
ticketkeys_free(struct ticketkeys *k)
{
	if (k == NULL)
		return;
	poll_cancel(k->poll, k->timer);
	tickets_close(k->tickets);
	free(k);
}

int
ticketkeys_fd(const struct ticketkeys *k)
{
	return k != NULL ? tickets_fd(k->tickets) : -1;
}

void
ticketkeys_hand_over(const struct ticketkeys *k)
{
	char text[16];
	int fd = k != NULL ? fcntl(tickets_fd(k->tickets), F_DUPFD, ASIDE_FROM) : -1;
	if (fd < 0)
		return;
	snprintf(text, sizeof(text), "%d", fd);
	setenv(FORMER_VARIABLE, text, 1);
}
