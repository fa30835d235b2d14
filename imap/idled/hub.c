/*
 * hub.c - passes notices from those who publish to those who watch
 *
 * Watches are in a hash table by mailbox id, and in a list of their
 * connection.  Ids are random and come from our own workers, so four of their
 * bytes are a hash.
 *
 * Invariants: a watch is in the bucket of its id and in its connection's list;
 * no connection watches an id twice.  Sending never ends a connection, so
 * lists do not change while a notice is passed on: the dead are found by the
 * event loop.
 */
#include "imap/idled/hub.h"
#include "imap/server/notify.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BUCKETS_FIRST = 1024,
	READ_SIZE = 8192,	/* of one connection, before the others' turn */
	ACCEPT_MAX = 64,	/* at a time */
	PAUSE_MS = 1000,	/* when there is no descriptor for a connection */
	MESSAGE = sizeof(struct notify_message),
};

struct watch {
	struct id128 id;
	struct conn *conn;
	struct watch *next, **at;	/* in the bucket */
	struct watch *next_of_conn;
};

struct conn {
	struct hub *hub;
	int fd;
	struct conn *next, **at;
	struct watch *watches;
	int n_watches;
	uint8_t part[MESSAGE];		/* of a message that is not all there */
	size_t n_part;
};

struct hub {
	struct poll *poll;
	int listen_fd;
	struct poll_timer *pause;	/* NULL: accepting */
	struct conn *conns;
	size_t n_conns;
	struct watch **buckets;
	size_t n_buckets;		/* a power of two */
	size_t n_watches;
};

static void on_connect(void *ctx, int fd, short ready);

static struct watch **
bucket_of(const struct hub *h, const struct id128 *id)
{
	uint32_t hash;

	memcpy(&hash, id->b, sizeof(hash));
	return &h->buckets[hash & (h->n_buckets - 1)];
}

static void
link_watch(struct hub *h, struct watch *w)
{
	w->at = bucket_of(h, &w->id);
	w->next = *w->at;
	if (w->next != NULL)
		w->next->at = &w->next;
	*w->at = w;
}

static void
unlink_watch(struct hub *h, struct watch *w)
{
	*w->at = w->next;
	if (w->next != NULL)
		w->next->at = w->at;
	h->n_watches--;
	w->conn->n_watches--;
	free(w);
}

static void
grow_buckets(struct hub *h)
{
	struct watch **old = h->buckets;
	size_t n = h->n_buckets;

	h->n_buckets = n * 2;
	h->buckets = mem_zero(h->n_buckets, sizeof(struct watch *));
	for (size_t i = 0; i < n; i++) {
		for (struct watch *w = old[i], *next; w != NULL; w = next) {
			next = w->next;
			link_watch(h, w);
		}
	}
	free(old);
}

/* A failure is for the event loop to find; full is as good as sent. */
static void
notice(struct conn *c)
{
	(void)send(c->fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static struct watch **
find_watch(struct conn *c, const struct id128 *id)
{
	struct watch **at = &c->watches;

	while (*at != NULL && !id128_eq(&(*at)->id, id))
		at = &(*at)->next_of_conn;
	return at;
}

static void
watch(struct conn *c, const struct id128 *id)
{
	struct hub *h = c->hub;
	struct watch **at = find_watch(c, id);

	if (*at == NULL && c->n_watches < NOTIFY_WATCH_MAX) {
		if (h->n_watches == h->n_buckets)
			grow_buckets(h);
		struct watch *w = mem_zero(1, sizeof(*w));
		w->id = *id;
		w->conn = c;
		*at = w;
		link_watch(h, w);
		h->n_watches++;
		c->n_watches++;
	}
	notice(c);
}

static void
unwatch(struct conn *c, const struct id128 *id)
{
	struct watch **at = find_watch(c, id), *w = *at;

	if (w == NULL)
		return;
	*at = w->next_of_conn;
	unlink_watch(c->hub, w);
}

/* Who makes a change knows of it. */
static void
publish(const struct conn *from, const struct id128 *id)
{
	for (struct watch *w = *bucket_of(from->hub, id); w != NULL; w = w->next)
		if (w->conn != from && id128_eq(&w->id, id))
			notice(w->conn);
}

static void
conn_close(struct conn *c)
{
	struct hub *h = c->hub;

	for (struct watch *w = c->watches, *next; w != NULL; w = next) {
		next = w->next_of_conn;
		unlink_watch(h, w);
	}
	poll_unwatch(h->poll, c->fd);
	close(c->fd);
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	h->n_conns--;
	free(c);
}

static bool
obey(struct conn *c, const struct notify_message *m)
{
	switch ((enum notify_op)m->op) {
	case NOTIFY_PUBLISH:
		publish(c, &m->id);
		return true;
	case NOTIFY_WATCH:
		watch(c, &m->id);
		return true;
	case NOTIFY_UNWATCH:
		unwatch(c, &m->id);
		return true;
	}
	log_warning("a client of the idle socket sent a message of kind %d: closed", m->op);
	return false;
}

static bool
obey_all(struct conn *c, const uint8_t *p, size_t n)
{
	struct notify_message m, last = { 0 };

	for (; n >= MESSAGE; p += MESSAGE, n -= MESSAGE) {
		memcpy(&m, p, MESSAGE);
		/* Floods are of one mailbox. */
		if (m.op == NOTIFY_PUBLISH && memcmp(&m, &last, MESSAGE) == 0)
			continue;
		if (!obey(c, &m))
			return false;
		last = m;
	}
	memcpy(c->part, p, n);
	c->n_part = n;
	return true;
}

static void
on_readable(void *ctx, int fd, short ready)
{
	struct conn *c = ctx;
	uint8_t bytes[MESSAGE + READ_SIZE];
	(void)ready;

	memcpy(bytes, c->part, c->n_part);
	ssize_t n = recv(fd, bytes + c->n_part, READ_SIZE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !obey_all(c, bytes, c->n_part + (size_t)n))
		conn_close(c);
}

static void
accept_again(void *ctx)
{
	struct hub *h = ctx;

	h->pause = NULL;
	poll_watch(h->poll, h->listen_fd, POLLIN, on_connect, h);
}

static void
on_connect(void *ctx, int listen_fd, short ready)
{
	struct hub *h = ctx;
	(void)ready;

	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
			return;
		if (fd < 0) {
			log_err("IOERROR: accept on the idle socket: %m");
			poll_unwatch(h->poll, listen_fd);
			h->pause = poll_after(h->poll, PAUSE_MS, accept_again, h);
			return;
		}
		struct conn *c = mem_zero(1, sizeof(*c));
		*c = (struct conn){ .hub = h, .fd = fd, .next = h->conns, .at = &h->conns };
		if (c->next != NULL)
			c->next->at = &c->next;
		h->conns = c;
		h->n_conns++;
		poll_watch(h->poll, fd, POLLIN, on_readable, c);
	}
}

struct hub *
hub_new(struct poll *poll, int listen_fd)
{
	struct hub *h = mem_zero(1, sizeof(*h));

	h->poll = poll;
	h->listen_fd = listen_fd;
	h->n_buckets = BUCKETS_FIRST;
	h->buckets = mem_zero(h->n_buckets, sizeof(struct watch *));
	poll_watch(poll, listen_fd, POLLIN, on_connect, h);
	return h;
}

void
hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	while (h->conns != NULL)
		conn_close(h->conns);	/* NOLINT(clang-analyzer-unix.Malloc): unlinks itself */
	poll_cancel(h->poll, h->pause);
	poll_unwatch(h->poll, h->listen_fd);
	free(h->buckets);
	free(h);
}

size_t
hub_connections(const struct hub *h)
{
	return h->n_conns;
}

size_t
hub_watches(const struct hub *h)
{
	return h->n_watches;
}
