/*
 * hub.c - passes notices from those who publish to those who watch
 *
 * A watch is in two hash tables, by its id (who is to be told?) and by id and
 * connection (is it there?), and in a list of its connection.  Ids are random
 * or digests and come from our own workers, so four of their bytes are a hash.
 *
 * Invariants: a watch is in one bucket of each table and in its connection's
 * list; no connection watches an id twice.  Sending never ends a connection, so
 * lists do not change while a notice is passed on: the dead are found by the
 * event loop.
 *
 * Nothing is lost without a word.  To whom a notice cannot be sent (his buffer is
 * full) "look at everything" is sent as soon as there is room.  Whoever leaves
 * without a farewell was killed, or could not get rid of a notice: then all are
 * told so, but for a pause between two such rounds.
 */
#include "imap/idled/hub.h"
#include "imap/server/notify.h"
#include "lib/acceptor.h"
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
	ALARM_MS = 500,		/* between two times that all are told to look */
	MESSAGE = sizeof(struct notify_message),
};

struct watch {
	struct id128 id;
	struct conn *conn;
	struct watch *next, **at;	/* in the bucket of its id */
	struct watch *own_next, **own_at; /* in that of id and connection */
	struct watch *next_of_conn, **at_of_conn;
};

struct conn {
	struct hub *hub;
	int fd;
	struct conn *next, **at;
	struct watch *watches;
	size_t n_watches;
	bool lost;			/* a notice; it is told when there is room */
	bool said_bye;
	uint8_t part[MESSAGE];		/* of a message that is not all there */
	size_t n_part;
};

struct hub {
	struct poll *poll;
	struct acceptor *acceptor;
	struct conn *conns;
	size_t n_conns;
	struct poll_timer *alarm;	/* not NULL: all have been told just now, */
	bool alarm_again;		/*   and are to be told once more */
	struct watch **buckets, **own;
	size_t n_buckets;		/* of each table; a power of two */
	size_t n_watches;
};

static void on_ready(void *ctx, int fd, short ready);

/* --- the tables --- */

static uint32_t
hash_of(const struct id128 *id)
{
	uint32_t hash;

	memcpy(&hash, id->b, sizeof(hash));
	return hash;
}

static struct watch **
bucket_of(const struct hub *h, const struct id128 *id)
{
	return &h->buckets[hash_of(id) & (h->n_buckets - 1)];
}

static struct watch **
own_bucket_of(const struct hub *h, const struct conn *c, const struct id128 *id)
{
	/* Descriptors are small: they differ in the lowest bits. */
	uint32_t hash = hash_of(id) ^ (uint32_t)c->fd * UINT32_C(2654435761);

	return &h->own[hash & (h->n_buckets - 1)];
}

static void
link_watch(struct hub *h, struct watch *w)
{
	w->at = bucket_of(h, &w->id);
	w->next = *w->at;
	if (w->next != NULL)
		w->next->at = &w->next;
	*w->at = w;

	w->own_at = own_bucket_of(h, w->conn, &w->id);
	w->own_next = *w->own_at;
	if (w->own_next != NULL)
		w->own_next->own_at = &w->own_next;
	*w->own_at = w;
}

static void
unlink_watch(struct hub *h, struct watch *w)
{
	*w->at = w->next;
	if (w->next != NULL)
		w->next->at = w->at;
	*w->own_at = w->own_next;
	if (w->own_next != NULL)
		w->own_next->own_at = w->own_at;
	*w->at_of_conn = w->next_of_conn;
	if (w->next_of_conn != NULL)
		w->next_of_conn->at_of_conn = w->at_of_conn;
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
	free(h->own);
	h->own = mem_zero(h->n_buckets, sizeof(struct watch *));
	for (size_t i = 0; i < n; i++) {
		for (struct watch *w = old[i], *next; w != NULL; w = next) {
			next = w->next;
			link_watch(h, w);
		}
	}
	free(old);
}

static struct watch *
find_watch(const struct conn *c, const struct id128 *id)
{
	struct watch *w = *own_bucket_of(c->hub, c, id);

	while (w != NULL && !(w->conn == c && id128_eq(&w->id, id)))
		w = w->own_next;
	return w;
}

/* --- telling --- */

/* False: there is no room for it. */
static bool
say(const struct conn *c, enum notify_op op, const struct id128 *id)
{
	struct notify_message m = { .op = (uint8_t)op };

	if (id != NULL)
		m.id = *id;
	/* Other failures than for want of room are for the event loop to find. */
	return send(c->fd, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0
	    || (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM);
}

static void
tell(struct conn *c, enum notify_op op, const struct id128 *id)
{
	if (c->lost || say(c, op, id))
		return;
	c->lost = true;
	poll_watch(c->hub->poll, c->fd, POLLIN | POLLOUT, on_ready, c);
}

/* What was lost, now that there is room. */
static void
tell_of_loss(struct conn *c)
{
	if (!say(c, NOTIFY_OP_LOST, NULL))
		return;
	c->lost = false;
	poll_watch(c->hub->poll, c->fd, POLLIN, on_ready, c);
}

static void
alarm_all(struct hub *h)
{
	for (struct conn *c = h->conns; c != NULL; c = c->next)
		if (c->n_watches > 0)
			tell(c, NOTIFY_OP_LOST, NULL);
}

static void
after_alarm(void *ctx)
{
	struct hub *h = ctx;

	h->alarm = NULL;
	if (!h->alarm_again)
		return;
	h->alarm_again = false;
	h->alarm = poll_after(h->poll, ALARM_MS, after_alarm, h);
	alarm_all(h);
}

/* Somebody has left without a farewell. */
static void
raise_alarm(struct hub *h)
{
	if (h->alarm != NULL) {
		h->alarm_again = true;
		return;
	}
	h->alarm = poll_after(h->poll, ALARM_MS, after_alarm, h);
	alarm_all(h);
}

/* --- what clients say --- */

static void
watch(struct conn *c, const struct id128 *id)
{
	struct hub *h = c->hub;

	if (find_watch(c, id) != NULL)
		return;
	if (c->n_watches == NOTIFY_WATCH_MAX || h->n_watches == HUB_WATCHES_MAX) {
		tell(c, NOTIFY_OP_REFUSED, id);
		return;
	}
	if (h->n_watches == h->n_buckets)
		grow_buckets(h);

	struct watch *w = mem_zero(1, sizeof(*w));

	*w = (struct watch){ .id = *id, .conn = c, .next_of_conn = c->watches,
	    .at_of_conn = &c->watches };
	if (w->next_of_conn != NULL)
		w->next_of_conn->at_of_conn = &w->next_of_conn;
	c->watches = w;
	link_watch(h, w);
	h->n_watches++;
	c->n_watches++;
}

static void
unwatch(struct conn *c, const struct id128 *id)
{
	struct watch *w = find_watch(c, id);

	if (w != NULL)
		unlink_watch(c->hub, w);
}

/* Who makes a change knows of it. */
static void
publish(const struct conn *from, const struct id128 *id)
{
	for (struct watch *w = *bucket_of(from->hub, id); w != NULL; w = w->next)
		if (w->conn != from && id128_eq(&w->id, id))
			tell(w->conn, NOTIFY_OP_PUBLISH, id);
}

static void
conn_close(struct conn *c)
{
	struct hub *h = c->hub;

	bool in_silence = !c->said_bye;

	while (c->watches != NULL)
		unlink_watch(h, c->watches);	/* NOLINT(clang-analyzer-unix.Malloc): so does it */
	poll_unwatch(h->poll, c->fd);
	close(c->fd);
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	h->n_conns--;
	free(c);
	if (in_silence)
		raise_alarm(h);
}

static bool
obey(struct conn *c, const struct notify_message *m)
{
	switch ((enum notify_op)m->op) {
	case NOTIFY_OP_PUBLISH:
		publish(c, &m->id);
		return true;
	case NOTIFY_OP_WATCH:
		watch(c, &m->id);
		return true;
	case NOTIFY_OP_UNWATCH:
		unwatch(c, &m->id);
		return true;
	case NOTIFY_OP_SYNC:
		tell(c, NOTIFY_OP_SYNC, &m->id);
		return true;
	case NOTIFY_OP_BYE:
		c->said_bye = true;
		return true;
	case NOTIFY_OP_LOST:
	case NOTIFY_OP_REFUSED:
		break;			/* ours to say */
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
		if (m.op == NOTIFY_OP_PUBLISH && memcmp(&m, &last, MESSAGE) == 0)
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
on_ready(void *ctx, int fd, short ready)
{
	struct conn *c = ctx;
	uint8_t bytes[MESSAGE + READ_SIZE];

	if (c->lost && (ready & POLLOUT))
		tell_of_loss(c);
	memcpy(bytes, c->part, c->n_part);
	ssize_t n = recv(fd, bytes + c->n_part, READ_SIZE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !obey_all(c, bytes, c->n_part + (size_t)n))
		conn_close(c);
}

static void
on_connect(void *ctx, int fd)
{
	struct hub *h = ctx;
	struct conn *c = mem_zero(1, sizeof(*c));

	*c = (struct conn){ .hub = h, .fd = fd, .next = h->conns, .at = &h->conns };
	if (c->next != NULL)
		c->next->at = &c->next;
	h->conns = c;
	h->n_conns++;
	poll_watch(h->poll, fd, POLLIN, on_ready, c);
}

struct hub *
hub_new(struct poll *poll, int listen_fd)
{
	struct hub *h = mem_zero(1, sizeof(*h));

	h->poll = poll;
	h->n_buckets = BUCKETS_FIRST;
	h->buckets = mem_zero(h->n_buckets, sizeof(struct watch *));
	h->own = mem_zero(h->n_buckets, sizeof(struct watch *));
	h->acceptor = acceptor_new(poll, listen_fd, "the idle socket", on_connect, h);
	return h;
}

void
hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	while (h->conns != NULL) {
		/* NOLINTBEGIN(clang-analyzer-unix.Malloc): it unlinks itself */
		h->conns->said_bye = true;
		conn_close(h->conns);
		/* NOLINTEND(clang-analyzer-unix.Malloc) */
	}
	acceptor_free(h->acceptor);
	poll_cancel(h->poll, h->alarm);
	free(h->buckets);
	free(h->own);
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
