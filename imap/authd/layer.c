/*
 * layer.c - see layer.h
 *
 * Each direction has a buffer that is filled only when it is empty, so nothing
 * grows, and neither side waits for the other's sake: a worker that writes
 * much is read from although it reads nothing, and the other way round.
 */
#include "imap/authd/layer.h"
#include "lib/log.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

enum {
	CHUNK = 16 * 1024,
	CODED_FD = 3, CLEAR_FD, FIRST_OTHER,	/* in the process of its own */
};

struct way {
	int from, to;
	struct buf left;		/* to be written */
	bool ended;			/* nothing more comes from there */
};

struct coder {
	struct sasl_conn *layer;
	struct way in, out;		/* the client's words; the worker's */
	bool answered;			/* the worker's first line is through */
};

/* --- the two directions --- */

/* What N bytes that a side has said become for the other one. */
static enum err
decode(struct coder *c, const char *p, size_t n)
{
	return sasl_layer_decode(c->layer, p, n, &c->in.left);
}

static enum err
encode(struct coder *c, const char *p, size_t n)
{
	size_t room = sasl_layer_room(c->layer);
	if (!c->answered) {
		const char *end = memchr(p, '\n', n);
		size_t line = end != NULL ? (size_t)(end - p) + 1 : n;
		buf_add(&c->out.left, p, line);
		c->answered = end != NULL;
		p += line;
		n -= line;
	}
	enum err e = OK;
	while (e == OK && n > 0) {
		size_t part = n < room || room == 0 ? n : room;
		e = sasl_layer_encode(c->layer, p, part, &c->out.left);
		p += part;
		n -= part;
	}
	return e;
}

/* False: this direction is broken. */
static bool
fill(struct coder *c, struct way *w, enum err (*code)(struct coder *, const char *, size_t))
{
	char chunk[CHUNK];
	ssize_t n = recv(w->from, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	w->ended = n == 0;
	enum err e = n > 0 ? code(c, chunk, (size_t)n) : OK;
	explicit_bzero(chunk, (size_t)n);
	if (e != OK)
		log_notice("security layer: what has come is not of it: %s", err_text(e));
	return e == OK;
}

static bool
empty(struct way *w)
{
	ssize_t n = send(w->to, w->left.p, w->left.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if ((size_t)n == w->left.n)
		buf_wipe(&w->left);
	else
		buf_consume(&w->left, (size_t)n);
	return true;
}

static bool
is_done(const struct way *w)
{
	return w->ended && w->left.n == 0;
}

/* A side that nothing is wanted of would wake us all the time when it has hung up. */
static struct pollfd
wanted(int fd, const struct way *from, const struct way *to)
{
	int events = (from->left.n == 0 && !from->ended ? POLLIN : 0)
	    | (to->left.n > 0 ? POLLOUT : 0);
	return (struct pollfd){ .fd = events != 0 ? fd : -1, .events = (short)events };
}

/* Until the worker has ended: a client may stop sending and still read. */
static void
run(struct coder *c)
{
	bool told = false;
	while (!is_done(&c->out)) {
		if (is_done(&c->in) && !told) {
			(void)shutdown(c->in.to, SHUT_WR);
			told = true;
		}
		struct pollfd both[] = {
			wanted(CODED_FD, &c->in, &c->out), wanted(CLEAR_FD, &c->out, &c->in),
		};
		if (poll(both, 2, -1) < 0 && errno != EINTR)
			return;
		/* A worker that is gone has no use for it. */
		if (c->in.left.n > 0 && !empty(&c->in))
			buf_wipe(&c->in.left);
		if (c->out.left.n > 0 && !empty(&c->out))
			return;
		if (c->in.left.n == 0 && !c->in.ended && !fill(c, &c->in, decode))
			return;
		if (c->out.left.n == 0 && !c->out.ended && !fill(c, &c->out, encode))
			return;
	}
}

/* --- the process --- */

/* Nothing of authd's stays open, and what it knows is forgotten. */
__attribute__((noreturn)) static void
live(struct server *s, struct sasl_conn *layer, int coded, int clear)
{
	struct coder c = {
		.layer = layer,
		.in = { .from = CODED_FD, .to = CLEAR_FD, .left = BUF_INIT },
		.out = { .from = CLEAR_FD, .to = CODED_FD, .left = BUF_INIT },
	};
	log_open("authd", "stderr", LOG_LOCAL6);
	server_forget_key(s);
	/* The ends have higher numbers: these are master's. */
	if (dup2(coded, CODED_FD) < 0 || dup2(clear, CLEAR_FD) < 0)
		_exit(EX_OSERR);
	if (close_range(FIRST_OTHER, ~0U, 0) != 0)
		_exit(EX_OSERR);
	run(&c);
	_exit(0);
}

/* Forked twice, so that nobody here has to wait for its end. */
static bool
start(struct server *s, struct sasl_conn *layer, int coded, int clear)
{
	int status = 0;
	pid_t between = fork();
	if (between == 0) {
		pid_t pid = fork();
		if (pid == 0)
			live(s, layer, coded, clear);
		_exit(pid > 0 ? 0 : EX_OSERR);
	}
	while (between > 0 && waitpid(between, &status, 0) < 0 && errno == EINTR)
		continue;
	return between > 0 && status == 0;
}

enum err
layer_begin(struct server *s, struct sasl_conn *layer, int ends[LAYER_ENDS])
{
	const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int coded[2] = { -1, -1 }, clear[2] = { -1, -1 };
	bool ok = socketpair(AF_UNIX, type, 0, coded) == 0
	    && socketpair(AF_UNIX, type, 0, clear) == 0 && start(s, layer, coded[0], clear[0]);
	if (!ok)
		log_err("a security layer cannot begin: %m");
	ends[LAYER_CODED] = coded[1];
	ends[LAYER_CLEAR] = clear[1];
	for (int i = 0; i < LAYER_ENDS; i++) {
		int mine = i == LAYER_CODED ? coded[0] : clear[0];
		if (mine >= 0)
			close(mine);
		if (!ok && ends[i] >= 0)
			close(ends[i]);
		if (!ok)
			ends[i] = -1;
	}
	return ok ? OK : ERR_IO;
}
