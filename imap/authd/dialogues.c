/*
 * dialogues.c - see dialogues.h
 *
 * frontd asks one thing at a time, so there is always room for an answer; who
 * asks on without reading has his dialogue ended, and so has who sends
 * anything else that is not in dialogue.h.  Nothing that frontd can say makes
 * authd wait for it.
 */
#include "imap/authd/dialogues.h"
#include "imap/authd/apop.h"
#include "imap/authd/layer.h"
#include "imap/server/dialogue.h"
#include "imap/server/grant.h"
#include "imap/server/login.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/pass.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MAX_DIALOGUES = 4096,
	SLOW_MS = 20,			/* a step of which master should have known */
	WARY = 64,			/* so many steps after such a one it is told of each */
};

struct dialogue {
	struct dialogue *next, **at;
	struct dialogues *all;
	int fd;
	struct login *login;
};

struct dialogues {
	struct server *server;
	const char *sasl_service;
	struct poll *poll;
	struct dialogue *first;
	struct poll_timer *idle;
	int wary;			/* steps of which master is told before */
	struct limits *limits;		/* who counts wrong passwords */
	int count, logins;
	bool taking, ending;
	int ends[LAYER_ENDS];		/* to be sent with an answer; -1: none */
	struct buf in, out;		/* messages; wiped after each */
	struct buf apop;		/* of an offer */
};

struct dialogues *
dialogues_new(struct server *s, const char *sasl_service, struct poll *p)
{
	struct dialogues *d = mem_get(sizeof(*d));
	*d = (struct dialogues){
		.server = s, .sasl_service = sasl_service, .poll = p,
		.limits = limits_open(s->conf, sasl_service), .ends = { -1, -1 }, .in = BUF_INIT, .out = BUF_INIT,
		.apop = BUF_INIT,
		.wary = 1,		/* that it serves at all master wants to know */
	};
	return d;
}

struct poll *
dialogues_poll(const struct dialogues *d)
{
	return d->poll;
}

static void end_dialogue(struct dialogue *one);

void
dialogues_free(struct dialogues *d)
{
	d->ending = true;
	while (d->first != NULL)
		end_dialogue(d->first);
	poll_cancel(d->poll, d->idle);
	limits_close(d->limits);
	buf_wipe(&d->in);
	buf_wipe(&d->out);
	buf_free(&d->apop);
	free(d);
}

static void
stop_taking(struct dialogues *d)
{
	if (d->taking)
		poll_unwatch(d->poll, d->server->svc.listen_fd);
	d->taking = false;
	svc_tell_state(&d->server->svc, SVC_BUSY);
}

static bool
is_used_up(const struct dialogues *d)
{
	return d->server->uses > 0 && d->logins >= d->server->uses;
}

static void
on_idle(void *ctx)
{
	struct dialogues *d = ctx;
	d->idle = NULL;
	dialogues_end(d);
}

/* What follows from how many there are: take more, wait, or end. */
static void
look(struct dialogues *d)
{
	if (!d->ending && is_used_up(d))
		d->ending = true;
	if (d->taking && (d->ending || d->count >= MAX_DIALOGUES))
		stop_taking(d);
	else if (!d->taking && !d->ending && d->count < MAX_DIALOGUES)
		dialogues_begin(d);
	if (d->ending && d->count == 0)
		poll_stop(d->poll);
	poll_cancel(d->poll, d->idle);
	d->idle = NULL;
	if (d->count == 0 && d->server->idle_seconds > 0)
		d->idle = poll_after(d->poll, d->server->idle_seconds * INT64_C(1000), on_idle, d);
}

static void
end_dialogue(struct dialogue *one)
{
	struct dialogues *d = one->all;
	poll_unwatch(d->poll, one->fd);
	close(one->fd);
	login_free(one->login);
	*one->at = one->next;
	if (one->next != NULL)
		one->next->at = one->at;
	free(one);
	d->count--;
}

/* --- one question --- */

static void
close_ends(struct dialogues *d)
{
	for (int i = 0; i < LAYER_ENDS; i++) {
		if (d->ends[i] >= 0)
			close(d->ends[i]);
		d->ends[i] = -1;
	}
}

/* False: the layer that was agreed on cannot be had. */
static bool
begin_layer(struct dialogue *one, struct dialogue_answer *answer)
{
	struct dialogues *d = one->all;
	struct sasl_conn *layer = login_take_layer(one->login);
	if (layer == NULL)
		return true;
	/* The other process has a copy of all memory. */
	explicit_bzero(d->in.p, d->in.n);
	enum err e = layer_begin(d->server, layer, d->ends);
	if (e == OK)
		answer->layer = (uint64_t)sasl_layer_ssf(layer);
	sasl_conn_free(layer);
	return e == OK;
}

/* The user is known: he goes as a grant, for this service. */
static void
grant(struct dialogue *one, struct user *user, struct buf *sealed,
    struct dialogue_answer *answer)
{
	const struct server *s = one->all->server;
	struct str folder = str_c(login_folder(one->login));
	if (grant_user(s->grant_key, s->service, user, folder, sealed) == OK) {
		answer->what = ANSWER_GRANTED;
		answer->bytes = buf_str(sealed);
		if (!begin_layer(one, answer))
			*answer = (struct dialogue_answer){
				.what = ANSWER_REFUSED, .err = ERR_IO, .why = "not now",
			};
	} else {
		answer->err = ERR_AUTH;
		answer->why = "authentication failure";
		log_err("%s: such a name cannot be granted", user->name);
	}
	user_free(user);
}

static enum err
take_step(const struct dialogue *one, const struct dialogue_ask *ask, struct buf *challenge,
    struct user **user)
{
	const struct server *s = one->all->server;
	struct login *l = one->login;
	switch ((enum dialogue_question)ask->what) {
	case QUESTION_PASSWORD:
		return login_password(l, ask->name, ask->bytes, user);
	case QUESTION_START:
		return login_start(l, ask->name, ask->bytes.p != NULL ? &ask->bytes : NULL,
		    challenge, user);
	case QUESTION_STEP:
		return login_step(l, ask->bytes, challenge, user);
	case QUESTION_APOP:
		return apop_is_ours(s->grant_key, s->service, grant_clock(), ask->challenge)
		    ? login_apop(l, ask->challenge, ask->name, ask->bytes, user) : ERR_AUTH;
	case QUESTION_OFFER:
		break;
	}
	return ERR_UNSUPPORTED;
}

static void
answer_login(struct dialogue *one, const struct dialogue_ask *ask, struct buf *text,
    struct dialogue_answer *answer)
{
	struct dialogues *d = one->all;
	struct user *user;
	enum err e = take_step(one, ask, text, &user);
	*answer = (struct dialogue_answer){
		.what = ANSWER_REFUSED, .err = (uint64_t)e, .why = login_why(one->login),
	};
	if (e == ERR_AGAIN) {
		*answer = (struct dialogue_answer){
			.what = ANSWER_CHALLENGE, .bytes = buf_str(text),
			.pause_ms = (uint64_t)login_pause_ms(one->login),
		};
		return;
	}
	d->logins++;
	answer->pause_ms = (uint64_t)login_pause_ms(one->login);
	if (e == OK) {
		buf_wipe(text);
		grant(one, user, text, answer);
	}
}

/* POP3's greeting has one, if there is APOP. */
static void
challenge(struct dialogue *one)
{
	struct dialogues *d = one->all;
	struct buf b = BUF_INIT;
	buf_reset(&d->apop);
	if (strcmp(d->sasl_service, "pop") == 0)
		login_apop_challenge(one->login, &b);
	apop_seal(d->server->grant_key, d->server->service, grant_clock(), buf_str(&b), &d->apop);
	buf_free(&b);
}

static void
answer_offer(struct dialogue *one, const struct dialogue_ask *ask, struct buf *text,
    struct dialogue_answer *answer)
{
	struct buf prefix = BUF_INIT;
	buf_add_str(&prefix, ask->name);
	login_mechanisms(one->login, prefix.p, text);
	challenge(one);
	*answer = (struct dialogue_answer){
		.what = ANSWER_OFFER, .bytes = buf_str(text),
		.plaintext = login_plaintext_allowed(one->login),
		.apop = one->all->apop.n > 0 ? one->all->apop.p : NULL,
	};
	buf_free(&prefix);
}

/*
 * A step may block.  Where steps do, master is told before each and after it, and
 * starts one more authd while all are in one.  Where they do not it is told
 * nothing: to be woken twice a login would cost it as much as the step.  If one
 * does block there, master sees within two of its rounds that somebody waits
 * beside an authd that is free by its books, and starts another, too.
 */
static int64_t
step_begins(struct dialogues *d)
{
	if (d->wary > 0)
		svc_tell_state(&d->server->svc, SVC_BUSY);
	return poll_clock();
}

static void
step_ends(struct dialogues *d, int64_t begun)
{
	if (poll_clock() - begun >= SLOW_MS)
		d->wary = WARY;
	else if (d->wary > 0)
		d->wary--;
	if (d->taking)
		svc_tell_state(&d->server->svc, SVC_FREE);
}

/* False: the dialogue is over. */
static bool
serve(struct dialogue *one, struct str message)
{
	struct dialogues *d = one->all;
	struct dialogue_ask ask;
	struct dialogue_answer answer;
	struct buf text = BUF_INIT;
	if (dialogue_decode_ask(message, &ask) != OK)
		return false;
	int64_t begun = step_begins(d);
	if (ask.what == QUESTION_OFFER)
		answer_offer(one, &ask, &text, &answer);
	else
		answer_login(one, &ask, &text, &answer);
	buf_reset(&d->out);
	enum err e = dialogue_encode_answer(&answer, &d->out);
	if (e == OK)
		e = pass_send(one->fd, buf_str(&d->out), d->ends, answer.layer > 0 ? LAYER_ENDS : 0);
	close_ends(d);
	buf_wipe(&text);
	explicit_bzero(d->out.p, d->out.n);
	step_ends(d, begun);
	return e == OK && answer.what != ANSWER_GRANTED;
}

static void
on_question(void *ctx, int fd, short ready)
{
	struct dialogue *one = ctx;
	struct dialogues *d = one->all;
	int fds[PASS_FDS];
	(void)ready;
	enum err e = pass_receive(fd, &d->in, fds);
	pass_close(fds);
	bool goes_on = e == ERR_AGAIN || (e == OK && serve(one, buf_str(&d->in)));
	explicit_bzero(d->in.p, d->in.n);
	if (!goes_on)
		end_dialogue(one);
	look(d);
}

/* --- the queue --- */

static struct dialogue *
add_dialogue(struct dialogues *d, const struct login_peer *peer, int fd)
{
	struct dialogue *one = mem_get(sizeof(*one));
	*one = (struct dialogue){
		.all = d, .fd = fd, .login = login_new(d->server->conf, peer),
		.next = d->first, .at = &d->first,
	};
	if (d->first != NULL)
		d->first->at = &one->next;
	d->first = one;
	d->count++;
	return one;
}

/* Most are one question long: such a one the loop never hears of. */
static void
begin_dialogue(struct dialogues *d, const struct login_peer *peer, struct str first, int fd)
{
	struct dialogue *one = add_dialogue(d, peer, fd);
	if (serve(one, first))
		poll_watch(d->poll, fd, POLLIN, on_question, one);
	else
		end_dialogue(one);
}

/* A worker's question.  False: it is none. */
static bool
answer_worker(struct dialogues *d, int fd)
{
	struct server *s = d->server;
	struct str grant;
	if (groups_ask_decode(buf_str(&d->in), &grant) != OK)
		return false;
	int64_t begun = step_begins(d);
	buf_reset(&d->out);
	enum err e = grant_groups(s->grant_key, s->service, s->conf, buf_str(&d->in), &d->out);
	if (e == OK)
		e = pass_send(fd, buf_str(&d->out), NULL, 0);
	if (e != OK)
		log_err("a worker's question for groups cannot be answered: %s", err_text(e));
	step_ends(d, begun);
	return true;
}

/* Somebody has come. */
static bool
take(struct dialogues *d, int *fd)
{
	struct login_peer peer;
	struct str first;
	if (*fd < 0 || dialogue_decode_peer(buf_str(&d->in), &peer, &first) != OK)
		return false;
	peer.service = d->sasl_service;
	peer.entry = d->server->service;
	peer.limits = d->limits;
	begin_dialogue(d, &peer, first, *fd);
	*fd = -1;
	return true;
}

static void
on_queue(void *ctx, int fd, short ready)
{
	struct dialogues *d = ctx;
	int fds[PASS_FDS];
	(void)ready;
	enum err e = pass_receive(fd, &d->in, fds);
	if (e == ERR_AGAIN)
		return;
	if (e == ERR_CLOSED || e == ERR_IO) {
		dialogues_end(d);
		return;
	}
	if (e != OK || (!take(d, &fds[0]) && !answer_worker(d, fds[0])))
		log_err("a message in the queue of logins is none of ours");
	explicit_bzero(d->in.p, d->in.n);
	pass_close(fds);
	look(d);
}

void
dialogues_begin(struct dialogues *d)
{
	d->taking = true;
	poll_watch_exclusive(d->poll, d->server->svc.listen_fd, on_queue, d);
	svc_tell_state(&d->server->svc, SVC_FREE);
}

void
dialogues_end(struct dialogues *d)
{
	d->ending = true;
	look(d);
}
