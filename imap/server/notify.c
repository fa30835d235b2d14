/*
 * notify.c - tell others that something has changed; be told
 *
 * A stream rather than datagrams: an idled that ends is seen at once by both
 * who wait and who publish, a worker that dies is seen by idled, and the
 * buffer is some hundred messages for each worker instead of the ten that
 * net.unix.max_dgram_qlen allows for all together.
 *
 * The kernel takes a message of this size as a whole or not at all.  Many of
 * them at once (watches) it may take in pieces; then the rest is waited for, or
 * the connection ends: no half message is ever left in front of another.
 *
 * Invariant: ids are sorted and each is there once.
 */
#include "imap/server/notify.h"
#include "lib/buf.h"
#include "lib/mem.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	RETRY_MS = 1000,		/* between two tries of who waits to find idled */
	MESSAGE = sizeof(struct notify_message),
	MESSAGES = 128,			/* that are read at a time */
};

struct notify {
	struct sockaddr_un address;
	bool is_possible;		/* the path fits an address */
	int fd;				/* -1: not connected */
	int64_t next_try;
	bool missed;			/* there was a time without connection */
	struct id128 *ids;		/* that are watched */
	size_t n, size;
	uint8_t in[MESSAGES * MESSAGE];	/* what has come: */
	size_t in_at, in_end;		/*   from here up to there not given out yet */
};

static_assert(sizeof(struct notify_message) == 20, "no padding");

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct notify *
notify_open(const char *socket)
{
	struct notify *n = mem_zero(1, sizeof(*n));
	size_t len = strlen(socket);

	n->fd = -1;
	n->address.sun_family = AF_UNIX;
	n->is_possible = len < sizeof(n->address.sun_path);
	if (n->is_possible)
		memcpy(n->address.sun_path, socket, len);
	return n;
}

static void
disconnect(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
	n->missed = true;
	n->in_at = n->in_end = 0;
}

/* --- sending --- */

/* False: the connection is lost. */
static bool
say(struct notify *n, enum notify_op op, const struct id128 *id)
{
	struct notify_message m = { .op = (uint8_t)op };
	ssize_t sent;

	if (id != NULL)
		m.id = *id;
	do
		sent = send(n->fd, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent == sizeof(m))
		return true;
	disconnect(n);
	return false;
}

static void
add_message(struct buf *b, enum notify_op op, const struct id128 *id)
{
	struct notify_message m = { .op = (uint8_t)op, .id = *id };

	buf_add(b, &m, sizeof(m));
}

/* All of TEXT, within PATIENCE milliseconds; false: the connection is lost. */
static bool
say_all(struct notify *n, struct str text, int patience)
{
	int64_t end = now_ms() + patience;

	while (text.n > 0) {
		struct pollfd p = { .fd = n->fd, .events = POLLOUT };
		ssize_t sent = send(n->fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		int64_t left = end - now_ms();

		if (sent > 0) {
			text = str_slice(text, (size_t)sent, text.n);
		} else if (sent == 0 || (errno != EINTR && errno != EAGAIN) || left < 0
		    || (errno == EAGAIN && poll(&p, 1, (int)left) == 0)) {
			disconnect(n);
			return false;
		}
	}
	return true;
}

/* The answer to what is said last makes those who wait look. */
static bool
say_watches(struct notify *n, int patience)
{
	static const struct id128 none = { { 0 } };
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n->n; i++)
		add_message(&b, NOTIFY_OP_WATCH, &n->ids[i]);
	if (n->n > 0)
		add_message(&b, NOTIFY_OP_SYNC, &none);

	bool ok = say_all(n, buf_str(&b), patience);

	buf_free(&b);
	return ok;
}

static bool
connect_to(struct notify *n, int patience)
{
	int64_t now = now_ms();

	if (n->fd >= 0)
		return true;
	if (!n->is_possible || now < n->next_try)
		return false;
	n->next_try = now + RETRY_MS;
	n->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd < 0)
		return false;
	if (connect(n->fd, (const struct sockaddr *)&n->address, sizeof(n->address)) != 0) {
		disconnect(n);
		return false;
	}
	return say_watches(n, patience);
}

void
notify_close(struct notify *n)
{
	if (n == NULL)
		return;
	if (n->fd >= 0)
		(void)say(n, NOTIFY_OP_BYE, NULL);
	disconnect(n);
	free(n->ids);
	free(n);
}

void
notify_publish(void *ctx, const struct id128 *id)
{
	struct notify *n = ctx;

	/*
	 * The second try is for an idled that was started anew.  No pause after one
	 * that failed: whoever watches by now has looked before this change.
	 */
	for (int i = 0; i < 2; i++) {
		n->next_try = 0;
		if (!connect_to(n, 0) || say(n, NOTIFY_OP_PUBLISH, id))
			return;
	}
}

/* --- watches --- */

static int
id_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct id128));
}

/* Where ID is or would be. */
static size_t
place_of(const struct notify *n, const struct id128 *id)
{
	size_t low = 0, high = n->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (id_cmp(&n->ids[mid], id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
is_at(const struct notify *n, size_t at, const struct id128 *id)
{
	return at < n->n && id128_eq(&n->ids[at], id);
}

enum err
notify_watch(struct notify *n, const struct id128 *id)
{
	size_t at = place_of(n, id);

	if (is_at(n, at, id))
		return OK;
	if (n->n == NOTIFY_WATCH_MAX)
		return ERR_LIMIT;
	bool was_connected = connect_to(n, NOTIFY_PATIENCE_MS);
	if (n->n == n->size) {
		n->size += n->size / 2 + 8;
		n->ids = mem_grow(n->ids, n->size * sizeof(*n->ids));
	}
	memmove(n->ids + at + 1, n->ids + at, (n->n - at) * sizeof(*n->ids));
	n->ids[at] = *id;
	n->n++;
	if (was_connected && !(say(n, NOTIFY_OP_WATCH, id) && say(n, NOTIFY_OP_SYNC, NULL)))
		(void)connect_to(n, NOTIFY_PATIENCE_MS);	/* which says it */
	return OK;
}

void
notify_unwatch(struct notify *n, const struct id128 *id)
{
	size_t at = place_of(n, id);

	if (!is_at(n, at, id))
		return;
	n->n--;
	memmove(n->ids + at, n->ids + at + 1, (n->n - at) * sizeof(*n->ids));
	if (n->fd >= 0)
		(void)say(n, NOTIFY_OP_UNWATCH, id);
}

/* What makes the first of two sorted sets into the second. */
static void
add_difference(struct buf *b, const struct id128 *was, size_t was_n,
    const struct id128 *is, size_t is_n)
{
	size_t i = 0, k = 0;

	while (i < was_n || k < is_n) {
		int c = i == was_n ? 1 : k == is_n ? -1 : id_cmp(&was[i], &is[k]);

		if (c < 0)
			add_message(b, NOTIFY_OP_UNWATCH, &was[i]);
		else if (c > 0)
			add_message(b, NOTIFY_OP_WATCH, &is[k]);
		i += c <= 0;
		k += c >= 0;
	}
}

static size_t
sort_ids(struct id128 *ids, size_t n)
{
	size_t kept = 0;

	if (n > 0)
		qsort(ids, n, sizeof(*ids), id_cmp);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !id128_eq(&ids[kept - 1], &ids[i]))
			ids[kept++] = ids[i];
	return kept;
}

static void wait_for_answer(struct notify *n);

enum err
notify_watch_set(struct notify *n, const struct id128 *ids, size_t count)
{
	static const struct id128 none = { { 0 } };
	struct id128 *sorted = mem_get(count * sizeof(*sorted) + 1);
	bool was_connected = n->fd >= 0;
	struct buf b = BUF_INIT;

	if (count > 0)
		memcpy(sorted, ids, count * sizeof(*sorted));
	count = sort_ids(sorted, count);
	if (count > NOTIFY_WATCH_MAX) {
		free(sorted);
		return ERR_LIMIT;
	}
	add_difference(&b, n->ids, n->n, sorted, count);
	free(n->ids);
	n->ids = sorted;
	n->n = n->size = count;
	if (!was_connected && connect_to(n, NOTIFY_PATIENCE_MS)) {
		wait_for_answer(n);
	} else if (was_connected && b.n > 0) {
		add_message(&b, NOTIFY_OP_SYNC, &none);
		if (say_all(n, buf_str(&b), NOTIFY_PATIENCE_MS))
			wait_for_answer(n);
	}
	buf_free(&b);
	return OK;
}

/* --- notices --- */

int
notify_fd(struct notify *n)
{
	(void)connect_to(n, NOTIFY_PATIENCE_MS);
	return n->fd;
}

bool
notify_has_news(const struct notify *n)
{
	return n->fd >= 0 && (n->missed || n->in_end - n->in_at >= MESSAGE);
}

/* More of what has come; false: nothing, or the connection is lost. */
static bool
receive(struct notify *n)
{
	ssize_t got;

	if (n->fd < 0)
		return false;
	if (n->in_at > 0)
		memmove(n->in, n->in + n->in_at, n->in_end - n->in_at);
	n->in_end -= n->in_at;
	n->in_at = 0;
	do
		got = recv(n->fd, n->in + n->in_end, sizeof(n->in) - n->in_end, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		n->in_end += (size_t)got;
	else if (got == 0 || errno != EAGAIN)
		disconnect(n);
	return got > 0;
}

static bool
next_message(struct notify *n, struct notify_message *m)
{
	if (n->in_end - n->in_at < MESSAGE && !receive(n))
		return false;
	if (n->in_end - n->in_at < MESSAGE)
		return false;
	memcpy(m, n->in + n->in_at, MESSAGE);
	n->in_at += MESSAGE;
	return true;
}

enum notify_news
notify_next(struct notify *n, struct id128 *id)
{
	struct notify_message m;

	while (!n->missed && next_message(n, &m)) {
		switch ((enum notify_op)m.op) {
		case NOTIFY_OP_PUBLISH:
			*id = m.id;
			return NOTIFY_ONE;
		case NOTIFY_OP_REFUSED:
			return NOTIFY_REFUSED;
		case NOTIFY_OP_SYNC:
		case NOTIFY_OP_LOST:
			n->missed = true;
			break;
		case NOTIFY_OP_WATCH:
		case NOTIFY_OP_UNWATCH:
		case NOTIFY_OP_BYE:
			break;		/* none of idled's */
		}
	}
	if (!n->missed)
		return NOTIFY_NOTHING;
	n->missed = false;
	return NOTIFY_ALL;
}

/*
 * The answer to NOTIFY_OP_SYNC.  Notices that come before it stay for
 * notify_next(); if there are too many, all may have changed.
 */
static void
wait_for_answer(struct notify *n)
{
	int64_t end = now_ms() + NOTIFY_PATIENCE_MS;
	size_t at = n->in_at;

	for (;;) {
		struct pollfd p = { .fd = n->fd, .events = POLLIN };
		int64_t left = end - now_ms();

		for (; n->in_end - at >= MESSAGE; at += MESSAGE) {
			if (n->in[at] != NOTIFY_OP_SYNC && n->in[at] != NOTIFY_OP_LOST)
				continue;
			n->missed |= n->in[at] == NOTIFY_OP_LOST;
			n->in_end -= MESSAGE;
			memmove(n->in + at, n->in + at + MESSAGE, n->in_end - at);
			return;
		}
		if (n->in_end - n->in_at > sizeof(n->in) - MESSAGE) {
			n->missed = true;
			n->in_at = at;
		}
		at -= n->in_at;
		if (left < 0 || (poll(&p, 1, (int)left) <= 0 && errno != EINTR))
			return;		/* it is taken for "look again" when it comes */
		if (!receive(n) && n->fd < 0)
			return;
	}
}

bool
notify_drain(struct notify *n)
{
	struct id128 id;
	bool any = false;

	while (notify_next(n, &id) != NOTIFY_NOTHING)
		any = true;
	return any;
}
