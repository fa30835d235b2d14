#undef _FORTIFY_SOURCE			/* poll() would be inline */
#include "test/fuzz/wire.h"
#include "test/fuzz/place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct wire *current;

int __poll_chk(struct pollfd *p, nfds_t n, int timeout, size_t size);

void
wire_open(struct wire *w, struct str bytes, struct str plan, bool pipes)
{
	int a[2], b[2], small = 1;

	*w = (struct wire){ .left = bytes, .plan = plan, .got = BUF_INIT };
	if (pipes) {
		fuzz_must(pipe2(a, O_CLOEXEC) == 0 && pipe2(b, O_CLOEXEC) == 0, "pipe");
		w->rfd = a[0];
		w->to = a[1];
		w->from = b[0];
		w->wfd = b[1];
		fcntl(w->wfd, F_SETPIPE_SZ, 4096);
	} else {
		fuzz_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a) == 0,
		    "socketpair");
		w->rfd = w->wfd = a[0];
		w->from = w->to = a[1];
		setsockopt(w->wfd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	}
	fcntl(w->to, F_SETFL, O_NONBLOCK);
	fcntl(w->from, F_SETFL, O_NONBLOCK);
	current = w;
}

/* The end of what is to arrive. */
static bool
end_input(struct wire *w)
{
	if (w->to < 0)
		return false;
	if (w->to == w->from)
		shutdown(w->to, SHUT_WR);
	else
		close(w->to);
	w->to = -1;
	return true;
}

static size_t
piece(struct wire *w)
{
	if (w->plan.n == 0)
		return w->left.n;
	size_t n = (unsigned char)w->plan.p[w->step++ % w->plan.n];

	n = n < 0x80 ? n + 1 : (n - 0x7f) * 131;
	return n < w->left.n ? n : w->left.n;
}

static bool
feed(struct wire *w)
{
	if (w->left.n == 0)
		return end_input(w);
	if (w->to < 0)
		return false;
	ssize_t n = write(w->to, w->left.p, piece(w));
	fuzz_must(n > 0, "a wire takes more while it is waited for");
	w->left = str_slice(w->left, (size_t)n, w->left.n);
	return true;
}

void
wire_drain(struct wire *w)
{
	ssize_t n;

	if (w->from < 0)
		return;
	while ((n = read(w->from, buf_reserve(&w->got, 65536), 65536)) > 0)
		w->got.n += (size_t)n;
}

void
wire_hang_up(struct wire *w)
{
	if (w->from < 0)
		return;
	if (w->from == w->to)
		shutdown(w->from, SHUT_RD);
	else
		close(w->from);
	if (w->from != w->to)
		w->from = -1;
}

void
wire_close(struct wire *w)
{
	if (w->from >= 0)
		close(w->from);
	if (w->to >= 0 && w->to != w->from)
		close(w->to);
	buf_free(&w->got);
	current = NULL;
}

/* Something for one of them; false: nothing will ever come. */
static bool
move(struct wire *w, const struct pollfd *p, nfds_t n)
{
	bool moved = false;

	if (w == NULL || w->mute)
		return false;
	for (nfds_t i = 0; i < n; i++) {
		if (p[i].fd == w->rfd && (p[i].events & POLLIN))
			moved |= feed(w);
		if (p[i].fd == w->wfd && (p[i].events & POLLOUT)) {
			wire_drain(w);
			moved = true;
		}
	}
	return moved;
}

static int
look(struct pollfd *p, nfds_t n)
{
	return (int)syscall(SYS_poll, p, n, 0);
}

/* A signal came first, as the plan may say; never twice in a row. */
static bool
interrupted(struct wire *w)
{
	if (w == NULL || w->plan.n == 0)
		return false;
	w->signal = !w->signal && (unsigned char)w->plan.p[w->step % w->plan.n] == 0xff;
	return w->signal;
}

int
poll(struct pollfd *p, nfds_t n, int timeout)
{
	int ready = look(p, n);

	if (ready == 0 && timeout != 0 && interrupted(current)) {
		errno = EINTR;
		return -1;
	}
	while (ready == 0 && timeout != 0) {
		if (!move(current, p, n))
			return 0;
		ready = look(p, n);
	}
	return ready;
}

/* What a compiler makes of it who knows how many there are. */
int
__poll_chk(struct pollfd *p, nfds_t n, int timeout, size_t size)
{
	fuzz_must(n <= size / sizeof(*p), "poll beyond its array");
	return poll(p, n, timeout);
}
