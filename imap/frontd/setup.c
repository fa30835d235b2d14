#include "imap/frontd/setup.h"
#include "imap/frontd/count.h"
#include "imap/server/admit.h"
#include "imap/server/notice.h"
#include "imap/server/secure.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/pass.h"
#include "lib/svc_front.h"
#include "lib/tickets.h"
#include "lib/tlskey.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MAX_SSF = 4096,
	RETRY_MS = 5000,
	PATIENCE_MS = 1000,		/* with keyd: for so long all clients may wait */
};

/* What of the service's own command line concerns who receives its clients. */
struct command {
	enum door_protocol protocol;
	bool is_known;			/* whose program it is */
	struct buf conf_path;
	bool implicit_tls, proxied;
	int ssf;
};

/* Of a program's path. */
static struct str
last_part(struct str path)
{
	size_t slash = str_rchr(path, '/');
	return slash < path.n ? str_slice(path, slash + 1, path.n) : path;
}

static void
set_ssf(struct command *c, struct str value)
{
	struct buf number = BUF_INIT;
	buf_add_str(&number, value);
	long n = strtol(number.p, NULL, 10);
	c->ssf = n < 0 ? 0 : n > MAX_SSF ? MAX_SSF : (int)n;
	buf_free(&number);
}

/* "-sH", "-p2", "-C file": an option's value is in the same word or in the next. */
static void
parse_word(struct command *c, struct str word, struct str *left)
{
	for (size_t i = 1; i < word.n; i++) {
		char letter = word.p[i];
		struct str value = str_slice(word, i + 1, word.n);
		c->implicit_tls |= letter == 's';
		c->proxied |= letter == 'H';
		if (strchr("CpUT", letter) == NULL)
			continue;
		if (value.n == 0)
			(void)str_next_word(left, &value);
		if (letter == 'C') {
			buf_reset(&c->conf_path);
			buf_add_str(&c->conf_path, value);
		} else if (letter == 'p') {
			set_ssf(c, value);
		}
		return;
	}
}

static void
parse_command(const char *cmd, const char *conf_path, struct command *c)
{
	struct str left = str_c(cmd), word;
	*c = (struct command){ .conf_path = BUF_INIT };
	if (str_next_word(&left, &word))
		c->is_known = door_find(last_part(word), &c->protocol);
	buf_adds(&c->conf_path, conf_path);
	while (str_next_word(&left, &word))
		if (word.n > 1 && word.p[0] == '-')
			parse_word(c, word, &left);
}

static void
free_service(struct service *s)
{
	for (int i = 0; i < OFFERS; i++)
		buf_free(&s->offers[i].mechanisms);
	tls_context_free(s->tls);
	count_end(s);
	admit_close(s->admit);
	conf_free(s->conf);
	if (s->msg_dirfd >= 0)
		close(s->msg_dirfd);
	if (s->listener >= 0)
		close(s->listener);
	close(s->queue);
	close(s->auth);
	buf_free(&s->hostname);
	buf_free(&s->notice);
	free(s->name);
	free(s);
}

void
setup_tls(struct service *s)
{
	const struct door_words *words = door_words(s->protocol);
	struct tls_params p;
	int64_t now = poll_now(s->front->poll);
	if (s->tls != NULL
	    || (s->tls_tried != 0 && now - s->tls_tried < RETRY_MS) || !secure_params(s->conf, words->sasl_service, &p))
		return;
	s->tls_tried = now;
	p.tickets = s->front->tickets;
	p.holder = s->front->holder;
	p.service = s->name;
	if (tls_context_new(&p, &s->tls) != OK)
		s->tls = NULL;
}

/* Where an administrator says that nobody is to come just now. */
static void
open_msg(struct service *s)
{
	const char *dir = conf_string(s->conf, CONF_CONFIGDIRECTORY);
	struct buf path = BUF_INIT;
	buf_printf(&path, "%s/msg", dir != NULL ? dir : "");
	s->msg_dirfd = open(path.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->msg_dirfd < 0)
		log_notice("service %s: no shutdown notices: %s: %m", s->name, path.p);
	buf_free(&path);
}

static bool
configure(struct service *s, const char *conf_path)
{
	enum err e = conf_read(conf_path, s->name, conf_log_errors, NULL, &s->conf);
	if (e != OK) {
		log_err("service %s: cannot use the configuration file %s: %s", s->name,
		    conf_path, err_text(e));
		return false;
	}
	open_msg(s);
	const struct admit_params door = {
		.conf = s->conf, .protocol = door_words(s->protocol)->sasl_service,
		.proxied = s->proxied,
	};
	if (admit_open(&door, &s->admit) != OK)
		return false;
	limits_through(admit_limits(s->admit), s->front->limits_queue);
	notice_hostname(s->conf, &s->hostname);
	setup_tls(s);
	if (s->implicit_tls && s->tls == NULL)
		log_err("service %s: -s needs TLS: tls_server_cert is not set, or what the log says"
		    " about it is to be mended; who connects is sent away", s->name);
	return true;
}

/* Takes over FDS. */
static void
add_service(struct front *f, const struct svc_front *told, const int fds[PASS_FDS],
    const char *conf_path)
{
	struct command c;
	parse_command(told->cmd, conf_path, &c);
	struct service *s = mem_zero(1, sizeof(*s));
	*s = (struct service){
		.next = f->services, .front = f, .name = mem_copy(told->name),
		.listener = fds[SVC_FRONT_LISTENER], .queue = fds[SVC_FRONT_QUEUE],
		.auth = fds[SVC_FRONT_AUTH], .protocol = c.protocol,
		.implicit_tls = c.implicit_tls, .proxied = c.proxied, .ssf = c.ssf,
		.question = { .what = QUESTION_OFFER, .name = door_words(c.protocol)->prefix },
		.hostname = BUF_INIT, .notice = BUF_INIT, .msg_dirfd = -1,
	};
	for (int i = 0; i < OFFERS; i++)
		buf_init(&s->offers[i].mechanisms);
	if (!c.is_known)
		log_err("service %s: frontd does not speak its protocol: %s", s->name, told->cmd);
	if (c.is_known && configure(s, c.conf_path.p))
		f->services = s;
	else
		free_service(s);
	buf_free(&c.conf_path);
}

void
setup_services(struct front *f, const char *conf_path)
{
	struct buf message = BUF_INIT;
	struct svc_front told;
	int fds[PASS_FDS];
	enum err e;
	f->tickets = secure_tickets();
	f->holder = secure_holder();
	while ((e = pass_receive(SVC_LISTEN_FD, &message, fds)) == OK || e == ERR_LIMIT) {
		bool is_known = e == OK && svc_front_decode(buf_str(&message), &told) == OK;
		if (is_known && strcmp(told.name, SVC_FRONT_LIMITS) == 0 && fds[0] >= 0) {
			f->limits_queue = fds[0];
			continue;
		}
		if (is_known && fds[PASS_FDS - 1] >= 0) {
			add_service(f, &told, fds, conf_path);
			continue;
		}
		log_err("a message of master's is none of ours");
		pass_close(fds);
	}
	close(SVC_LISTEN_FD);
	buf_free(&message);
	/* Until now nobody has had to wait. */
	if (f->holder != NULL)
		tlskey_holder_patience(f->holder, PATIENCE_MS);
}

void
setup_free(struct front *f)
{
	while (f->services != NULL) {
		struct service *s = f->services;
		f->services = s->next;
		free_service(s);
	}
	if (f->limits_queue >= 0)
		close(f->limits_queue);
	tickets_close(f->tickets);
	tlskey_holder_free(f->holder);
}
