#include "imap/keyd/counter.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/pass.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COMERS = 32 };			/* at once, before others have their turn */

struct asker {
	struct asker *next, **at;
	struct counter *counter;
	int fd;
	bool is_suspect;		/* has asked for what no server of ours asks for */
};

struct counter {
	struct poll *poll;
	const struct tlskey_stand *stand;
	int queue;			/* -1: shut */
	struct asker *askers;
	uint64_t served;
	struct buf request, reply;	/* room for one */
	void (*empty)(void *ctx);
	void *ctx;
};

static void
asker_close(struct asker *a)
{
	struct counter *c = a->counter;
	poll_unwatch(c->poll, a->fd);
	close(a->fd);
	*a->at = a->next;
	if (a->next != NULL)
		a->next->at = a->at;
	free(a);
	if (c->askers == NULL)
		c->empty(c->ctx);
}

static void
suspect(struct asker *a)
{
	struct ucred who = { .pid = 0 };
	socklen_t n = sizeof(who);
	if (a->is_suspect)
		return;
	a->is_suspect = true;
	(void)getsockopt(a->fd, SOL_SOCKET, SO_PEERCRED, &who, &n);
	log_warning("process %d asks for what is not TLS, as no server of ours does: somebody"
	    " may have taken it over", (int)who.pid);
}

/* False: he is not to be served any more. */
static bool
serve(struct asker *a)
{
	struct counter *c = a->counter;
	int fd;
	enum err e = tlskey_serve(c->stand, buf_str(&c->request), &c->reply, &fd);
	if (e == ERR_DENIED || e == ERR_SYNTAX || e == ERR_UNSUPPORTED)
		suspect(a);
	e = pass_send(a->fd, buf_str(&c->reply), &fd, fd >= 0 ? 1 : 0);
	if (fd >= 0)
		close(fd);
	c->served++;
	/* Who asks without reading goes: there is room for many answers. */
	return e == OK;
}

static void
on_request(void *ctx, int fd, short ready)
{
	struct asker *a = ctx;
	int fds[PASS_FDS];
	(void)ready;
	enum err e = pass_receive(fd, &a->counter->request, fds);
	pass_close(fds);
	if (e == ERR_AGAIN)
		return;
	if (e == ERR_LIMIT)
		suspect(a);
	if (e != OK || !serve(a))
		asker_close(a);
}

static void
admit(struct counter *c, int fd)
{
	struct asker *a = mem_zero(1, sizeof(*a));
	*a = (struct asker){ .next = c->askers, .at = &c->askers, .counter = c, .fd = fd };
	if (a->next != NULL)
		a->next->at = &a->next;
	c->askers = a;
	poll_watch(c->poll, fd, POLLIN, on_request, a);
}

static void
on_queue(void *ctx, int fd, short ready)
{
	struct counter *c = ctx;
	int fds[PASS_FDS];
	enum err e = OK;
	(void)ready;
	for (int i = 0; i < COMERS && e != ERR_AGAIN; i++) {
		e = pass_receive(fd, &c->request, fds);
		if (e == OK && fds[0] >= 0 && pass_is_queue(fds[0])) {
			admit(c, fds[0]);
			fds[0] = -1;
		}
		pass_close(fds);
		if (e == ERR_CLOSED || e == ERR_IO) {
			counter_shut(c);
			return;
		}
	}
}

struct counter *
counter_open(struct poll *poll, const struct tlskey_stand *stand, int queue,
    void (*empty)(void *ctx), void *ctx)
{
	struct counter *c = mem_zero(1, sizeof(*c));
	*c = (struct counter){
		.poll = poll, .stand = stand, .queue = queue, .request = BUF_INIT,
		.reply = BUF_INIT, .empty = empty, .ctx = ctx,
	};
	poll_watch(poll, queue, POLLIN, on_queue, c);
	return c;
}

void
counter_shut(struct counter *c)
{
	if (c->queue < 0)
		return;
	poll_unwatch(c->poll, c->queue);
	close(c->queue);
	c->queue = -1;
}

bool
counter_is_empty(const struct counter *c)
{
	return c->askers == NULL;
}

uint64_t
counter_served(const struct counter *c)
{
	return c->served;
}

static void
ignore(void *ctx)
{
	(void)ctx;
}

void
counter_close(struct counter *c)
{
	counter_shut(c);
	c->empty = ignore;
	while (c->askers != NULL)
		asker_close(c->askers);		/* NOLINT(clang-analyzer-unix.Malloc): it unlinks itself */
	buf_free(&c->request);
	buf_free(&c->reply);
	free(c);
}
