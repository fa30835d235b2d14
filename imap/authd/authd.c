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
#include "imap/door/door.h"
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
static bool
on_option(void *ctx, int letter, const char *value)
{
	const struct door_words **before = ctx;
	enum door_protocol protocol;
	/* Any other option is for that program. */
	if (letter != 'P')
		return true;
	if (!door_find(str_c(value), &protocol))
		return false;
	*before = door_words(protocol);
	return true;
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
	const struct door_words *before = *(const struct door_words **)s->ctx;
	if (!s->svc.is_queue) {
		log_err("authd is started by master, for services whose clients frontd receives");
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
	const struct door_words *before = door_words(DOOR_IMAP);
	return server_main(argc, argv, &program, &before);
}
