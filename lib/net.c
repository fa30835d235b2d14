#include "lib/net.h"
#include "lib/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

bool
net_is_path(const char *address)
{
	return strchr(address, '/') != NULL;
}

bool
net_split(const char *address, struct buf *host, struct buf *port)
{
	const char *p = address, *host_end = NULL;
	if (*p == '[') {
		host_end = strchr(++p, ']');
		if (host_end == NULL || host_end[1] != ':')
			return false;
		buf_add(host, p, (size_t)(host_end - p));
		p = host_end + 2;
	} else if ((host_end = strrchr(p, ':')) != NULL) {
		if (!(host_end == p + 1 && *p == '*'))
			buf_add(host, p, (size_t)(host_end - p));
		p = host_end + 1;
	}
	buf_adds(port, p);
	return port->n > 0 && strchr(host->p, '[') == NULL;
}

/* Logs what getaddrinfo() says; the list is the caller's to free. */
static enum err
look_up(const char *address, int family, int flags, struct addrinfo **list)
{
	struct buf host = BUF_INIT, port = BUF_INIT;
	struct addrinfo hints = {
		.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags,
	};
	enum err e = OK;
	*list = NULL;
	if (!net_split(address, &host, &port)) {
		log_err("\"%s\" is no address: want PORT, HOST:PORT, [IPV6]:PORT"
		    " or a path", address);
		e = ERR_SYNTAX;
		goto out;
	}
	int rc = getaddrinfo(host.n > 0 ? host.p : NULL, port.p, &hints, list);
	if (rc != 0) {
		log_err("cannot resolve \"%s\": %s", address,
		    rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
		e = rc == EAI_SERVICE ? ERR_SYNTAX : ERR_NOTFOUND;
	}
out:
	buf_free(&host);
	buf_free(&port);
	return e;
}

/* What log lines call an address. */
static const char *
print_address(const struct sockaddr *sa, socklen_t len, char *text, size_t size)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];
	if (getnameinfo(sa, len, host, sizeof(host), port, sizeof(port),
	    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return "?";
	snprintf(text, size, sa->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
	    host, port);
	return text;
}

static enum err
listen_at(const struct addrinfo *ai, int backlog, int *fd)
{
	int on = 1;
	const char *what = "socket";
	int s = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		goto failed;
	/* Accepted sockets inherit keep-alive and no-delay from this one. */
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	what = "bind";
	if (bind(s, ai->ai_addr, ai->ai_addrlen) != 0)
		goto failed;
	what = "listen";
	if (listen(s, backlog) != 0)
		goto failed;
	*fd = s;
	return OK;
failed:;
	int saved = errno;
	char text[NI_MAXHOST + NI_MAXSERV + 4];
	if (s >= 0)
		close(s);
	/* A machine without IPv6 is no failure of ours. */
	if (saved == EAFNOSUPPORT)
		return ERR_UNSUPPORTED;
	/* In use: the caller knows how long that is to be put up with. */
	(saved == EADDRINUSE ? log_info : log_err)("cannot listen on %s: %s: %s",
	    print_address(ai->ai_addr, ai->ai_addrlen, text, sizeof(text)),
	    what, strerror(saved));
	return saved == EADDRINUSE ? ERR_BUSY : ERR_IO;
}

enum err
net_listen_tcp(const char *address, enum net_family family, int backlog,
    int *fds, int *n)
{
	int af = family == NET_IPV4 ? AF_INET
	    : family == NET_IPV6 ? AF_INET6 : AF_UNSPEC;
	struct addrinfo *list;
	*n = 0;
	enum err e = look_up(address, af, AI_PASSIVE, &list);
	if (e != OK)
		return e;
	e = ERR_NOTFOUND;
	for (struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		if (*n == NET_MAX_ADDRESSES)
			break;
		enum err one = listen_at(ai, backlog, &fds[*n]);
		if (one == OK)
			(*n)++;
		else
			e = one;
	}
	freeaddrinfo(list);
	return *n > 0 ? OK : e;
}

static enum err
unix_address(const char *path, struct sockaddr_un *sun)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sun->sun_path)) {
		log_err("the path of a UNIX socket may have %zu bytes at most:"
		    " \"%s\"", sizeof(sun->sun_path) - 1, path);
		return ERR_LIMIT;
	}
	memcpy(sun->sun_path, path, strlen(path) + 1);
	return OK;
}

/* Only a socket at which nobody listens is ours to remove. */
static enum err
remove_dead_socket(const char *path, const struct sockaddr_un *sun)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return OK;
	if (!S_ISSOCK(st.st_mode)) {
		log_err("cannot listen on \"%s\": a file that is no socket is"
		    " there; remove it", path);
		return ERR_EXISTS;
	}
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive = s >= 0 && (connect(s, (const struct sockaddr *)sun,
	    sizeof(*sun)) == 0 || errno == EAGAIN);
	if (s >= 0)
		close(s);
	if (alive) {
		log_info("cannot listen on \"%s\": another server answers there",
		    path);
		return ERR_BUSY;
	}
	if (unlink(path) != 0 && errno != ENOENT) {
		log_io(path, "unlink");
		return ERR_IO;
	}
	return OK;
}

enum err
net_listen_unix(const char *path, mode_t mode, int backlog, int *fd)
{
	struct sockaddr_un sun;
	enum err e = unix_address(path, &sun);
	if (e == OK)
		e = remove_dead_socket(path, &sun);
	if (e != OK)
		return e;
	const char *what = "socket";
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		goto failed;
	/* Closed until its mode is right: nobody gets in between. */
	mode_t old = umask(0777);
	what = "bind";
	int rc = bind(s, (const struct sockaddr *)&sun, sizeof(sun));
	umask(old);
	if (rc != 0)
		goto failed;
	what = "chmod";
	if (chmod(path, mode) != 0)
		goto failed;
	what = "listen";
	if (listen(s, backlog) != 0)
		goto failed;
	*fd = s;
	return OK;
failed:
	log_io(path, what);
	if (s >= 0)
		close(s);
	return ERR_IO;
}

void
net_unlisten(int fd)
{
	struct sockaddr_un sun = { 0 };
	socklen_t len = sizeof(sun);
	if (getsockname(fd, (struct sockaddr *)&sun, &len) == 0
	    && sun.sun_family == AF_UNIX && sun.sun_path[0] != '\0'
	    && unlink(sun.sun_path) != 0 && errno != ENOENT)
		log_io(sun.sun_path, "unlink");
	(void)shutdown(fd, SHUT_RDWR);
	close(fd);
}

/* Finishes a connect(2) that was begun without blocking. */
static enum err
connect_within(int s, const struct sockaddr *sa, socklen_t len, int timeout_ms)
{
	if (connect(s, sa, len) == 0)
		return OK;
	if (errno != EINPROGRESS && errno != EINTR)
		return errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
	struct pollfd pfd = { .fd = s, .events = POLLOUT };
	int ready;
	do
		ready = poll(&pfd, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		errno = ETIMEDOUT;
		return ERR_TIMEOUT;
	}
	int failure = 0;
	socklen_t size = sizeof(failure);
	if (getsockopt(s, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
		return ERR_IO;
	errno = failure;
	return failure == 0 ? OK : ERR_IO;
}

static enum err
connect_one(int family, const struct sockaddr *sa, socklen_t len,
    int timeout_ms, int *fd)
{
	int s = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0)
		return ERR_IO;
	int on = 1;
	if (family != AF_UNIX)
		setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	enum err e = connect_within(s, sa, len, timeout_ms);
	if (e == OK) {
		*fd = s;
	} else {
		int saved = errno;
		close(s);
		errno = saved;
	}
	return e;
}

enum err
net_connect(const char *address, int timeout_ms, int *fd)
{
	enum err e;
	*fd = -1;
	if (net_is_path(address)) {
		struct sockaddr_un sun;
		e = unix_address(address, &sun);
		if (e != OK)
			return e;
		e = connect_one(AF_UNIX, (const struct sockaddr *)&sun,
		    sizeof(sun), timeout_ms, fd);
	} else {
		struct addrinfo *list;
		e = look_up(address, AF_UNSPEC, 0, &list);
		if (e != OK)
			return e;
		e = ERR_NOTFOUND;
		for (struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next)
			if ((e = connect_one(ai->ai_family, ai->ai_addr,
			    ai->ai_addrlen, timeout_ms, fd)) == OK)
				break;
		int saved = errno;
		freeaddrinfo(list);
		errno = saved;
	}
	if (e != OK)
		log_err("cannot connect to \"%s\": %m", address);
	return e;
}

/* The address of one end; mapped IPv4 addresses become plain ones. */
static bool
address_of(int fd, bool peer, struct sockaddr_storage *ss)
{
	socklen_t len = sizeof(*ss);
	ss->ss_family = AF_UNSPEC;
	int rc = peer ? getpeername(fd, (struct sockaddr *)ss, &len)
	    : getsockname(fd, (struct sockaddr *)ss, &len);
	if (rc != 0)
		return false;
	if (ss->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, ss, sizeof(in6));
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			struct sockaddr_in in = {
				.sin_family = AF_INET, .sin_port = in6.sin6_port,
			};
			memcpy(&in.sin_addr, in6.sin6_addr.s6_addr + 12, 4);
			memcpy(ss, &in, sizeof(in));
		}
	}
	return ss->ss_family == AF_INET || ss->ss_family == AF_INET6;
}

static int
port_of(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)ss)->sin6_port);
	return ntohs(((const struct sockaddr_in *)ss)->sin_port);
}

static void
add_host(const struct sockaddr_storage *ss, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];
	const void *addr = ss->ss_family == AF_INET6
	    ? (const void *)&((const struct sockaddr_in6 *)ss)->sin6_addr
	    : (const void *)&((const struct sockaddr_in *)ss)->sin_addr;
	if (inet_ntop(ss->ss_family, addr, text, sizeof(text)) != NULL)
		buf_adds(out, text);
}

void
net_host(int fd, bool peer, struct buf *out)
{
	struct sockaddr_storage ss;
	if (address_of(fd, peer, &ss))
		add_host(&ss, out);
	else
		buf_adds(out, "local");
}

int
net_port(int fd, bool peer)
{
	struct sockaddr_storage ss;
	return address_of(fd, peer, &ss) ? port_of(&ss) : 0;
}

bool
net_sasl_address(int fd, bool peer, struct buf *out)
{
	struct sockaddr_storage ss;
	if (!address_of(fd, peer, &ss))
		return false;
	add_host(&ss, out);
	buf_printf(out, ";%d", port_of(&ss));
	return true;
}

bool
net_reverse(const char *ip_port, struct buf *name)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	struct buf ip = BUF_INIT;
	char host[NI_MAXHOST] = "";
	buf_add_str(&ip, str_slice(str_c(ip_port), 0, str_chr(str_c(ip_port), ';')));
	if (getaddrinfo(ip.p, NULL, &hints, &found) == 0) {
		if (getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), NULL, 0,
		    NI_NAMEREQD) != 0)
			host[0] = '\0';
		freeaddrinfo(found);
	}
	buf_adds(name, host);
	buf_free(&ip);
	return host[0] != '\0';
}

bool
net_is_local(int fd)
{
	struct sockaddr_storage ss;
	/* Of a TCP connection whose client is gone already we know nothing. */
	if (!address_of(fd, true, &ss))
		return !address_of(fd, false, &ss);
	if (ss.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&ss)->sin6_addr);
	const struct sockaddr_in *in = (const struct sockaddr_in *)&ss;
	return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

void
net_set_keepalive(int fd, const struct net_keepalive *k)
{
	const struct { int option, value; } numbers[] = {
		{ TCP_KEEPCNT, k->count },
		{ TCP_KEEPIDLE, k->idle_seconds },
		{ TCP_KEEPINTVL, k->interval_seconds },
	};
	int on = 1, off = 0;
	/* Listening sockets have it on, and it is inherited. */
	if (!k->on)
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof(off));
	else if (k->count > 0 || k->idle_seconds > 0 || k->interval_seconds > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	for (size_t i = 0; k->on && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].value > 0)
			(void)setsockopt(fd, IPPROTO_TCP, numbers[i].option,
			    &numbers[i].value, sizeof(numbers[i].value));
}

bool
net_peer_owner(int fd, pid_t *pid, uid_t *uid, gid_t *gid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0
	    || cred.pid == 0)
		return false;
	*pid = cred.pid;
	*uid = cred.uid;
	*gid = cred.gid;
	return true;
}
