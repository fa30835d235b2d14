/*
 * door.c - see door.h
 *
 * Answers go out together when no further command is waiting, so pipelined ones
 * cost one write (RFC 2449 section 6.6).
 */
#include "imap/pop3d/door.h"

#include "imap/door/pop3_door.h"
#include "imap/server/peer.h"
#include "lib/sasl.h"

#include <time.h>

enum {
	LOGIN_SECONDS = 180,		/* for all of it */
	NOTICE_SECONDS = 5,		/* how often msg/shutdown is looked at */
};

struct door {
	struct server *server;
	struct client *client;
	struct stream *s;
	struct login *login;
	struct pop3_door machine;
	struct user *user;
	struct buf out, challenge;
	time_t noticed;
};

static void
tell_facts(struct door *d)
{
	struct buf mechanisms = BUF_INIT, apop = BUF_INIT;
	struct door_facts f = {
		.plaintext = login_plaintext_allowed(d->login),
		.may_start_tls = peer_may_start_tls(d->server, d->client),
	};

	login_mechanisms(d->login, "", &mechanisms);
	if (!d->machine.greeted)
		login_apop_challenge(d->login, &apop);
	f.mechanisms = buf_str(&mechanisms);
	f.apop = buf_str(&apop);
	pop3_door_facts(&d->machine, &f);
	buf_free(&apop);
	buf_free(&mechanisms);
}

static void
send_answer(struct door *d)
{
	stream_put(d->s, buf_str(&d->out));
	buf_reset(&d->out);
}

/* An administrator wants everybody out (msg/shutdown). */
static bool
is_shut_down(struct door *d)
{
	time_t now = time(NULL);
	struct buf text = BUF_INIT;
	bool down = false;

	if (now < d->noticed || now - d->noticed >= NOTICE_SECONDS) {
		d->noticed = now;
		down = server_shutdown_notice(d->server, &text);
	}
	if (down)
		pop3_err(&d->out, d->machine.language, "SYS/TEMP", text.p);
	buf_free(&text);
	return down;
}

/* Some bytes; sends what there is if the client waits for it. */
static enum err
get_bytes(struct door *d, struct str *bytes)
{
	enum err e = OK;

	send_answer(d);
	if (stream_pending(d->s) == 0)
		e = stream_flush(d->s);
	if (e == OK)
		e = stream_peek(d->s, bytes);
	if (e == ERR_TIMEOUT)
		pop3_err(&d->out, d->machine.language, "SYS/TEMP", "Timed out");
	return e;
}

/* OK: *next is what is next. */
static enum err
feed(struct door *d, enum door_next *next)
{
	struct str bytes;
	size_t used;
	enum err e = get_bytes(d, &bytes);

	if (e != OK)
		return e;
	if (is_shut_down(d))
		return ERR_CLOSED;
	*next = pop3_door_feed(&d->machine, bytes, &used, &d->out);
	stream_skip(d->s, used);
	return OK;
}

static enum err
start_tls(struct door *d)
{
	enum err e;

	send_answer(d);
	e = peer_start_tls(d->server, d->client, d->login);
	if (e == OK)
		tell_facts(d);
	return e;
}

/* Asks login.h; true: it is known who it is. */
static bool
ask(struct door *d, enum door_next *next)
{
	const struct dialogue_ask *q = &d->machine.ask;
	enum err e = ERR_UNSUPPORTED;

	switch ((enum dialogue_question)q->what) {
	case QUESTION_PASSWORD:
		e = login_password(d->login, q->name, q->bytes, &d->user);
		break;
	case QUESTION_APOP:
		e = login_apop(d->login, q->challenge, q->name, q->bytes, &d->user);
		break;
	case QUESTION_START:
		e = login_start(d->login, q->name, q->bytes.p != NULL ? &q->bytes : NULL,
		    &d->challenge, &d->user);
		break;
	case QUESTION_STEP:
		e = login_step(d->login, q->bytes, &d->challenge, &d->user);
		break;
	case QUESTION_OFFER:
		break;
	}
	stream_forget(d->s);
	peer_pause(d->login);
	if (e == OK)
		return true;

	const struct dialogue_answer a = {
		.what = e == ERR_AGAIN ? ANSWER_CHALLENGE : ANSWER_REFUSED,
		.err = e == ERR_AGAIN ? OK : e, .why = login_why(d->login),
		.bytes = buf_str(&d->challenge),
	};

	*next = pop3_door_answer(&d->machine, &a, &d->out);
	buf_wipe(&d->challenge);
	return false;
}

/* OK: d->user is set. */
static enum err
dialogue(struct door *d)
{
	enum door_next next = DOOR_READ;
	enum err e = OK;

	while (e == OK)
		switch (next) {
		case DOOR_READ:
		case DOOR_NEXT:
			e = feed(d, &next);
			break;
		case DOOR_TLS:
			e = start_tls(d);
			next = DOOR_READ;
			break;
		case DOOR_ASK:
			if (ask(d, &next))
				return OK;
			break;
		case DOOR_END:
			e = ERR_CLOSED;
			break;
		}
	return e;
}

static enum err
let_in(struct door *d)
{
	if (d->client->starts_tls && peer_start_tls(d->server, d->client, d->login) != OK)
		return ERR_CLOSED;
	if (is_shut_down(d))
		return ERR_CLOSED;
	tell_facts(d);
	pop3_door_greet(&d->machine, d->server->hostname, &d->out);
	return dialogue(d);
}

/* Of who has come in; the machine's buffers become the visitor's. */
static void
introduce(struct door *d, struct visitor *v)
{
	*v = (struct visitor){
		.user = d->user, .folder = BUF_INIT, .mechanisms = d->machine.mechanisms,
		.plaintext = d->machine.facts.plaintext, .utf8 = d->machine.utf8,
		.language = d->machine.language, .layer = login_take_layer(d->login),
	};
	buf_init(&d->machine.mechanisms);
	buf_adds(&v->folder, login_folder(d->login));
}

/* He has said who he is to frontd, and authd has found out that it is true. */
static enum err
take_over(struct client *client, struct visitor *v)
{
	struct handed *handed = client->handed;
	const struct handover *how = handed->how;
	struct buf out = BUF_INIT;

	*v = (struct visitor){
		.user = handed->user, .folder = BUF_INIT, .mechanisms = BUF_INIT,
		.plaintext = how->plaintext != 0, .utf8 = how->utf8 != 0,
	};
	buf_add_str(&v->folder, handed->folder);
	buf_add_str(&v->mechanisms, how->mechanisms);
	if (how->language != NULL && !language_find(str_c(how->language), &v->language))
		v->language = LANGUAGE_DEFAULT;
	handed->user = NULL;
	if (v->user != NULL)
		return OK;
	pop3_err(&out, v->language, "SYS/TEMP", handed->why);
	stream_put(client->stream, buf_str(&out));
	buf_free(&out);
	visitor_fini(v);
	return ERR_CLOSED;
}

enum err
door_open(struct server *server, struct client *client, struct visitor *v)
{
	if (client->handed != NULL)
		return take_over(client, v);

	struct door d = {
		.server = server, .client = client, .s = client->stream,
		.login = peer_login(server, client),
		.out = BUF_INIT, .challenge = BUF_INIT,
	};
	enum err e;

	pop3_door_init(&d.machine, server->conf, client->host);
	stream_deadline(d.s, LOGIN_SECONDS);
	e = let_in(&d);
	send_answer(&d);
	if (e == OK) {
		introduce(&d, v);
		stream_deadline(d.s, 0);
	}
	pop3_door_fini(&d.machine);
	login_free(d.login);
	buf_free(&d.out);
	buf_wipe(&d.challenge);
	return e;
}

void
visitor_fini(struct visitor *v)
{
	user_free(v->user);
	buf_free(&v->folder);
	buf_free(&v->mechanisms);
	sasl_conn_free(v->layer);
}
