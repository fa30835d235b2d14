/*
 * master - starts everything, keeps it running, and ends it in order.
 *
 * One process, one event loop; every step of a life is a phase, and what may
 * happen in a phase is decided in the functions that end it:
 *
 *	START -> DAEMONS -> RUN -> DRAIN -> CLOSE -> end
 *
 * START runs the entries of that section one after the other, DAEMONS waits
 * for those with wait=yes, RUN serves.  SIGTERM leads to DRAIN, where sockets
 * are closed, free workers end and busy ones may finish for a while; then to
 * CLOSE, where daemons end.  A second SIGTERM shortens DRAIN to nothing.
 *
 * SIGUSR2 leads from RUN to UPGRADE, where daemons end and nothing else
 * changes, and from there into the new binary.  That one skips START: what it
 * does (recovery) must not be done while workers of the old one are busy.
 */
#include "lib/conf.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/poll.h"
#include "lib/svc.h"
#include "master/child.h"
#include "master/conf.h"
#include "master/daemon.h"
#include "master/event.h"
#include "master/helpers.h"
#include "master/janitor.h"
#include "master/options.h"
#include "master/pidfile.h"
#include "master/roll.h"
#include "master/service.h"
#include "master/startup.h"
#include "master/systemd.h"
#include "master/ticketkeys.h"
#include "master/upgrade.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

enum {
	BYE_MS = 5000,			/* for a session to say goodbye */
	CLOSE_MS = 10000,		/* for daemons and events to end */
	SWEEP_EVERY = 60,		/* janitor rounds between looks at proc/ */
};

enum phase {
	PHASE_START, PHASE_DAEMONS, PHASE_RUN, PHASE_UPGRADE, PHASE_DRAIN, PHASE_CLOSE,
};

struct master {
	struct options options;
	struct conf *imapd_conf;
	const char *config_dir, *proc_path;
	struct mconf *conf;
	struct poll *poll;
	struct children *children;
	struct inherited_sockets *inherited;
	struct roll *roll;
	struct ticketkeys *ticketkeys;
	struct services *services;
	struct events *events;
	struct daemons *daemons;
	enum phase phase;
	const struct mconf_entry *start_entry;
	pid_t start_pid;
	bool reload_wanted;
	bool saying_bye;		/* in DRAIN: SIGTERM has been sent */
	int rounds;			/* of the janitor */
	int pidfile_fd;
	int parent_fd;			/* -1, or where -d waits for a byte */
	int exit_code;
	struct poll_timer *timer;	/* of DRAIN and CLOSE */
};

static void run_next_start(struct master *m);
static void begin_drain(struct master *m, const char *why);
static void begin_close(struct master *m);

static void
report(void *ctx, bool is_error, const char *line)
{
	(void)ctx;
	if (is_error)
		log_err("%s", line);
	else
		log_warning("%s", line);
}

static void
write_status(struct master *m)
{
	static const char *const names[] = {
		"start", "daemons", "run", "upgrade", "drain", "close",
	};
	struct buf b = BUF_INIT, path = BUF_INIT;
	buf_printf(&b, "master %d state=%s children=%d\n", (int)getpid(),
	    names[m->phase], children_count(m->children));
	services_status(m->services, &b);
	daemons_status(m->daemons, &b);
	events_status(m->events, &b);
	buf_printf(&path, "%s/master.status", m->config_dir);
	if (file_replace(AT_FDCWD, path.p, b.p, b.n, 0644, false) == OK)
		log_info("status written to %s", path.p);
	buf_free(&b);
	buf_free(&path);
}

/* Everything stands: tell whoever waits for it. */
static void
tell_ready(struct master *m)
{
	char text[64];
	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", (int)getpid());
	systemd_notify(text);
	if (m->parent_fd >= 0) {
		(void)!write(m->parent_fd, "", 1);
		close(m->parent_fd);
		m->parent_fd = -1;
	}
	log_notice("ready for work");
}

/*
 * Is the new file one that workers can start with?  Who has just edited it hears
 * what is wrong with it, and nobody is sent to a worker that ends at once.
 */
static bool
check_options(const char *path)
{
	struct conf *conf;
	enum err e = conf_read(path, NULL, report, NULL, &conf);
	if (e == OK)
		conf_free(conf);
	else
		log_err("%s: %s; going on with the old one", path,
		    e == ERR_SYNTAX ? "has errors (see above)" : err_text(e));
	return e == OK;
}

static void
reload(struct master *m)
{
	struct mconf *conf;
	if (m->phase != PHASE_RUN) {
		m->reload_wanted = m->phase < PHASE_RUN;
		return;
	}
	m->reload_wanted = false;
	systemd_notify("RELOADING=1");
	log_reopen();
	if (!check_options(m->options.imapd_conf)) {
		systemd_notify("READY=1");
		return;
	}
	enum err e = mconf_read(m->options.cyrus_conf, report, NULL, &conf);
	if (e != OK) {
		log_err("%s: %s; going on with the old one", m->options.cyrus_conf,
		    e == ERR_SYNTAX ? "has errors (see above)" : err_text(e));
	} else {
		mconf_free(m->conf);
		m->conf = conf;
		helpers_add(conf, m->imapd_conf);
		daemons_configure(m->daemons, conf);
		services_configure(m->services, conf);
		events_configure(m->events, conf);
		log_notice("configuration reloaded");
	}
	systemd_notify("READY=1");
}

static void
on_daemons_ready(void *ctx, bool ok)
{
	struct master *m = ctx;
	if (!ok) {
		m->exit_code = EX_UNAVAILABLE;
		begin_drain(m, "a daemon with wait=yes did not start");
		return;
	}
	m->phase = PHASE_RUN;
	services_configure(m->services, m->conf);
	systemd_sockets_drop(m->inherited);
	events_configure(m->events, m->conf);
	tell_ready(m);
	if (m->reload_wanted)
		reload(m);
}

static void
on_start_end(void *ctx, pid_t pid, int status)
{
	struct master *m = ctx;
	char end[96];
	m->start_pid = 0;
	if (status != 0) {
		/* Workers find out for themselves what they cannot do. */
		child_print_status(status, end, sizeof(end));
		log_err("START entry %s: \"%s\" (pid %d) failed: %s; going on",
		    m->start_entry->name, m->start_entry->cmd, (int)pid, end);
	}
	if (m->phase == PHASE_START) {
		m->start_entry = m->start_entry->next;
		run_next_start(m);
	} else if (m->phase == PHASE_DRAIN) {
		begin_close(m);
	}
}

static void
run_next_start(struct master *m)
{
	for (; m->start_entry != NULL; m->start_entry = m->start_entry->next) {
		const struct child_spec spec = {
			.name = m->start_entry->name, .cmd = m->start_entry->cmd,
			.status_fd = -1, .listen_fd = -1,
		};
		if (child_spawn(m->children, &spec, on_start_end, m,
		    &m->start_pid) == OK)
			return;
	}
	m->phase = PHASE_DAEMONS;
	daemons_start(m->daemons, m->conf, on_daemons_ready, m);
}

static void
finish(struct master *m)
{
	poll_stop(m->poll);
}

static void
on_close_timeout(void *ctx)
{
	struct master *m = ctx;
	m->timer = NULL;
	log_warning("%d processes do not end; killing them", children_count(m->children));
	children_signal(m->children, SIGKILL);
	finish(m);
}

/* Daemons are gone; what is left are commands of events. */
static void
on_daemons_ended(void *ctx)
{
	struct master *m = ctx;
	if (children_count(m->children) == 0)
		finish(m);
}

static void
on_worker_gone(void *ctx, pid_t pid)
{
	struct master *m = ctx;
	janitor_forget(m->proc_path, pid);
}

static void
on_child_stopped(void *ctx, pid_t pid)
{
	struct master *m = ctx;
	services_stopped(m->services, pid);
}

/* A worker that the image before us started. */
static void
on_adopted_end(void *ctx, pid_t pid, int status)
{
	(void)status;
	on_worker_gone(ctx, pid);
}

static void
adopt(void *ctx, pid_t pid)
{
	struct master *m = ctx;
	children_adopt(m->children, pid, on_adopted_end, m);
}

/* One that an earlier master left, when it was killed. */
static void
on_survivor_gone(void *ctx, pid_t pid)
{
	struct master *m = ctx;
	on_worker_gone(ctx, pid);
	if (m->phase == PHASE_DRAIN)
		begin_close(m);
}

/* Ours, adopted ones and survivors; SIGNO, if not 0, is sent to all. */
static int
workers(const struct master *m, int signo)
{
	if (signo != 0)
		services_signal(m->services, signo);
	return services_workers(m->services)
	    + children_signal_all(m->children, on_adopted_end, signo)
	    + roll_signal(m->roll, signo);
}

static void
begin_close(struct master *m)
{
	if (m->phase == PHASE_CLOSE || workers(m, 0) > 0 || m->start_pid != 0)
		return;
	m->phase = PHASE_CLOSE;
	poll_cancel(m->poll, m->timer);
	m->timer = poll_after(m->poll, CLOSE_MS, on_close_timeout, m);
	daemons_stop(m->daemons, on_daemons_ended, m);
}

static void
on_bye_timeout(void *ctx)
{
	struct master *m = ctx;
	log_warning("%d workers do not end; killing them", workers(m, SIGKILL));
	m->timer = NULL;
}

/* The time to finish is over: sessions end when they next wait. */
static void
end_sessions(void *ctx)
{
	struct master *m = ctx;
	m->saying_bye = true;
	log_info("ending %d sessions", workers(m, SIGTERM));
	m->timer = poll_after(m->poll, BYE_MS, on_bye_timeout, m);
}

static void
begin_drain(struct master *m, const char *why)
{
	log_notice("ending: %s", why);
	systemd_notify("STOPPING=1");
	m->phase = PHASE_DRAIN;
	if (m->start_pid != 0)
		(void)kill(m->start_pid, SIGTERM);
	events_stop(m->events);
	services_drain(m->services);
	poll_cancel(m->poll, m->timer);
	m->timer = poll_after(m->poll, m->options.drain_seconds * INT64_C(1000),
	    end_sessions, m);
	begin_close(m);
}

static void
on_stop_signal(void *ctx, int signo)
{
	struct master *m = ctx;
	if (m->phase < PHASE_DRAIN) {
		begin_drain(m, strsignal(signo));
		return;
	}
	log_notice("asked again to end: at once");
	poll_cancel(m->poll, m->timer);
	m->timer = NULL;
	if (m->phase == PHASE_CLOSE)
		on_close_timeout(m);
	else if (m->saying_bye)
		on_bye_timeout(m);
	else
		end_sessions(m);
}

static void
on_hup(void *ctx, int signo)
{
	(void)signo;
	reload(ctx);
}

static void
on_usr1(void *ctx, int signo)
{
	(void)signo;
	write_status(ctx);
}

/* Daemons have ended, or had their time: the point of no return. */
static void
become_new(void *ctx)
{
	struct master *m = ctx;
	daemons_signal(m->daemons, SIGKILL);
	ticketkeys_hand_over(m->ticketkeys);
	upgrade_exec(children_own_path(m->children), &m->options,
	    m->pidfile_fd, m->services);
	/* Half of our descriptors are gone; workers finish by themselves. */
	log_fatal(EX_OSERR, "the upgrade failed; start master again");
}

static void
on_usr2(void *ctx, int signo)
{
	struct master *m = ctx;
	struct mconf *conf;
	const char *path = children_own_path(m->children);
	(void)signo;
	if (m->phase != PHASE_RUN)
		return;
	if (access(path, X_OK) != 0) {
		log_err("no upgrade: cannot run \"%s\": %m", path);
		return;
	}
	if (mconf_read(m->options.cyrus_conf, report, NULL, &conf) != OK) {
		log_err("no upgrade: %s has errors", m->options.cyrus_conf);
		return;
	}
	mconf_free(conf);
	log_notice("upgrading to what is now \"%s\"", path);
	systemd_notify("RELOADING=1");
	m->phase = PHASE_UPGRADE;
	events_stop(m->events);
	services_pause(m->services);
	m->timer = poll_after(m->poll, CLOSE_MS, become_new, m);
	daemons_stop(m->daemons, become_new, m);
}

static void
on_child(void *ctx, int signo)
{
	struct master *m = ctx;
	(void)signo;
	children_reap(m->children);
	if (m->phase == PHASE_DRAIN)
		begin_close(m);
	if (m->phase == PHASE_CLOSE && children_count(m->children) == 0)
		finish(m);
}

static void
janitor_round(void *ctx)
{
	struct master *m = ctx;
	if (m->phase == PHASE_RUN)
		services_tend(m->services);
	/* The second round finds who was just dying at the first. */
	if (m->rounds++ % SWEEP_EVERY <= 1)
		janitor_sweep(m->proc_path);
	(void)poll_after(m->poll, 1000 / m->options.sweeps, janitor_round, m);
}

static void
feed_watchdog(void *ctx)
{
	struct master *m = ctx;
	int ms = systemd_watchdog_ms();
	if (ms == 0)
		return;
	systemd_notify("WATCHDOG=1");
	(void)poll_after(m->poll, ms, feed_watchdog, m);
}

/* Both files are read while there is still a terminal to complain to. */
static void
read_configuration(struct master *m)
{
	const char *path = m->options.imapd_conf;
	enum err e = conf_read(path, NULL, report, NULL, &m->imapd_conf);
	if (e != OK)
		log_fatal(EX_CONFIG, "%s: %s", path, e == ERR_NOTFOUND
		    ? "there is no such file (see -C)" : err_text(e));
	m->config_dir = conf_string(m->imapd_conf, CONF_CONFIGDIRECTORY);
	if (m->config_dir == NULL)
		log_fatal(EX_CONFIG, "%s: configdirectory is not set", path);
	m->proc_path = conf_string(m->imapd_conf, CONF_PROC_PATH);
	umask((mode_t)conf_int(m->imapd_conf, CONF_UMASK));
	path = m->options.cyrus_conf;
	e = mconf_read(path, report, NULL, &m->conf);
	if (e != OK)
		log_fatal(EX_CONFIG, "%s: %s", path, e == ERR_NOTFOUND
		    ? "there is no such file (see -M)" : err_text(e));
}

static int
socket_of_daemon(void *ctx, const char *cmd)
{
	return services_queue_for(ctx, cmd);
}

static void
set_up(struct master *m)
{
	struct child_setup setup = {
		.imapd_conf = m->options.imapd_conf_given
		    ? m->options.imapd_conf : NULL,
		.keep_output = m->options.foreground || *m->options.log_file != '\0',
		.on_stop = on_child_stopped, .ctx = m,
	};
	startup_user(m->imapd_conf, &setup);
	startup_raise_limits();
	setup.poll = m->poll = poll_new();
	m->roll = roll_new(m->poll, m->config_dir, on_survivor_gone, m);
	setup.roll_fd = roll_fd(m->roll);
	m->ticketkeys = ticketkeys_new(m->poll, m->imapd_conf);
	setup.tickets_fd = ticketkeys_fd(m->ticketkeys);
	/* Tools sign it, too, and are that user by then. */
	if (setup.drop_root && setup.roll_fd >= 0
	    && fchown(setup.roll_fd, setup.uid, setup.gid) != 0)
		log_warning("%s/%s: cannot be given to %s: %m", m->config_dir,
		    SVC_ROLL_FILE, setup.user);
	m->children = children_new(&setup);
	const struct service_setup services = {
		.poll = m->poll, .children = m->children, .inherited = m->inherited,
		.backlog = m->options.backlog, .frontds = startup_frontds(m->imapd_conf),
		.imapd_conf = m->options.imapd_conf,
		.gone = on_worker_gone, .ctx = m,
	};
	m->services = services_new(&services);
	m->events = events_new(m->poll, m->children);
	m->daemons = daemons_new(m->poll, m->children, socket_of_daemon, m->services);
	poll_signal(m->poll, SIGTERM, on_stop_signal, m);
	poll_signal(m->poll, SIGINT, on_stop_signal, m);
	poll_signal(m->poll, SIGQUIT, on_stop_signal, m);
	poll_signal(m->poll, SIGHUP, on_hup, m);
	poll_signal(m->poll, SIGUSR1, on_usr1, m);
	poll_signal(m->poll, SIGUSR2, on_usr2, m);
	poll_signal(m->poll, SIGCHLD, on_child, m);
	signal(SIGPIPE, SIG_IGN);
}

static void
tear_down(struct master *m)
{
	events_free(m->events);
	daemons_free(m->daemons);
	services_free(m->services);
	systemd_sockets_free(m->inherited);
	children_free(m->children);
	roll_free(m->roll);
	ticketkeys_free(m->ticketkeys);
	poll_free(m->poll);
	mconf_free(m->conf);
	if (m->pidfile_fd >= 0)
		pidfile_remove(m->pidfile_fd, m->options.pidfile);
	conf_free(m->imapd_conf);
}

static int
run(struct master *m)
{
	if (upgrade_is())
		m->pidfile_fd = upgrade_pidfile();
	else if (pidfile_open(m->options.pidfile, &m->pidfile_fd) != OK)
		return EX_TEMPFAIL;
	if (m->options.detach)
		m->parent_fd = startup_detach();
	startup_log(m->imapd_conf, &m->options);
	startup_redirect(&m->options);
	if (pidfile_write(m->pidfile_fd, m->options.pidfile) != OK)
		return EX_CANTCREAT;
	set_up(m);
	helpers_add(m->conf, m->imapd_conf);
	if (upgrade_is()) {
		upgrade_adopt(adopt, m);
		children_reap(m->children);
		log_notice("process upgraded, %d workers taken over", workers(m, 0));
	} else {
		log_notice("process started");
		roll_call(m->roll);
		m->start_entry = m->conf->first[MCONF_START];
	}
	roll_watch(m->roll);
	janitor_round(m);
	feed_watchdog(m);
	run_next_start(m);
	poll_run(m->poll);
	janitor_sweep(m->proc_path);
	log_notice("ended");
	return m->exit_code;
}

int
main(int argc, char **argv)
{
	struct master m = { .parent_fd = -1, .pidfile_fd = -1 };
	log_open("master", "stderr", LOG_LOCAL6);
	mem_be_patient();
	m.inherited = systemd_sockets_new();
	options_parse(argc, argv, &m.options);
	read_configuration(&m);
	int code = run(&m);
	tear_down(&m);
	return code;
}
