/*
 * A worker's life.  What is opened once (configuration, log, store, TLS,
 * SASL) is opened before the first accept; a session finds it all there.
 *
 * proc/PID is kept open and rewritten in place: who is served costs one
 * system call, and nobody is an empty file.
 */
#include "imap/server/server.h"
#include "config.h"
#include "imap/server/admit.h"
#include "imap/server/grant.h"
#include "imap/server/notice.h"
#include "imap/server/oauth.h"
#include "imap/server/owner.h"
#include "imap/server/secure.h"
#include "imap/server/setup.h"
#include "lib/arena.h"
#include "lib/confine.h"
#include "lib/file.h"
#include "lib/handover.h"
#include "lib/log.h"
#include "lib/logconf.h"
#include "lib/mem.h"
#include "lib/pass.h"
#include "lib/process.h"
#include "lib/proctitle.h"
#include "lib/sasl.h"
#include "lib/sigbus.h"

#include <errno.h>
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
	DEFAULT_USES = 250,
	DEFAULT_IDLE = 60,		/* seconds */
	SETUP_ARENA = 1024 * 1024,
};

struct server_inside {
	struct arena *arena;
	struct store_params params;
	struct buf hostname;
	struct buf proc_path;		/* "proc/PID" */
	int proc_fd;			/* -1: not yet, or it could not be made */
	size_t proc_size;
	struct buf line;
	int telemetry_fd;		/* of the session at hand, or -1 */
	uint8_t grant_key[GRANT_KEY];
	bool proxied;			/* -H */
	struct admit *admit;
	struct confine *confine;	/* what this process will give up; NULL: nothing */
};

/* --- command line --- */

struct options {
	char *conf_path;		/* a copy: proctitle takes argv's room */
	int uses, idle, ssf;
	bool tls, debug, proxied;
};

__attribute__((noreturn)) static void
usage(const struct server_program *program)
{
	fprintf(stderr, "usage: %s [-C imapd.conf] [-U uses] [-T seconds] [-D]"
	    " [-s] [-p ssf] [-H]%s\n", program->name,
	    program->options != NULL ? " [options of its own; see its manual]" : "");
	exit(EX_USAGE);
}

static int
number(const struct server_program *program, const char *text)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || n < 0 || n > 1000000)
		usage(program);
	return (int)n;
}

static void
parse_options(int argc, char **argv, const struct server_program *program, void *ctx,
    struct options *o)
{
	char letters[64];
	snprintf(letters, sizeof(letters), "C:DHU:T:sp:%s",
	    program->options != NULL ? program->options : "");
	*o = (struct options){
		.uses = DEFAULT_USES, .idle = DEFAULT_IDLE,
	};
	const char *conf_path = CONF_DEFAULT_PATH;
	for (int c; (c = getopt(argc, argv, letters)) != -1;) {
		switch (c) {
		case 'C': conf_path = optarg; break;
		case 'D': o->debug = true; break;
		case 'H': o->proxied = true; break;
		case 'U': o->uses = number(program, optarg); break;
		case 'T': o->idle = number(program, optarg); break;
		case 's': o->tls = true; break;
		case 'p': o->ssf = number(program, optarg); break;
		default:
			if (c == '?' || program->option == NULL
			    || !program->option(ctx, c, optarg))
				usage(program);
		}
	}
	if (optind != argc)
		usage(program);
	o->conf_path = mem_copy(conf_path);
}

/* --- start --- */

static void
read_config(struct server *s, const char *path)
{
	enum err e = conf_read(path, s->service, conf_log_errors, NULL, &s->conf);
	if (e != OK)
		log_fatal(EX_CONFIG, "cannot use the configuration file %s: %s",
		    path, err_text(e));
	umask((mode_t)conf_int(s->conf, CONF_UMASK));
	const char *dir = conf_string(s->conf, CONF_CONFIGDIRECTORY);
	if (dir == NULL)
		log_fatal(EX_CONFIG, "%s: configdirectory is not set", path);
	/* By hand as root: become who the store belongs to, as master does. */
	if (getenv(SVC_ENV_SERVICE) == NULL)
		owner_become(s->conf);
	log_open_conf(s->conf, s->program->name, NULL);
	if (file_open_dir(AT_FDCWD, dir, &s->config_dirfd) != OK)
		log_fatal(EX_CONFIG, "cannot open configdirectory %s;"
		    " mkimap makes it", dir);
}

static void
set_hostname(struct server *s)
{
	notice_hostname(s->conf, &s->in->hostname);
	s->hostname = s->in->hostname.p;
}

/* From now on it is in our memory only. */
static void
read_grant_key(struct server *s)
{
	struct buf sealed = BUF_INIT;
	const struct grant nobody = { .service = s->service, .userid = "-", .authcid = "-" };
	if (!grant_key_read(SVC_KEY_FD, s->in->grant_key))
		log_fatal(EX_OSERR, "master has given no key of grants: %m");
	close(SVC_KEY_FD);
	s->grant_key = s->in->grant_key;
	/* What OpenSSL needs for the first is the same for all copies of us. */
	if (grant_seal(s->grant_key, &nobody, &sealed) != OK)
		log_fatal(EX_SOFTWARE, "the key of grants cannot be used");
	buf_wipe(&sealed);
}

void
server_forget_key(struct server *s)
{
	explicit_bzero(s->in->grant_key, sizeof(s->in->grant_key));
	s->grant_key = NULL;
}

/* Not whoever is handed users: they are known, and TLS is not spoken here. */
static bool
needs_sasl(const struct server *s)
{
	return !s->svc.is_queue || s->program->run != NULL;
}

static void
refresh_tls(void *ctx)
{
	secure_refresh(ctx);
}

static void
prepare_login(struct server *s)
{
	if (s->svc.is_queue) {
		read_grant_key(s);
	} else if (s->program->run == NULL) {
		secure_open(s);
		svc_on_copy(&s->svc, refresh_tls, s);
	}
	if (s->implicit_tls && !s->svc.is_queue && s->tls == NULL && s->program->run == NULL)
		log_fatal(EX_CONFIG, "-s needs TLS: tls_server_cert is not set,"
		    " or cannot be used; see above");
	if (needs_sasl(s) && sasl_library_init(s->conf) != OK)
		log_fatal(EX_TEMPFAIL, "cannot start SASL");
	if (needs_sasl(s))
		oauth_prepare(s->conf);
}

enum err
server_open_store(struct server *s)
{
	if (s->store != NULL)
		return OK;
	enum err e = store_open(&s->in->params, &s->store);
	if (e != OK) {
		s->store = NULL;
		log_crit("cannot open the store: %s", err_text(e));
	}
	return e;
}

/* Nobody waits to be served. */
static enum err
on_idle(void *ctx)
{
	return server_open_store(ctx);
}

/* What copies of this process may share. */
static void
prepare(struct server *s, const struct options *o)
{
	static struct server_inside inside;
	inside = (struct server_inside){
		.arena = arena_new(SETUP_ARENA), .hostname = BUF_INIT,
		.proc_path = BUF_INIT, .line = BUF_INIT,
		.proc_fd = -1, .telemetry_fd = -1, .proxied = o->proxied,
	};
	s->in = &inside;
	s->service = s->svc.service != NULL ? s->svc.service : s->program->service;
	s->implicit_tls = o->tls;
	s->ssf = o->ssf;
	s->uses = o->uses;
	s->idle_seconds = o->idle;
	read_config(s, o->conf_path);
	if (o->debug) {
		log_notice("stopped for a debugger; kill -CONT %d goes on", (int)getpid());
		(void)raise(SIGSTOP);
	}
	set_hostname(s);
	prepare_login(s);
	s->one_user = s->program->run == NULL && conf_switch(s->conf, CONF_ONE_USER_WORKERS);
	if (s->one_user)
		s->uses = 1;
	s->in->confine = confine_new(s->conf, s->program->run != NULL ? CONFINE_AUTHD
	    : s->svc.is_queue ? CONFINE_HANDED : CONFINE_WORKER);
	/* Started by hand it has its keys itself, and files are replaced. */
	if (s->program->run == NULL && !s->svc.is_queue && s->holder == NULL)
		(void)confine_read_tls(s->in->confine, s->conf);
}

/* What is each process's own. */
static void
start(struct server *s)
{
	struct server_inside *in = s->in;
	if (s->program->run != NULL)
		return;
	if (setup_params(in->arena, s->conf, &in->params) != OK)
		log_fatal(EX_CONFIG, "the store's options are not usable; see above");
	s->notify = notify_open(conf_string(s->conf, CONF_IDLESOCKET));
	in->params.publish = notify_publish;
	in->params.publish_ctx = s->notify;
	struct admit_params door = {
		.conf = s->conf, .protocol = s->program->sasl_service, .proxied = in->proxied,
	};
	if (admit_open(&door, &in->admit) != OK)
		log_fatal(EX_CONFIG, "who may connect is not clear; see above");
	s->limits = admit_limits(in->admit);
	svc_on_idle(&s->svc, on_idle, s);
	if (s->program->start != NULL && s->program->start(s) != OK)
		log_fatal(EX_TEMPFAIL, "%s cannot start; see above", s->program->name);
	process_limit_memory(conf_bytes(s->conf, CONF_SESSION_MEMORY));
}

/* --- proc/PID --- */

static void
open_proc(struct server *s)
{
	struct server_inside *in = s->in;
	buf_printf(&in->proc_path, "%s/%d", conf_string(s->conf, CONF_PROC_PATH),
	    (int)getpid());
	if (file_open(AT_FDCWD, in->proc_path.p, O_WRONLY | O_CREAT | O_TRUNC, 0644,
	    &in->proc_fd) != OK)
		in->proc_fd = -1;
	in->proc_size = 0;
}

static void
write_proc(struct server *s, struct str line)
{
	struct server_inside *in = s->in;
	if (in->proc_path.n == 0)
		open_proc(s);
	if (in->proc_fd < 0)
		return;
	if (line.n > 0 && file_write_at(in->proc_fd, in->proc_path.p, line.p, line.n, 0) != OK)
		return;
	if (line.n < in->proc_size && file_truncate(in->proc_fd, in->proc_path.p, line.n) != OK)
		return;
	in->proc_size = line.n;
}

static void
close_proc(struct server *s)
{
	struct server_inside *in = s->in;
	if (in->proc_fd < 0)
		return;
	close(in->proc_fd);
	in->proc_fd = -1;
	if (file_unlink(AT_FDCWD, in->proc_path.p) != OK)
		log_debug("%s was removed by somebody else", in->proc_path.p);
}

void
server_status(struct server *s, const struct client *c, const char *user,
    const char *mailbox)
{
	struct buf *line = &s->in->line;
	buf_reset(line);
	buf_printf(line, "%s\t[%s]\t%s\t%s\n", s->service, c->host,
	    user != NULL ? user : "", mailbox != NULL ? mailbox : "");
	write_proc(s, buf_str(line));
	proctitle_set("%s: %s: [%s]%s%s%s%s", s->program->name, s->service, c->host,
	    user != NULL ? " " : "", user != NULL ? user : "",
	    mailbox != NULL ? " " : "", mailbox != NULL ? mailbox : "");
}

/* --- files that an administrator puts there --- */

static void
end_telemetry(struct server *s)
{
	if (s->in->telemetry_fd >= 0)
		close(s->in->telemetry_fd);
	s->in->telemetry_fd = -1;
}

void
server_telemetry(struct server *s, struct client *c, const char *userid)
{
	stream_telemetry(c->stream, -1, false);
	end_telemetry(s);
	if (userid == NULL)
		return;

	char path[320];
	int n = snprintf(path, sizeof(path), "log/%s/%d", userid, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof(path) || strchr(userid, '/') != NULL
	    || *userid == '.')
		return;
	/* Not file_open(): mostly the directory is not there, and it is no error. */
	int fd = openat(s->config_dirfd, path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return;
	s->in->telemetry_fd = fd;
	stream_telemetry(c->stream, fd, conf_switch(s->conf, CONF_LOGTIMESTAMPS));
}

bool
server_shutdown_notice(struct server *s, struct buf *text)
{
	return notice_read(s->config_dirfd, "msg/shutdown", text);
}

bool
server_motd(struct server *s, struct buf *text)
{
	return notice_read(s->config_dirfd, "msg/motd", text);
}

/* --- connections --- */

static const char *
text_or_null(const struct buf *b)
{
	return b->n > 0 ? b->p : NULL;
}

/* It is not served; goodbye through TLS would cost more than the service. */
static void
send_away(struct server *s, struct client *c, const char *why)
{
	if (why == NULL || s->implicit_tls || s->program->refuse == NULL)
		return;
	s->program->refuse(c, why);
	if (stream_flush(c->stream) != OK)
		log_debug("[%s] did not wait for the answer", c->host);
}

static void
serve_client(struct server *s, struct client *c)
{
	stream_stop_fd(c->stream, svc_stop_fd());
	/* Who has logged in already is told of with his name. */
	if (c->handed == NULL || c->handed->user == NULL)
		server_status(s, c, NULL, NULL);
	s->program->serve(s, c);
	if (c->handed == NULL)
		secure_end(c);
	stream_close(c->stream);
	end_telemetry(s);
	write_proc(s, (struct str){ "", 0 });
	proctitle_set("%s: %s: idle", s->program->name, s->service);
}

static void
serve(struct server *s, int fd)
{
	struct arrival from;
	const char *why;
	enum err e = admit(s->in->admit, fd, &from, &why);
	struct client c = {
		.stream = stream_new(fd, fd == STDIN_FILENO ? STDOUT_FILENO : fd),
		.host = from.host.p,
		.local_ip_port = text_or_null(&from.local_ip_port),
		.remote_ip_port = text_or_null(&from.remote_ip_port),
		.is_local = from.is_local,
		.starts_tls = s->implicit_tls,
	};
	if (e == OK) {
		secure_open(s);
		serve_client(s, &c);
		admit_gone(s->in->admit);
	} else {
		send_away(s, &c, why);
		stream_close(c.stream);
	}
	arrival_free(&from);
}

/* The user whom a sealed grant names.  ERR_TIMEOUT: it is too old. */
static enum err
take_user(const struct server *s, const struct handover *h, struct handed *handed,
    struct grant_asker *asker)
{
	struct grant g;
	enum err e = granted_user(s->grant_key, s->service, h->grant, s->conf, &g, &handed->user);
	if (e == ERR_TIMEOUT)
		log_warning("[%s] %s waited too long for a worker", h->host, g.userid);
	if (e != OK)
		return e;
	handed->folder = g.folder;
	*asker = (struct grant_asker){
		.control_fd = s->svc.control_fd, .key = s->grant_key, .sealed = h->grant,
		.serial = g.serial,
	};
	if (g.flags & GRANT_GROUPS_LATER)
		user_groups_by(handed->user, grant_ask_groups, asker);
	return OK;
}

/* Whoever has logged in is counted; one too many hears that. */
static void
count(const struct server *s, const struct handover *h, struct handed *handed)
{
	enum limits_verdict verdict = limits_arrived(s->limits, h->host);
	handed->why = "The server is too busy; try again later";
	if (verdict == LIMITS_OK)
		return;
	log_notice("refused connect from [%s]: %s", h->host, limits_option(verdict));
	handed->why = limits_why(verdict);
	user_free(handed->user);
	handed->user = NULL;
}

/* A session that began elsewhere, with what is known of it. */
static void
serve_handed(struct server *s, int fd)
{
	struct handover h;
	struct handed handed = { .how = &h };
	struct grant_asker asker;
	enum err e = handover_decode(buf_str(&s->svc.message), &h);
	if (e == OK)
		e = take_user(s, &h, &handed, &asker);
	if (e != OK && e != ERR_TIMEOUT) {
		log_crit("a session was handed over without a right to it; it is ended");
		close(fd);
		close(s->svc.control_fd);
		return;
	}
	struct client c = {
		.stream = stream_new(fd, fd), .host = h.host,
		.local_ip_port = h.local_ip_port, .remote_ip_port = h.remote_ip_port,
		.is_local = h.is_local != 0, .handed = &handed,
	};
	stream_unread(c.stream, h.pending);
	if (h.layer > 0)
		log_info("security layer: %d bits [%s]", (int)h.layer, h.host);
	count(s, &h, &handed);
	serve_client(s, &c);
	limits_disconnected(s->limits);
	user_free(handed.user);
	close(s->svc.control_fd);
}

static void
send_back(const struct server *s, const struct client *c, const struct handover_back *back, int fd)
{
	struct buf message = BUF_INIT;
	if (handover_back_encode(back, &message) != OK
	    || pass_send(s->svc.control_fd, buf_str(&message), &fd, fd >= 0 ? 1 : 0) != OK)
		log_notice("[%s] cannot be given back: its frontd is gone", c->host);
	buf_free(&message);
}

void
server_will_give_back(const struct server *s, const struct client *c, const char *language)
{
	const struct handover_back back = { .language = language };
	if (c->handed->how->layer > 0)
		send_back(s, c, &back, -1);
}

void
server_give_back(struct server *s, struct client *c, const char *language)
{
	struct buf unread = BUF_INIT;
	stream_telemetry(c->stream, -1, false);
	int fd = stream_release(c->stream, &unread);
	c->stream = NULL;
	const struct handover_back back = { .pending = buf_str(&unread), .language = language };
	if (fd >= 0 && c->handed->how->layer == 0)
		send_back(s, c, &back, fd);
	if (fd >= 0)
		close(fd);
	buf_free(&unread);
}

/* Perhaps SASL's plugins cannot be read just now: no copies of that. */
static bool
may_be_copied(struct server *s)
{
	if (!needs_sasl(s) || sasl_has_plugins())
		return true;
	log_err("SASL has no mechanisms, or nowhere to look passwords up: are its"
	    " plugins (libsasl2-modules, libsasl2-modules-db) installed and"
	    " readable?");
	s->uses = 1;
	return false;
}

/* One client after the other. */
static enum err
serve_all(struct server *s)
{
	enum err e = OK;
	while (s->svc.served < s->uses || s->uses == 0) {
		int fd;
		if ((e = svc_accept(&s->svc, s->idle_seconds, &fd)) != OK)
			break;
		if (s->one_user)
			svc_let_go(&s->svc);
		if (s->svc.is_queue)
			serve_handed(s, fd);
		else
			serve(s, fd);
		if (s->store != NULL)
			store_maintain(s->store);
	}
	return e;
}

int
server_main(int argc, char **argv, const struct server_program *program, void *ctx)
{
	struct server s = { .program = program, .ctx = ctx, .config_dirfd = -1 };
	struct options o;
	proctitle_init(argc, argv);
	log_open(program->name, "stderr", LOG_LOCAL6);
	svc_init(&s.svc);
	sigbus_report();
	parse_options(argc, argv, program, ctx, &o);
	prepare(&s, &o);
	enum err e = OK;
	if (may_be_copied(&s))
		e = svc_template(&s.svc, program->name);
	if (e == OK && s.svc.status_fd >= 0)
		proctitle_set("%s: %s: idle", program->name, s.svc.service);
	if (e == OK) {
		confine_enter(s.in->confine);
		start(&s);
	}
	if (e == OK && program->run != NULL)
		program->run(&s);
	else if (e == OK)
		e = serve_all(&s);
	close_proc(&s);
	buf_free(&s.svc.message);
	store_close(s.store);
	notify_close(s.notify);
	secure_close(&s);
	admit_close(s.in->admit);
	confine_free(s.in->confine);
	conf_free(s.conf);
	free(o.conf_path);
	return e == ERR_IO ? EX_TEMPFAIL : 0;
}
