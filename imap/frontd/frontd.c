/*
 * frontd - receives clients until it is known who they are
 *
 * Started by master, which tells it of the services (setup.h); front.h says
 * what becomes of a connection.  A frontd lives as long as its listeners are
 * the right ones: at a reload another one takes them, and this one ends when
 * its last connection does.
 */
#include "imap/frontd/conn.h"
#include "imap/frontd/front.h"
#include "imap/frontd/setup.h"
#include "imap/frontd/shut.h"
#include "lib/log.h"
#include "lib/logconf.h"
#include "lib/mem.h"
#include "lib/net.h"
#include "lib/pass.h"
#include "lib/process.h"
#include "lib/proctitle.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

enum {
	ACCEPTS = 32,			/* at once, before others have their turn */
	FULL_MS = 100,			/* without descriptors: until we look again */
	TICK_MS = 1000,
};

static void on_client(void *ctx, int fd, short ready);

static void
listen_again(void *ctx)
{
	struct front *f = ctx;
	f->full = false;
	for (struct service *s = f->services; s != NULL; s = s->next)
		if (s->listener >= 0)
			poll_watch_exclusive(f->poll, s->listener, on_client, s);
}

static void
let_go(struct service *s)
{
	if (s->listener < 0)
		return;
	poll_unwatch(s->front->poll, s->listener);
	close(s->listener);
	s->listener = -1;
}

/* Takes nobody any more, and stops the loop when there is nobody. */
static void
end(struct front *f)
{
	f->ending = true;
	for (struct service *s = f->services; s != NULL; s = s->next)
		let_go(s);
	if (f->count == 0)
		poll_stop(f->poll);
}

/* They wait in the kernel's queue, which is better than here. */
static void
rest(struct front *f)
{
	if (f->full)
		return;
	f->full = true;
	log_warning("no descriptors for more connections: %m");
	for (struct service *s = f->services; s != NULL; s = s->next)
		if (s->listener >= 0)
			poll_unwatch(f->poll, s->listener);
	(void)poll_after(f->poll, FULL_MS, listen_again, f);
}

static void
on_client(void *ctx, int fd, short ready)
{
	struct service *s = ctx;
	(void)ready;
	for (int i = 0; i < ACCEPTS; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (client >= 0) {
			setup_tls(s);
			conn_begin(s, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			rest(s->front);
		else if (errno == EINVAL || errno == ENOTSOCK)	/* master has shut it */
			let_go(s);
		else if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO)
			continue;
		return;
	}
}

static void
on_tick(void *ctx)
{
	struct front *f = ctx;
	conn_expire(f);
	(void)poll_after(f->poll, TICK_MS, on_tick, f);
}

static void
on_hup(void *ctx, int signo)
{
	(void)signo;
	end(ctx);
}

static void
on_stop(void *ctx, int fd, short ready)
{
	struct front *f = ctx;
	(void)ready;
	poll_unwatch(f->poll, fd);
	conn_end_all(f);
	end(f);
}

/* Master is gone: the next one wants the addresses. */
static void
on_orphaned(void *ctx, int fd, short ready)
{
	struct front *f = ctx;
	(void)ready;
	poll_unwatch(f->poll, fd);
	end(f);
}

static void
run(struct front *f)
{
	poll_signal(f->poll, SIGHUP, on_hup, f);
	poll_watch(f->poll, svc_stop_fd(), POLLIN, on_stop, f);
	poll_watch(f->poll, f->svc.status_fd, 0, on_orphaned, f);
	listen_again(f);
	on_tick(f);
	svc_tell_state(&f->svc, SVC_FREE);
	if (svc_stopping())
		end(f);
	poll_run(f->poll);
	/* Master may say so more than once. */
	(void)signal(SIGHUP, SIG_IGN);
}

static struct conf *
read_config(const char *path)
{
	struct conf *conf;
	enum err e = conf_read(path, "frontd", conf_log_errors, NULL, &conf);
	if (e != OK)
		log_fatal(EX_CONFIG, "cannot use the configuration file %s: %s", path,
		    err_text(e));
	log_open_conf(conf, "frontd", NULL);
	return conf;
}

int
main(int argc, char **argv)
{
	struct front f = { .message = BUF_INIT, .limits_queue = -1 };
	const char *path = CONF_DEFAULT_PATH;
	for (int c; (c = getopt(argc, argv, "C:")) != -1;) {
		if (c != 'C') {
			fprintf(stderr, "usage: frontd [-C imapd.conf]\n");
			return EX_USAGE;
		}
		path = optarg;
	}
	char *conf_path = mem_copy(path);
	proctitle_init(argc, argv);
	log_open("frontd", "stderr", LOG_LOCAL6);
	process_shut();
	svc_init(&f.svc);
	if (!f.svc.is_queue) {
		fprintf(stderr, "frontd is started by master, unless imapd.conf has"
		    " \"frontd: no\"\n");
		free(conf_path);
		return EX_USAGE;
	}
	struct conf *conf = read_config(conf_path);
	f.poll = poll_new();
	f.resume = conn_resume;
	setup_services(&f, conf_path);
	proctitle_set("frontd");
	shut_in(&f, conf);
	run(&f);
	setup_free(&f);
	buf_free(&f.message);
	poll_free(f.poll);
	conf_free(conf);
	free(conf_path);
	return 0;
}
