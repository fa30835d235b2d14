/*
 * actor.c - a player with an IMAP session
 */
#include "test/bench/actor.h"

enum state {
	GREETING,
	LOGIN,
	CAPABILITY,
	NAMESPACE,
	SETUP,
	PLAYING,
	CLEANUP,
	GONE,
};

void
actor_window(const struct actor *a, uint64_t op, uint64_t *first, uint64_t *last)
{
	uint64_t exists = a->imap.exists, window = a->workload->window;

	*first = exists == 0 ? 1 : op * window % exists + 1;
	*last = *first + window - 1 > exists ? exists : *first + window - 1;
}

static void
add_mailbox(const struct actor *a, const char *name, struct buf *out)
{
	if (!str_ieq(str_c(name), STR("INBOX")))
		buf_adds(out, a->imap.prefix);
	buf_adds(out, name);
}

static void
add_ten(uint64_t exists, struct buf *out)
{
	for (uint64_t i = 0; i < 10; i++)
		buf_printf(out, "%s%ju", i == 0 ? "" : ",", (uintmax_t)(exists * i / 10 + 1));
}

void
actor_expand(const struct actor *a, const char *command, uint64_t op, struct buf *out)
{
	const struct params *p = a->player.run->params;
	uint64_t first, last, exists = a->imap.exists > 0 ? a->imap.exists : 1;

	actor_window(a, op, &first, &last);
	for (; *command != '\0'; command++) {
		if (*command != '%') {
			buf_addc(out, *command);
			continue;
		}
		switch (*++command) {
		case 'm': add_mailbox(a, p->mailbox, out); break;
		case 't': add_mailbox(a, p->target, out); break;
		case 'p': buf_adds(out, a->imap.prefix); break;
		case 's': buf_printf(out, "%sx%u", p->stamp, a->player.number); break;
		case 'n': buf_addu(out, op % exists + 1); break;
		case 'h': buf_addu(out, op / 2 % exists + 1); break;
		case 'a': buf_addu(out, first); break;
		case 'b': buf_addu(out, last); break;
		case 'j': add_ten(exists, out); break;
		case 'v': buf_addu(out, a->imap.uidvalidity); break;
		case 'q': buf_addu(out, a->imap.modseq); break;
		case 'f': buf_addc(out, op % 2 == 0 ? '+' : '-'); break;
		default: buf_addc(out, '%'); break;
		}
	}
}

static void
send_template(struct actor *a, const char *command)
{
	struct buf b = BUF_INIT;

	actor_expand(a, command[0] == '?' ? command + 1 : command, 0, &b);
	imap_send(&a->imap, buf_str(&b));
	buf_free(&b);
}

static void
begin_playing(struct actor *a)
{
	a->state = PLAYING;
	a->prepared(a);
}

static void
next_setup(struct actor *a)
{
	const struct workload *w = a->workload;

	if (a->step < WORKLOAD_COMMANDS && w->setup[a->step] != NULL)
		send_template(a, w->setup[a->step]);
	else
		begin_playing(a);
}

static void
next_cleanup(struct actor *a)
{
	const struct workload *w = a->workload;

	if (a->step < WORKLOAD_COMMANDS && w->cleanup[a->step] != NULL) {
		send_template(a, w->cleanup[a->step]);
		return;
	}
	a->state = GONE;
	imap_close(&a->imap);
	run_quit(a->player.run);
}

static void
advance(struct actor *a)
{
	switch ((enum state)a->state) {
	case GREETING:
		a->state = LOGIN;
		imap_login(&a->imap, a->player.number);
		break;
	case LOGIN:
		a->state = CAPABILITY;
		imap_send_text(&a->imap, "CAPABILITY");
		break;
	case CAPABILITY:
		if ((a->workload->needs & ~a->imap.capabilities) != 0) {
			run_skip(a->player.run, "the server does not offer it");
			return;
		}
		a->state = NAMESPACE;
		imap_send_text(&a->imap, "NAMESPACE");
		break;
	case NAMESPACE:
		a->state = SETUP;
		next_setup(a);
		break;
	case SETUP:
		a->step++;
		next_setup(a);
		break;
	case CLEANUP:
		a->step++;
		next_cleanup(a);
		break;
	case PLAYING:
	case GONE:
		break;
	}
}

static bool
may_be_refused(const struct actor *a)
{
	return a->state == SETUP && a->workload->setup[a->step][0] == '?';
}

static void
heard(struct imap *c, enum imap_event event)
{
	struct actor *a = c->ctx;

	if (event == IMAP_CLOSED)
		run_fail(a->player.run, "the server closed the connection");
	else if (event == IMAP_NO && !may_be_refused(a))
		run_fail(a->player.run, "%s", c->last);
	else if (a->state == PLAYING)
		a->heard(a, event);
	else if (event == IMAP_OK || event == IMAP_NO || event == IMAP_GREETED)
		advance(a);
}

void
actor_start(struct actor *a, struct run *run, const struct workload *w,
    void (*go)(struct player *))
{
	run_join(run, &a->player, go);
	a->workload = w;
	a->state = GREETING;
	a->step = 0;
	imap_init(&a->imap, run, heard, a);
	imap_open(&a->imap);
}

void
actor_finish(struct actor *a)
{
	a->state = CLEANUP;
	a->step = 0;
	next_cleanup(a);
}

void
actor_close(struct actor *a)
{
	if (a->state != GONE)
		imap_close(&a->imap);
}
