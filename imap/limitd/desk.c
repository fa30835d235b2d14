#include "imap/limitd/desk.h"

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
	REQUESTS = 64,			/* of one asker, before the others' turn */
	REQUEST = sizeof(struct limits_request),
	ANSWER = sizeof(struct limits_answer),
};

struct asker {
	struct desk *desk;
	int fd;
	struct asker *next, **at;
	struct table_session **sessions;	/* by number; NULL: none */
	size_t size;
	uint8_t part[REQUEST];			/* of a request that is not all there */
	size_t n_part;
};

struct desk {
	struct poll *poll;
	struct acceptor *acceptor;
	struct table *table;
	struct asker *askers;
};

static void
asker_close(struct asker *a)
{
	struct desk *d = a->desk;

	for (size_t i = 0; i < a->size; i++)
		if (a->sessions[i] != NULL)
			table_close(d->table, a->sessions[i]);
	poll_unwatch(d->poll, a->fd);
	close(a->fd);
	*a->at = a->next;
	if (a->next != NULL)
		a->next->at = a->at;
	free(a->sessions);
	free(a);
}

/* --- requests --- */

/* Where the session of number N is; it is below LIMITS_SESSIONS_MAX. */
static struct table_session **
slot_of(struct asker *a, uint32_t n)
{
	if (n >= a->size) {
		size_t size = a->size > 0 ? a->size : 1;

		while (size <= n)
			size *= 2;
		a->sessions = mem_grow(a->sessions, size * sizeof(*a->sessions));
		for (size_t i = a->size; i < size; i++)
			a->sessions[i] = NULL;
		a->size = size;
	}
	return &a->sessions[n];
}

static void
end_session(struct asker *a, struct table_session **s)
{
	if (*s != NULL)
		table_close(a->desk->table, *s);
	*s = NULL;
}

/* False: no request of ours. */
static bool
obey(struct asker *a, const struct limits_request *r, struct limits_answer *answer,
    bool *is_answered)
{
	struct table *t = a->desk->table;
	int64_t now = poll_now(a->desk->poll);

	if (r->session >= LIMITS_SESSIONS_MAX)
		return false;

	struct table_session **s = slot_of(a, r->session);

	*answer = (struct limits_answer){ .op = r->op, .session = r->session };
	*is_answered = true;
	switch ((enum limits_op)r->op) {
	case LIMITS_OP_CONNECT:
		end_session(a, s);
		answer->verdict = (uint8_t)table_connect(t, r, s);
		*is_answered = r->quiet == 0;
		return true;
	case LIMITS_OP_LOGIN:
		/* One that was let in while we were not there. */
		if (*s != NULL)
			answer->verdict = (uint8_t)table_login(t, *s, r);
		*is_answered = r->quiet == 0;
		return true;
	case LIMITS_OP_LOGOUT:
		if (*s != NULL)
			table_logout(t, *s);
		*is_answered = false;
		return true;
	case LIMITS_OP_CLOSE:
		end_session(a, s);
		*is_answered = false;
		return true;
	case LIMITS_OP_ATTEMPT:
		answer->verdict = (uint8_t)table_attempt(t, r, now, &answer->pause_ms);
		return true;
	case LIMITS_OP_FAILED:
		table_failed(t, r, now, &answer->pause_ms);
		return true;
	case LIMITS_OP_PROVED:
		table_proved(t, r, now);
		*is_answered = false;
		return true;
	}
	return false;
}

static bool
obey_all(struct asker *a, const uint8_t *p, size_t n)
{
	struct limits_answer answers[REQUESTS + 1];
	size_t n_answers = 0;

	for (; n >= REQUEST; p += REQUEST, n -= REQUEST) {
		struct limits_request r;
		bool is_answered = false;

		memcpy(&r, p, REQUEST);
		if (!obey(a, &r, &answers[n_answers], &is_answered)) {
			log_warning("a client of the limit socket sent a request of kind %d for"
			    " session %u: closed", r.op, r.session);
			return false;
		}
		n_answers += is_answered;
	}
	memcpy(a->part, p, n);
	a->n_part = n;
	size_t size = n_answers * ANSWER;
	return size == 0 || send(a->fd, answers, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

static void
on_ready(void *ctx, int fd, short ready)
{
	struct asker *a = ctx;
	uint8_t bytes[REQUEST * (REQUESTS + 1)];
	(void)ready;

	memcpy(bytes, a->part, a->n_part);
	ssize_t n = recv(fd, bytes + a->n_part, REQUEST * REQUESTS, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !obey_all(a, bytes, a->n_part + (size_t)n))
		asker_close(a);
}

/* --- connections --- */

void
desk_take(struct desk *d, int fd)
{
	struct asker *a = mem_zero(1, sizeof(*a));

	*a = (struct asker){ .desk = d, .fd = fd, .next = d->askers, .at = &d->askers };
	if (a->next != NULL)
		a->next->at = &a->next;
	d->askers = a;
	poll_watch(d->poll, fd, POLLIN, on_ready, a);
}

static void
on_connect(void *ctx, int fd)
{
	desk_take(ctx, fd);
}

struct desk *
desk_new(struct poll *poll, int listen_fd, struct table *table)
{
	struct desk *d = mem_zero(1, sizeof(*d));

	d->poll = poll;
	d->table = table;
	d->acceptor = acceptor_new(poll, listen_fd, "the limit socket", on_connect, d);
	return d;
}

void
desk_free(struct desk *d)
{
	if (d == NULL)
		return;
	while (d->askers != NULL)
		asker_close(d->askers);		/* NOLINT(clang-analyzer-unix.Malloc): it unlinks itself */
	acceptor_free(d->acceptor);
	free(d);
}
