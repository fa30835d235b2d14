#include "master/systemd.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/net.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	FIRST_FD = 3,		/* SD_LISTEN_FDS_START */
	MAX_SOCKETS = 256,
	KEEP_FROM = 64,		/* away from the descriptors of workers */
};

struct inherited {
	int fd;			/* -1: given away */
	char name[128];
};

struct inherited_sockets {
	int n;
	struct inherited socket[MAX_SOCKETS];
};

static bool
is_own(const struct inherited *s)
{
	return strncmp(s->name, SYSTEMD_OWN_PREFIX, strlen(SYSTEMD_OWN_PREFIX)) == 0;
}

void
systemd_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	if (path == NULL || (*path != '/' && *path != '@'))
		return;
	size_t n = strlen(path);
	if (n >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, n);
	if (*path == '@')
		sun.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (const struct sockaddr *)&sun, len) < 0)
		log_warning("cannot tell systemd \"%s\": %m", state);
	close(fd);
}

/* Twice in the time that it gives, as sd_watchdog_enabled(3) advises. */
int
systemd_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != getpid()))
		return 0;
	long long ms = strtoll(usec, NULL, 10) / 2000;
	return ms > 0 && ms < INT_MAX ? (int)ms : 0;
}

struct inherited_sockets *
systemd_sockets_new(void)
{
	struct inherited_sockets *all = mem_zero(1, sizeof(*all));
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != getpid())
		return all;
	const char *names = getenv("LISTEN_FDNAMES");
	long n = strtol(count, NULL, 10);
	for (int i = 0; i < n && i < MAX_SOCKETS; i++) {
		int fd = fcntl(FIRST_FD + i, F_DUPFD_CLOEXEC, KEEP_FROM);
		if (fd < 0)
			break;
		close(FIRST_FD + i);
		int flags = fcntl(fd, F_GETFL);
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
		size_t len = names != NULL ? strcspn(names, ":") : 0;
		struct inherited *s = &all->socket[all->n++];
		s->fd = fd;
		snprintf(s->name, sizeof(s->name), "%.*s", (int)len,
		    names != NULL ? names : "");
		if (names != NULL)
			names += len + (names[len] == ':');
	}
	return all;
}

void
systemd_sockets_drop(struct inherited_sockets *all)
{
	for (int i = 0; i < all->n; i++) {
		struct inherited *s = &all->socket[i];
		if (s->fd < 0 || !is_own(s))
			continue;
		net_unlisten(s->fd);
		s->fd = -1;
	}
}

void
systemd_sockets_free(struct inherited_sockets *all)
{
	for (int i = 0; i < all->n; i++)
		if (all->socket[i].fd >= 0)
			close(all->socket[i].fd);
	free(all);
}

/* The number of a port by its number or name; 0: unknown. */
static int
port_number(const char *port)
{
	char *end;
	long n = strtol(port, &end, 10);
	if (end != port && *end == '\0')
		return n > 0 && n < 65536 ? (int)n : 0;
	const struct servent *s = getservbyname(port, "tcp");
	return s != NULL ? ntohs((uint16_t)s->s_port) : 0;
}

static bool
is_bound_to(int fd, const char *listen)
{
	if (net_is_path(listen)) {
		struct sockaddr_un sun = { 0 };
		socklen_t len = sizeof(sun);
		return getsockname(fd, (struct sockaddr *)&sun, &len) == 0
		    && sun.sun_family == AF_UNIX
		    && strncmp(sun.sun_path, listen, sizeof(sun.sun_path)) == 0;
	}
	struct buf host = BUF_INIT, port = BUF_INIT;
	bool same = net_split(listen, &host, &port)
	    && net_port(fd, false) != 0
	    && net_port(fd, false) == port_number(port.p);
	buf_free(&host);
	buf_free(&port);
	return same;
}

int
systemd_own(struct inherited_sockets *all, const char *name)
{
	for (int i = 0; i < all->n; i++) {
		struct inherited *s = &all->socket[i];
		if (s->fd < 0 || !is_own(s)
		    || strcmp(s->name + strlen(SYSTEMD_OWN_PREFIX), name) != 0)
			continue;
		int fd = s->fd;
		s->fd = -1;
		return fd;
	}
	return -1;
}

int
systemd_socket(struct inherited_sockets *all, const char *name,
    const char *listen, bool *own)
{
	struct inherited *found = NULL;
	for (int i = 0; i < all->n; i++) {
		struct inherited *s = &all->socket[i];
		if (s->fd < 0)
			continue;
		if (is_own(s)) {
			/* Ours until now; the configuration may have changed. */
			if (strcmp(s->name + strlen(SYSTEMD_OWN_PREFIX), name) != 0
			    || !is_bound_to(s->fd, listen))
				continue;
			found = s;
			break;
		}
		if (strcmp(s->name, name) == 0) {
			found = s;
			break;
		}
		if (found == NULL && is_bound_to(s->fd, listen))
			found = s;
	}
	if (found == NULL)
		return -1;
	int fd = found->fd;
	*own = is_own(found);
	found->fd = -1;
	return fd;
}
