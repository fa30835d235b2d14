/*
 * notify.c - tell others that a mailbox has changed; be told
 *
 * A stream rather than datagrams: an idled that ends is seen at once by both
 * who wait and who publish, a worker that dies is seen by idled, and the
 * buffer is some hundred messages for each worker instead of the ten that
 * net.unix.max_dgram_qlen allows for all together.
 *
 * The kernel takes a message of this size as a whole or not at all.
 */
#include "imap/server/notify.h"
#include "lib/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 1000 };	/* between two tries to find idled */

struct notify {
	struct sockaddr_un address;
	bool is_possible;		/* the path fits an address */
	int fd;				/* -1: not connected */
	int64_t next_try;
	bool missed;			/* there was a time without connection */
	struct id128 watched[NOTIFY_WATCH_MAX];
	int n_watched;
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
}

void
notify_close(struct notify *n)
{
	if (n == NULL)
		return;
	disconnect(n);
	free(n);
}

/* False: the connection is lost. */
static bool
say(struct notify *n, enum notify_op op, const struct id128 *id)
{
	struct notify_message m = { .op = (uint8_t)op, .id = *id };
	ssize_t sent;

	do
		sent = send(n->fd, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	/* A lost watch would be lost for long; a lost notice is just one. */
	if (sent == sizeof(m) || (sent < 0 && errno == EAGAIN && op == NOTIFY_PUBLISH))
		return true;
	disconnect(n);
	return false;
}

static bool
connect_to(struct notify *n)
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
	for (int i = 0; i < n->n_watched; i++)
		if (!say(n, NOTIFY_WATCH, &n->watched[i]))
			return false;
	return true;
}

void
notify_publish(void *ctx, const struct id128 *mailbox)
{
	struct notify *n = ctx;

	/* The second try is for an idled that was started anew. */
	for (int i = 0; i < 2; i++)
		if (!connect_to(n) || say(n, NOTIFY_PUBLISH, mailbox))
			return;
}

static int
find(const struct notify *n, const struct id128 *mailbox)
{
	for (int i = 0; i < n->n_watched; i++)
		if (id128_eq(&n->watched[i], mailbox))
			return i;
	return -1;
}

enum err
notify_watch(struct notify *n, const struct id128 *mailbox)
{
	if (find(n, mailbox) >= 0)
		return OK;
	if (n->n_watched == NOTIFY_WATCH_MAX)
		return ERR_LIMIT;
	bool was_connected = connect_to(n);
	n->watched[n->n_watched++] = *mailbox;
	if (was_connected && !say(n, NOTIFY_WATCH, mailbox))
		(void)connect_to(n);	/* which says it */
	return OK;
}

void
notify_unwatch(struct notify *n, const struct id128 *mailbox)
{
	int i = find(n, mailbox);

	if (i < 0)
		return;
	n->watched[i] = n->watched[--n->n_watched];
	if (n->fd >= 0)
		(void)say(n, NOTIFY_UNWATCH, mailbox);
}

int
notify_fd(struct notify *n)
{
	(void)connect_to(n);
	return n->fd;
}

bool
notify_drain(struct notify *n)
{
	char bytes[256];
	bool any = n->missed;
	ssize_t got;

	n->missed = false;
	if (n->fd < 0)
		return any;
	while ((got = recv(n->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) != 0) {
		if (got > 0)
			any = true;
		else if (errno != EINTR)
			break;
	}
	if (got == 0 || errno != EAGAIN) {
		disconnect(n);
		n->missed = false;
		return true;
	}
	return any;
}
