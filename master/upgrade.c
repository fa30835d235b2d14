#include "master/upgrade.h"
#include "lib/log.h"
#include "master/systemd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ADOPT_VARIABLE	"CHAPAR_ADOPT"
#define PIDFILE_VARIABLE	"CHAPAR_PIDFILE"

enum {
	FIRST_FD = 3,
	MAX_SOCKETS = 256,
	ASIDE_FROM = FIRST_FD + MAX_SOCKETS, /* where they wait until those before are free */
	MAX_ARGS = 24,
};

struct hand_over {
	int fds[MAX_SOCKETS];
	int n;
	struct buf names, pids;
};

static void
add_socket(void *ctx, const char *name, int fd, bool own)
{
	struct hand_over *h = ctx;
	if (h->n == MAX_SOCKETS) {
		log_warning("service %s: too many sockets to hand over", name);
		return;
	}
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, ASIDE_FROM);
	if (copy < 0) {
		log_warning("service %s: its socket is lost: %m", name);
		return;
	}
	buf_printf(&h->names, "%s%s%s", h->n > 0 ? ":" : "",
	    own ? SYSTEMD_OWN_PREFIX : "", name);
	h->fds[h->n++] = copy;
}

static void
add_worker(void *ctx, pid_t pid)
{
	struct hand_over *h = ctx;
	buf_printf(&h->pids, " %d", (int)pid);
}

static void
set_number(const char *variable, int number)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", number);
	setenv(variable, text, 1);
}

void
upgrade_exec(const char *path, const struct options *o, int pidfile_fd,
    const struct services *services)
{
	struct hand_over h = { .names = BUF_INIT, .pids = BUF_INIT };
	char backlog[16], sweeps[16], drain[16];
	snprintf(backlog, sizeof(backlog), "%d", o->backlog);
	snprintf(sweeps, sizeof(sweeps), "%d", o->sweeps);
	snprintf(drain, sizeof(drain), "%d", o->drain_seconds);
	const char *argv[MAX_ARGS] = {
		path, "-M", o->cyrus_conf, "-p", o->pidfile, "-l", backlog,
		"-j", sweeps, "-t", drain,
	};
	int n = 11;
	if (o->imapd_conf_given) {
		argv[n++] = "-C";
		argv[n++] = o->imapd_conf;
	}
	if (*o->log_file != '\0') {
		argv[n++] = "-L";
		argv[n++] = o->log_file;
	}
	if (o->foreground)
		argv[n++] = "-D";
	if (o->verbose > 0)
		argv[n++] = "-v";
	/* Not close-on-exec: this one goes along. */
	set_number(PIDFILE_VARIABLE, fcntl(pidfile_fd, F_DUPFD, ASIDE_FROM));
	services_hand_over(services, add_socket, add_worker, &h);
	for (int i = 0; i < h.n; i++)
		if (dup2(h.fds[i], FIRST_FD + i) < 0)
			log_err("IOERROR: dup2: %m");
	set_number("LISTEN_FDS", h.n);
	set_number("LISTEN_PID", (int)getpid());
	setenv("LISTEN_FDNAMES", h.names.p, 1);
	setenv(ADOPT_VARIABLE, h.pids.p, 1);
	execv(path, (char *const *)(uintptr_t)argv);
	log_crit("cannot become \"%s\": %m", path);
	buf_free(&h.names);
	buf_free(&h.pids);
}

bool
upgrade_is(void)
{
	const char *owner = getenv("LISTEN_PID");
	return getenv(ADOPT_VARIABLE) != NULL && owner != NULL
	    && strtol(owner, NULL, 10) == getpid();
}

int
upgrade_pidfile(void)
{
	const char *text = getenv(PIDFILE_VARIABLE);
	int fd = text != NULL ? (int)strtol(text, NULL, 10) : -1;
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	unsetenv(PIDFILE_VARIABLE);
	return fd;
}

void
upgrade_adopt(service_worker_fn each, void *ctx)
{
	const char *pids = getenv(ADOPT_VARIABLE);
	for (char *end; pids != NULL && *pids != '\0'; pids = end) {
		long pid = strtol(pids, &end, 10);
		if (end == pids)
			break;
		if (pid > 1)
			each(ctx, (pid_t)pid);
	}
	unsetenv(ADOPT_VARIABLE);
}
