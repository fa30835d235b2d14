/*
 * tlskey_line.c - one end of a pair, whose other end a holder of keys has
 *
 * A holder that ends closes its end; then another pair is sent to the next one
 * and the question is asked again.  One that hangs answers nothing: the first
 * question waits as long as is allowed and finds the line silent.  From then on
 * a question is sent and not waited for; whatever is read later is a sign of
 * life.
 */
#include "lib/tlskey_in.h"

#include "lib/log.h"
#include "lib/pass.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	SERIAL_AT = 4,
	AGAIN_MS = 5,			/* between ways to one who closes them at once */
	PATIENCE_MS = 5000,
	FIRST_MS = 15000,		/* it is being started, perhaps with all others */
};

static int64_t
now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* False: not until then. */
static bool
wait_for(int fd, short events, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	for (;;) {
		int64_t left = until - now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n >= 0 || errno != EINTR)
			return n > 0;
	}
}

void
tlskey_line_init(struct tlskey_line *l, int queue)
{
	*l = (struct tlskey_line){
		.queue = queue, .fd = -1, .patience = FIRST_MS, .is_new = true,
		.reply = BUF_INIT,
	};
}

void
tlskey_line_patience(struct tlskey_line *l, int ms)
{
	l->patience = ms;
	l->is_new = false;
}

void
tlskey_line_close(struct tlskey_line *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* To whoever reads the queue now, or next. */
static enum err
connect_line(struct tlskey_line *l, int64_t until)
{
	int pair[2];
	tlskey_line_close(l);
	if (pass_pair(pair) != OK)
		return ERR_IO;
	enum err e;
	while ((e = pass_send(l->queue, STR("keys"), &pair[1], 1)) == ERR_AGAIN
	    && wait_for(l->queue, POLLOUT, until))
		continue;
	close(pair[1]);
	if (e != OK) {
		close(pair[0]);
		return ERR_IO;
	}
	l->fd = pair[0];
	l->owner = getpid();
	return OK;
}

/* A reply, not necessarily to our question. */
static enum err
receive(struct tlskey_line *l, int *fd)
{
	int fds[PASS_FDS];
	enum err e = pass_receive(l->fd, &l->reply, fds);
	*fd = -1;
	if (e != OK)
		return e;
	*fd = fds[0];
	fds[0] = -1;
	pass_close(fds);
	return l->reply.n >= TLSKEY_HEAD && (uint8_t)l->reply.p[0] == TLSKEY_VERSION
	    ? OK : ERR_CORRUPT;
}

/* An answer to an earlier question, which was given up, is passed over. */
static enum err
receive_answer(struct tlskey_line *l, const struct buf *request, int *fd, int64_t until)
{
	for (;;) {
		enum err e = receive(l, fd);
		if (e == OK && memcmp(l->reply.p + SERIAL_AT, request->p + SERIAL_AT, 4) == 0)
			return OK;
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		if (e == ERR_AGAIN && !wait_for(l->fd, POLLIN, until))
			return ERR_TIMEOUT;
		if (e != OK && e != ERR_AGAIN)
			return ERR_CLOSED;
	}
}

static enum err
exchange(struct tlskey_line *l, const struct buf *request, int *fd, int64_t until)
{
	enum err e = OK;
	for (int i = 0; i == 0 || (e == ERR_CLOSED && now_ms() < until); i++) {
		if (i > 1)
			(void)poll(NULL, 0, AGAIN_MS);
		e = l->fd < 0 || l->owner != getpid() ? connect_line(l, until) : OK;
		if (e == OK)
			e = pass_send(l->fd, buf_str(request), NULL, 0);
		if (e == OK)
			e = receive_answer(l, request, fd, until);
		if (e == ERR_CLOSED || e == ERR_IO)
			tlskey_line_close(l);
	}
	return e;
}

/* True: it lives again. */
static bool
has_been_heard(struct tlskey_line *l, const struct buf *request)
{
	int fd;
	enum err e = l->fd >= 0 && l->owner == getpid() ? receive(l, &fd) : ERR_CLOSED;
	if (e == OK) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	/* What it answers is for the next who looks. */
	if (e != ERR_AGAIN && connect_line(l, 0) == OK)
		(void)!pass_send(l->fd, buf_str(request), NULL, 0);
	return false;
}

enum err
tlskey_line_ask(struct tlskey_line *l, struct buf *request, uint8_t *status,
    struct str *rest, int *fd)
{
	uint32_t serial = ++l->serial;
	for (int i = 0; i < 4; i++)
		request->p[SERIAL_AT + i] = (char)(serial >> (24 - 8 * i));
	*fd = -1;
	if (l->is_silent && !has_been_heard(l, request))
		return ERR_TIMEOUT;
	enum err e = exchange(l, request, fd, now_ms() + l->patience);
	if (l->is_silent && e == OK)
		log_notice("TLS: the holder of private keys answers again");
	if (e != OK && !l->is_silent)
		log_err("TLS: the holder of private keys (keyd) does not answer");
	l->is_silent = e != OK;
	if (e != OK)
		return ERR_TIMEOUT;
	if (l->is_new)
		tlskey_line_patience(l, PATIENCE_MS);
	*status = (uint8_t)l->reply.p[1];
	*rest = str_slice(buf_str(&l->reply), TLSKEY_HEAD, l->reply.n);
	return OK;
}
