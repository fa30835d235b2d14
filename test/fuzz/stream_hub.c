/*
 * stream_hub.c - idled's clients, see stream_parts.h
 *
 * Each step is two bytes: which client, and what it does.  It connects, hangs
 * up, sends a message whole or in halves, or some other bytes of the input.
 */
#include "imap/idled/hub.h"
#include "imap/server/notify.h"
#include "test/fuzz/place.h"
#include "test/fuzz/stream_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 4, MAILBOXES = 8, MESSAGE = sizeof(struct notify_message) };

struct client {
	int fd;				/* -1: not connected */
	bool watches[MAILBOXES];
	unsigned notices, losses;	/* "look at everything": when somebody leaves */
	size_t half;			/* bytes of a message that it has sent */
	struct notify_message message;	/* that one */
};

static struct {
	struct poll *poll;
	int listen_fd;
	struct sockaddr_un address;
	struct client client[CLIENTS];
} h;

static void
stop(void *ctx)
{
	poll_stop(ctx);
}

/* Until there is nothing to do. */
static void
settle(void)
{
	for (int i = 0; i < 3; i++) {
		poll_after(h.poll, 0, stop, h.poll);
		poll_run(h.poll);
	}
}

static void
listen_once(void)
{
	if (h.poll != NULL)
		return;
	h.poll = poll_new();
	h.address.sun_family = AF_UNIX;
	snprintf(h.address.sun_path, sizeof(h.address.sun_path), "%s/idle", fuzz_path());
	h.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	fuzz_must(h.listen_fd >= 0 && bind(h.listen_fd, (struct sockaddr *)&h.address,
	    sizeof(h.address)) == 0 && listen(h.listen_fd, CLIENTS) == 0, "listen");
}

static void
leave(struct client *c)
{
	close(c->fd);
	*c = (struct client){ .fd = -1 };
}

/* What has come for it; false: the hub hung up. */
static bool
notices(struct client *c)
{
	struct notify_message m[16];
	ssize_t n;

	while ((n = recv(c->fd, m, sizeof(m), MSG_DONTWAIT)) > 0) {
		fuzz_must(n % MESSAGE == 0, "whole messages");
		for (ssize_t i = 0; i < n / MESSAGE; i++) {
			c->losses += m[i].op == NOTIFY_OP_LOST;
			c->notices += m[i].op != NOTIFY_OP_LOST;
		}
	}
	return n < 0 && errno == EAGAIN;
}

/* A whole message has arrived: what the hub makes of it. */
static bool
foresee(struct client *c, const struct notify_message *m)
{
	unsigned i = m->id.b[0] % MAILBOXES;

	switch (m->op) {
	case NOTIFY_OP_PUBLISH:
	case NOTIFY_OP_SYNC:
		return true;
	case NOTIFY_OP_WATCH:
		c->watches[i] = true;
		return true;
	case NOTIFY_OP_UNWATCH:
		c->watches[i] = false;
		return true;
	default:
		return false;
	}
}

/* Notices are due to those who watch, and to nobody else. */
static void
check_notices(struct client *from, const struct notify_message *m)
{
	unsigned i = m->id.b[0] % MAILBOXES;

	for (struct client *c = h.client; c < h.client + CLIENTS; c++) {
		if (c->fd < 0)
			continue;
		fuzz_must(notices(c), "a client's connection stays");
		unsigned due = c == from ? m->op == NOTIFY_OP_SYNC :
		    m->op == NOTIFY_OP_PUBLISH && c->watches[i];
		fuzz_must(c->notices == due, "notices");
		c->notices = 0;
	}
}

static void
send_message(struct client *c, unsigned what)
{
	static const char ops[] = { NOTIFY_OP_PUBLISH, NOTIFY_OP_WATCH,
	    NOTIFY_OP_UNWATCH, 'x' };
	size_t n = what & 0x80 ? 7 : MESSAGE;

	if (c->half == 0) {
		c->message = (struct notify_message){ .op = (uint8_t)ops[what >> 3 & 3] };
		if ((what & 0x60) != 0x60 && c->message.op == 'x')
			c->message.op = what & 0x20 ? NOTIFY_OP_SYNC : NOTIFY_OP_PUBLISH;
		memset(c->message.id.b, (int)(what & 7), sizeof(c->message.id.b));
	}
	n = n < MESSAGE - c->half ? n : MESSAGE - c->half;
	fuzz_must(send(c->fd, (char *)&c->message + c->half, n, MSG_NOSIGNAL) == (ssize_t)n,
	    "send");
	c->half += n;
	settle();
	if (c->half < MESSAGE)
		return;
	c->half = 0;
	if (foresee(c, &c->message)) {
		check_notices(c, &c->message);
	} else {
		fuzz_must(!notices(c), "a message of no kind");
		leave(c);
	}
}

static void
step(struct client *c, unsigned what)
{
	if (c->fd < 0) {
		c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		fuzz_must(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&h.address,
		    sizeof(h.address)) == 0, "connect");
	} else if (what == 0xff) {
		leave(c);
	} else {
		send_message(c, what);
	}
	settle();
}

void
fuzz_hub(struct str s)
{
	struct hub *hub;

	listen_once();
	hub = hub_new(h.poll, h.listen_fd);
	for (int i = 0; i < CLIENTS; i++)
		h.client[i] = (struct client){ .fd = -1 };
	for (size_t i = 0; i + 1 < s.n && i < 400; i += 2) {
		size_t clients = 0, watches = 0;

		step(&h.client[(unsigned char)s.p[i] % CLIENTS], (unsigned char)s.p[i + 1]);
		for (struct client *c = h.client; c < h.client + CLIENTS; c++) {
			clients += c->fd >= 0;
			for (int k = 0; k < MAILBOXES; k++)
				watches += c->watches[k];
		}
		fuzz_must(hub_connections(hub) == clients, "connections");
		fuzz_must(hub_watches(hub) == watches, "watches");
	}
	for (struct client *c = h.client; c < h.client + CLIENTS; c++)
		if (c->fd >= 0)
			leave(c);
	settle();
	fuzz_must(hub_connections(hub) == 0 && hub_watches(hub) == 0, "all have left");
	hub_free(hub);
}
