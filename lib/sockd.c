/*
 * Started from cyrus.conf's DAEMON section it stays in the foreground (master
 * says so by CYRUS_ISDAEMON, as Cyrus's does, and may wait for "ok" at
 * descriptor 3); from START it goes to the background once its socket is
 * there.
 */
#include "lib/sockd.h"

#include "lib/confine.h"
#include "lib/log.h"
#include "lib/logconf.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/pass.h"
#include "lib/proctitle.h"
#include "lib/svc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	READY_FD = 3,
	BACKLOG = 1024,
	RETRY_MS = 20,
	RETRIES = 50,
	SOCKET_MODE = 0660,
};

struct options {
	const char *conf;
	bool debug, foreground;
};

static void
on_stop(void *ctx, int signo)
{
	(void)signo;
	poll_stop(ctx);
}

static void
on_hup(void *ctx, int signo)
{
	(void)ctx;
	(void)signo;
	log_reopen();
}

static struct options
parse_options(int argc, char **argv, const char *name)
{
	struct options o = { .conf = CONF_DEFAULT_PATH };
	int c;

	while ((c = getopt(argc, argv, "C:df")) != -1) {
		if (c == 'C') {
			o.conf = optarg;
		} else if (c == 'd') {
			o.debug = true;
		} else if (c == 'f') {
			o.foreground = true;
		} else {
			fprintf(stderr, "usage: %s [-C alt_config] [-d] [-f]\n", name);
			exit(EX_USAGE);
		}
	}
	return o;
}

/* A connection for each worker: as many as we may have. */
static void
raise_descriptor_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* Exits if there is nothing to serve. */
static int
listen_at(const char *name, const char *path, bool in_background)
{
	const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000 };
	int fd;

	enum err e = net_listen_unix(path, SOCKET_MODE, BACKLOG, &fd);
	/* The one of a master that was killed is about to end, too. */
	for (int i = 0; e == ERR_BUSY && !in_background && i < RETRIES; i++) {
		(void)nanosleep(&pause, NULL);
		e = net_listen_unix(path, SOCKET_MODE, BACKLOG, &fd);
	}
	if (e == OK)
		return fd;
	if (e == ERR_BUSY && !in_background)
		log_err("another %s answers at \"%s\"", name, path);
	/* In START it may have outlived the master that started it. */
	exit(e != ERR_BUSY ? EX_OSERR : in_background ? EX_OK : EX_TEMPFAIL);
}

static void
go_to_background(void)
{
	pid_t pid = fork();

	if (pid < 0)
		log_fatal(EX_OSERR, "fork: %m");
	if (pid > 0)
		_exit(EX_OK);
	(void)setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		(void)dup2(null, fd);
}

static void
tell_ready(const char *name)
{
	if (write(READY_FD, "ok\r\n", 4) != 4)
		log_warning("cannot tell master that %s is ready: %m", name);
	close(READY_FD);
}

struct takes {
	const struct sockd *program;
	void *served;
	struct poll *poll;
	struct buf message;
};

static void
on_queue(void *ctx, int fd, short ready)
{
	struct takes *t = ctx;
	int fds[PASS_FDS];
	enum err e;
	(void)ready;

	while ((e = pass_receive(fd, &t->message, fds)) == OK || e == ERR_LIMIT) {
		if (fds[0] >= 0)
			t->program->take(t->served, fds[0]);
		fds[0] = -1;
		pass_close(fds);
	}
	if (e != ERR_AGAIN)
		poll_unwatch(t->poll, fd);
}

static void
serve(const struct sockd *program, const struct conf *conf, int listen_fd)
{
	struct poll *poll = poll_new();
	void *served = program->start(poll, listen_fd, conf);
	struct takes takes = { program, served, poll, BUF_INIT };

	poll_signal(poll, SIGTERM, on_stop, poll);
	poll_signal(poll, SIGINT, on_stop, poll);
	poll_signal(poll, SIGHUP, on_hup, NULL);
	if (program->take != NULL && getenv("CYRUS_ISDAEMON") != NULL
	    && pass_is_queue(SVC_LISTEN_FD))
		poll_watch(poll, SVC_LISTEN_FD, POLLIN, on_queue, &takes);
	poll_run(poll);
	program->stop(served);
	buf_free(&takes.message);
	poll_free(poll);
}

int
sockd_main(int argc, char **argv, const struct sockd *program)
{
	bool is_daemon = getenv("CYRUS_ISDAEMON") != NULL;
	bool is_awaited = is_daemon && fcntl(READY_FD, F_GETFD) >= 0;
	struct conf *conf;

	proctitle_init(argc, argv);
	struct options o = parse_options(argc, argv, program->name);
	log_open(program->name, "stderr", 0);
	mem_be_patient();
	enum err e = conf_read(o.conf, program->name, conf_log_errors, NULL, &conf);
	if (e != OK)
		log_fatal(EX_CONFIG, "%s: %s", o.conf, e == ERR_NOTFOUND
		    ? "there is no such file (see -C)" : err_text(e));
	log_open_conf(conf, program->name, o.debug ? "stderr" : NULL);
	bool in_background = !is_daemon && !o.debug && !o.foreground;
	umask((mode_t)conf_int(conf, CONF_UMASK));
	int fd = listen_at(program->name, conf_string(conf, program->socket), in_background);
	raise_descriptor_limit();
	if (in_background)
		go_to_background();
	if (is_awaited)
		tell_ready(program->name);
	struct confine *confine = confine_new(conf, CONFINE_DAEMON);
	confine_enter(confine);
	serve(program, conf, fd);
	net_unlisten(fd);
	confine_free(confine);
	conf_free(conf);
	return EX_OK;
}
