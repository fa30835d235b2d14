/*
 * authd - who has a client proved to be?
 *
 * A worker (imap/server/server.h) that serves no connection: it answers what
 * frontd asks (imap/server/dialogue.h), for the one service whose options and
 * name it was started with.  It holds many dialogues, of which most wait for
 * their clients, and takes one step of one of them at a time.  A step may
 * block on a password database; then master sees that this authd is busy, and
 * starts another one.
 *
 * It has SASL, the password databases, and the key of grants.  It has neither
 * the store nor a client's descriptor, and whom it lets in is for its own
 * service only, whatever frontd says.
 */
#include "imap/authd/dialogues.h"
#include "imap/server/server.h"
#include "lib/log.h"
#include "lib/logconf.h"
#include "lib/poll.h"
#include "lib/process.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* -P: whose program it stands before. */
struct program_of {
	const char *program, *sasl_service;
};

static const struct program_of programs[] = {
	{ "imapd", "imap" },
	{ "pop3d", "pop" },
};

static bool
on_option(void *ctx, int letter, const char *value)
{
	const struct program_of **stands_before = ctx;
	for (size_t i = 0; letter == 'P' && i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (strcmp(value, programs[i].program) != 0)
			continue;
		*stands_before = &programs[i];
		return true;
	}
	/* Any other option is for that program. */
	return letter != 'P';
}

static void
on_signal(void *ctx, int signo)
{
	(void)signo;
	dialogues_end(ctx);
}

static void
on_stop(void *ctx, int fd, short ready)
{
	struct dialogues *d = ctx;
	(void)fd, (void)ready;
	poll_stop(dialogues_poll(d));
}

/* Master is gone: who is in a dialogue may finish it. */
static void
on_orphaned(void *ctx, int fd, short ready)
{
	struct dialogues *d = ctx;
	(void)ready;
	poll_unwatch(dialogues_poll(d), fd);
	dialogues_end(d);
}

static void
run(struct server *s)
{
	const struct program_of *before = *(const struct program_of **)s->ctx;
	if (!s->svc.is_queue) {
		log_err("authd is started by master, if imapd.conf has \"frontd: yes\"");
		return;
	}
	process_shut();
	struct poll *p = poll_new();
	struct dialogues *d = dialogues_new(s, before->sasl_service, p);
	/* Tools look for logins in that program's name. */
	log_open_conf(s->conf, before->program, NULL);
	poll_signal(p, SIGHUP, on_signal, d);
	poll_watch(p, svc_stop_fd(), POLLIN, on_stop, d);
	poll_watch(p, s->svc.status_fd, 0, on_orphaned, d);
	dialogues_begin(d);
	if (!svc_stopping())
		poll_run(p);
	/* Master may say so more than once. */
	(void)signal(SIGHUP, SIG_IGN);
	dialogues_free(d);
	poll_free(p);
}

static const struct server_program program = {
	.name = "authd",
	.service = "imap",
	.sasl_service = "imap",
	.options = "P:",
	.option = on_option,
	.run = run,
};

int
main(int argc, char **argv)
{
	const struct program_of *stands_before = &programs[0];
	return server_main(argc, argv, &program, &stands_before);
}
