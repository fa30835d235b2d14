#include "lib/acceptor.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	ACCEPT_MAX = 64,		/* at a time */
	PAUSE_MS = 1000,		/* when there is no descriptor for a connection */
};

struct acceptor {
	struct poll *poll;
	int listen_fd;
	const char *name;
	acceptor_fn fn;
	void *ctx;
	struct poll_timer *pause;	/* NULL: accepting */
};

static void on_connect(void *ctx, int fd, short ready);

static void
accept_again(void *ctx)
{
	struct acceptor *a = ctx;

	a->pause = NULL;
	poll_watch(a->poll, a->listen_fd, POLLIN, on_connect, a);
}

static void
on_connect(void *ctx, int listen_fd, short ready)
{
	struct acceptor *a = ctx;
	(void)ready;

	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
			return;
		if (fd < 0) {
			log_err("IOERROR: accept on %s: %m", a->name);
			poll_unwatch(a->poll, listen_fd);
			a->pause = poll_after(a->poll, PAUSE_MS, accept_again, a);
			return;
		}
		a->fn(a->ctx, fd);
	}
}

struct acceptor *
acceptor_new(struct poll *poll, int listen_fd, const char *name, acceptor_fn fn, void *ctx)
{
	struct acceptor *a = mem_get(sizeof(*a));

	*a = (struct acceptor){ .poll = poll, .listen_fd = listen_fd, .name = name,
	    .fn = fn, .ctx = ctx };
	poll_watch(poll, listen_fd, POLLIN, on_connect, a);
	return a;
}

void
acceptor_free(struct acceptor *a)
{
	if (a == NULL)
		return;
	poll_cancel(a->poll, a->pause);
	poll_unwatch(a->poll, a->listen_fd);
	free(a);
}
