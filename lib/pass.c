#include "lib/pass.h"
#include "lib/log.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static_assert(sizeof(int) == 4, "SCM_RIGHTS carries ints");

/* Room for one more than we take, so that too many are seen, not cut. */
union control {
	char bytes[CMSG_SPACE((PASS_FDS + 1) * sizeof(int))];
	struct cmsghdr aligned;
};

enum err
pass_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0)
		return OK;
	fds[0] = fds[1] = -1;
	log_err("IOERROR: socketpair: %m");
	return ERR_IO;
}

enum err
pass_queue(int fds[2])
{
	enum err e = pass_pair(fds);
	if (e == OK && shutdown(fds[0], SHUT_RD) != 0) {
		log_err("IOERROR: shutdown: %m");
		close(fds[0]);
		close(fds[1]);
		fds[0] = fds[1] = -1;
		e = ERR_IO;
	}
	return e;
}

bool
pass_is_queue(int fd)
{
	int type = 0, listens = 0;
	socklen_t n = sizeof(type), m = sizeof(listens);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET
	    && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &m) == 0 && !listens;
}

enum err
pass_send(int fd, struct str message, const int *fds, int n)
{
	union control control = { .bytes = { 0 } };
	struct iovec bytes = { .iov_base = (char *)(uintptr_t)message.p, .iov_len = message.n };
	struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1 };
	if (message.n == 0 || message.n > PASS_MAX || n < 0 || n > PASS_FDS)
		return ERR_LIMIT;
	if (n > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)n * sizeof(int));
	}
	for (;;) {
		if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return OK;
		/* ETOOMANYREFS: of descriptors on their way, until some arrive. */
		if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS
		    || errno == ENOMEM)
			return ERR_AGAIN;
		if (errno == EPIPE || errno == ECONNRESET || errno == ECONNREFUSED)
			return ERR_CLOSED;
		if (errno == EMSGSIZE)
			return ERR_LIMIT;
		if (errno != EINTR) {
			log_err("IOERROR: sendmsg: %m");
			return ERR_IO;
		}
	}
}

/* All descriptors that came; false: more than we take. */
static bool
collect(struct msghdr *m, int fds[PASS_FDS])
{
	bool fits = true;
	int n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < PASS_FDS) {
				fds[n++] = fd;
			} else {
				close(fd);
				fits = false;
			}
		}
	}
	return fits;
}

void
pass_close(int fds[PASS_FDS])
{
	for (int i = 0; i < PASS_FDS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

enum err
pass_receive(int fd, struct buf *message, int fds[PASS_FDS])
{
	union control control;
	for (int i = 0; i < PASS_FDS; i++)
		fds[i] = -1;
	buf_reset(message);
	struct iovec bytes = { .iov_base = buf_reserve(message, PASS_MAX), .iov_len = PASS_MAX };
	struct msghdr m;
	ssize_t n;
	do {
		m = (struct msghdr){
			.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes),
		};
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return ERR_AGAIN;
	/* ENOTSOCK: it has been replaced, see svc.c. */
	if (n < 0 && (errno == ENOTCONN || errno == ECONNRESET || errno == ENOTSOCK))
		return ERR_CLOSED;
	if (n < 0) {
		log_err("IOERROR: recvmsg: %m");
		return ERR_IO;
	}
	message->n = (size_t)n;
	message->p[n] = '\0';
	bool fits = collect(&m, fds);
	if (!fits || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		pass_close(fds);
		return ERR_LIMIT;
	}
	return n == 0 ? ERR_CLOSED : OK;
}
