/* stream_wait.c - how a transfer waits, and what becomes of it */
#include "lib/stream_in.h"

#include "lib/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int64_t
stream_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* When a wait that begins now must end; 0: never. */
static int64_t
wait_end(const struct stream *s)
{
	if (s->timeout_ms == 0)
		return s->deadline_ms;
	int64_t end = stream_now_ms() + s->timeout_ms;
	if (s->deadline_ms != 0 && s->deadline_ms < end)
		end = s->deadline_ms;
	return end;
}

int
stream_poll_until(struct pollfd *pfd, nfds_t n, int64_t end)
{
	for (;;) {
		int64_t left = -1;
		if (end != 0) {
			left = end - stream_now_ms();
			left = left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
		}
		int ready = poll(pfd, n, (int)left);
		if (ready > 0)
			return ready;
		if (ready == 0 && left != INT_MAX)
			return 0;
		if (ready < 0 && errno != EINTR) {
			log_err("IOERROR: poll: %m");
			return -1;
		}
	}
}

enum err
stream_wait_for(const struct stream *s, short events, bool for_input)
{
	struct pollfd pfd[2] = {
		{ .fd = events & POLLOUT ? s->wfd : s->rfd, .events = events },
		{ .fd = s->stop_fd, .events = POLLIN },
	};
	bool may_stop = for_input && s->stop_fd >= 0;
	int ready = stream_poll_until(pfd, may_stop ? 2 : 1, wait_end(s));
	if (ready < 0)
		return ERR_IO;
	if (ready == 0)
		return ERR_TIMEOUT;
	if (may_stop && pfd[1].revents != 0)
		return ERR_CLOSED;
	return OK;
}

enum err
stream_from_errno(const char *what)
{
	switch (errno) {
	case EAGAIN:
#if EAGAIN != EWOULDBLOCK
	case EWOULDBLOCK:
#endif
		return ERR_AGAIN;
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
	case ESHUTDOWN:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETRESET:
		return ERR_CLOSED;
	default:
		log_err("IOERROR: %s of a connection: %m", what);
		return ERR_IO;
	}
}

void
stream_note(struct stream *s, char direction, const void *p, size_t n)
{
	char mark[32];
	time_t now = time(NULL);
	int len = snprintf(mark, sizeof(mark), "%c%lld%c", direction,
	    (long long)(s->tele_relative ? now - s->tele_last : now), direction);
	s->tele_last = now;
	struct iovec iov[2] = {
		{ mark, (size_t)len }, { (void *)(uintptr_t)p, n },
	};
	while (writev(s->tele_fd, iov, 2) < 0 && errno == EINTR)
		;
}
