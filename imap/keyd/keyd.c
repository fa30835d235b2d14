/*
 * keyd - has the private keys of TLS, and signs for those who speak it
 *
 * Started by master, which tells it of the services (stock.h).  It reads all
 * certificates and keys, as root if master is root's, and shuts itself in: from
 * then on it reads these files again when they have changed, and does nothing
 * else but answer (counter.h).  No client's byte gets here, but for the hash that
 * is to be signed.
 *
 * At a reload another one takes over the queue; this one serves those who have
 * found it until they are quiet, so that no handshake is cut off.
 */
#include "imap/keyd/counter.h"
#include "imap/keyd/stock.h"
#include "imap/server/owner.h"
#include "lib/log.h"
#include "lib/logconf.h"
#include "lib/mem.h"
#include "lib/process.h"
#include "lib/proctitle.h"
#include "lib/svc.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

enum {
	TIDY_MS = 60000,
	QUIET_MS = 5000,		/* without a question after a reload: the end */
	QUIET_TRIES = 6,		/* and if there are always some */
};

struct keyd {
	struct svc svc;
	struct poll *poll;
	struct stock *stock;
	struct counter *counter;
	bool ending;
	uint64_t served;		/* when it was last looked at, while ending */
	int tries;
};

static void
on_empty(void *ctx)
{
	const struct keyd *k = ctx;
	if (k->ending)
		poll_stop(k->poll);
}

/* False: nobody is there any more. */
static bool
end(struct keyd *k)
{
	k->ending = true;
	counter_shut(k->counter);
	if (!counter_is_empty(k->counter))
		return true;
	poll_stop(k->poll);
	return false;
}

static void
on_quiet(void *ctx)
{
	struct keyd *k = ctx;
	uint64_t served = counter_served(k->counter);
	if (served == k->served || ++k->tries >= QUIET_TRIES) {
		poll_stop(k->poll);
		return;
	}
	k->served = served;
	(void)poll_after(k->poll, QUIET_MS, on_quiet, k);
}

static void
on_hup(void *ctx, int signo)
{
	struct keyd *k = ctx;
	(void)signo;
	if (k->ending || !end(k))
		return;
	k->served = counter_served(k->counter);
	(void)poll_after(k->poll, QUIET_MS, on_quiet, k);
}

static void
on_stop(void *ctx, int fd, short ready)
{
	const struct keyd *k = ctx;
	(void)ready;
	poll_unwatch(k->poll, fd);
	poll_stop(k->poll);
}

/* Master is gone; those whom it has left may still have to shake hands. */
static void
on_orphaned(void *ctx, int fd, short ready)
{
	struct keyd *k = ctx;
	(void)ready;
	poll_unwatch(k->poll, fd);
	(void)end(k);
}

static void
on_tidy(void *ctx)
{
	struct keyd *k = ctx;
	stock_tidy(k->stock);
	(void)poll_after(k->poll, TIDY_MS, on_tidy, k);
}

static void
run(struct keyd *k, int queue)
{
	k->counter = counter_open(k->poll, stock_stand(k->stock), queue, on_empty, k);
	poll_signal(k->poll, SIGHUP, on_hup, k);
	poll_watch(k->poll, svc_stop_fd(), POLLIN, on_stop, k);
	poll_watch(k->poll, k->svc.status_fd, 0, on_orphaned, k);
	(void)poll_after(k->poll, TIDY_MS, on_tidy, k);
	svc_tell_state(&k->svc, SVC_FREE);
	if (!svc_stopping())
		poll_run(k->poll);
	/* Master may say so more than once. */
	(void)signal(SIGHUP, SIG_IGN);
	counter_close(k->counter);
}

/*
 * Keys may be root's alone, and new ones are, too.  So the right to read them is
 * kept, if Landlock sees to it that it is these directories only.
 */
static void
shut_in(struct keyd *k, const struct conf *conf)
{
	struct confine *c = confine_new(conf, CONFINE_KEYD);
	bool is_root = geteuid() == 0;
	if (!process_lock_memory() && is_root)
		log_info("memory with keys cannot be locked; it may be swapped to a disk");
	stock_read(k->stock);
	bool keeps = stock_allow(k->stock, c) && process_keep_reading();
	owner_become(conf);
	keeps = keeps && process_keeps_reading();
	if (is_root && !keeps)
		log_notice("keys that are replaced are read as user %d from now on: there is no"
		    " Landlock to confine root's rights to them", (int)geteuid());
	process_shut();
	confine_enter(c);
	confine_free(c);
}

static struct conf *
read_config(const char *path)
{
	struct conf *conf;
	enum err e = conf_read(path, "keyd", conf_log_errors, NULL, &conf);
	if (e != OK)
		log_fatal(EX_CONFIG, "cannot use the configuration file %s: %s", path,
		    err_text(e));
	log_open_conf(conf, "keyd", NULL);
	return conf;
}

int
main(int argc, char **argv)
{
	struct keyd k = { .poll = NULL };
	const char *path = CONF_DEFAULT_PATH;
	int queue;
	for (int c; (c = getopt(argc, argv, "C:")) != -1;) {
		if (c != 'C') {
			fprintf(stderr, "usage: keyd [-C imapd.conf]\n");
			return EX_USAGE;
		}
		path = optarg;
	}
	char *conf_path = mem_copy(path);
	proctitle_init(argc, argv);
	log_open("keyd", "stderr", LOG_LOCAL6);
	process_shut();
	mem_be_patient();
	svc_init(&k.svc);
	if (!k.svc.is_queue) {
		fprintf(stderr, "keyd is started by master, if imapd.conf has tls_server_cert\n");
		free(conf_path);
		return EX_USAGE;
	}
	struct conf *conf = read_config(conf_path);
	k.poll = poll_new();
	k.stock = stock_open(conf_path, &queue);
	if (queue < 0)
		log_fatal(EX_SOFTWARE, "master has not said where to be asked");
	proctitle_set("keyd");
	shut_in(&k, conf);
	run(&k, queue);
	stock_close(k.stock);
	poll_free(k.poll);
	conf_free(conf);
	free(conf_path);
	return 0;
}
