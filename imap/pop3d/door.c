/*
 * door.c - from the greeting to a user
 *
 * Answers go out together when no further command is waiting, so pipelined ones
 * cost one write (RFC 2449 section 6.6).
 */
#include "imap/pop3d/door.h"

#include "imap/pop3d/auth.h"
#include "imap/server/peer.h"
#include "lib/sasl.h"


enum { LOGIN_SECONDS = 180 };		/* for all of it */

struct door {
	struct server *server;
	struct client *client;
	struct stream *s;
	struct login *login;
	struct auth auth;
	struct user *user;
	struct buf line, out, challenge;
};

static void
tell_facts(struct door *d)
{
	struct buf mechanisms = BUF_INIT, apop = BUF_INIT;
	struct auth_facts f = {
		.plaintext = login_plaintext_allowed(d->login),
		.may_start_tls = peer_may_start_tls(d->server, d->client),
	};

	login_mechanisms(d->login, "", &mechanisms);
	f.mechanisms = mechanisms.p;
	/* The greeting has it, and there is none after STLS. */
	if (d->auth.apop.n > 0)
		buf_add_str(&apop, buf_str(&d->auth.apop));
	else
		login_apop_challenge(d->login, &apop);
	f.apop = apop.n > 0 ? apop.p : NULL;
	auth_facts(&d->auth, &f);
	buf_free(&apop);
	buf_free(&mechanisms);
}

static void
send_answer(struct door *d)
{
	stream_put(d->s, buf_str(&d->out));
	buf_reset(&d->out);
}

/* Sends what there is if the client waits for it. */
static enum err
read_line(struct door *d)
{
	enum err e = OK;

	send_answer(d);
	if (stream_pending(d->s) == 0)
		e = stream_flush(d->s);
	/* It may hold a password. */
	buf_wipe(&d->line);
	if (e == OK)
		e = stream_getline(d->s, &d->line, auth_line_max(&d->auth));
	pop3_chomp(&d->line);
	return e;
}

/* OK: *next is what is next. */
static enum err
next_line(struct door *d, enum auth_next *next)
{
	enum err e = read_line(d);

	if (e == ERR_LIMIT && stream_error(d->s) == OK) {
		*next = auth_too_long(&d->auth, &d->out);
		return OK;
	}
	if (e == ERR_TIMEOUT)
		reply_err(&d->out, d->auth.language, "SYS/TEMP", "Timed out");
	if (e == OK)
		*next = auth_line(&d->auth, buf_str(&d->line), &d->out);
	return e;
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
ask(struct door *d, enum auth_next *next)
{
	struct auth_ask *q = &d->auth.ask;
	enum err e = ERR_UNSUPPORTED;

	buf_reset(&d->challenge);
	switch (q->question) {
	case ASK_PASSWORD:
		e = login_password(d->login, q->name, q->secret, &d->user);
		break;
	case ASK_APOP:
		e = login_apop(d->login, str_c(d->auth.facts.apop), q->name, q->secret,
		    &d->user);
		break;
	case ASK_START:
		e = login_start(d->login, q->name, q->has_initial ? &q->secret : NULL,
		    &d->challenge, &d->user);
		break;
	case ASK_STEP:
		e = login_step(d->login, q->secret, &d->challenge, &d->user);
		break;
	}
	stream_forget(d->s);
	peer_pause(d->login);
	if (e == OK)
		return true;
	*next = auth_answer(&d->auth, e, e == ERR_AGAIN ? buf_str(&d->challenge)
	    : str_c(login_why(d->login)), &d->out);
	buf_wipe(&d->challenge);
	return false;
}

/* OK: d->user is set. */
static enum err
dialogue(struct door *d)
{
	enum auth_next next = AUTH_LINE;
	enum err e = OK;

	while (e == OK)
		switch (next) {
		case AUTH_LINE:
			e = next_line(d, &next);
			break;
		case AUTH_TLS:
			e = start_tls(d);
			next = AUTH_LINE;
			break;
		case AUTH_ASK:
			if (ask(d, &next))
				return OK;
			break;
		case AUTH_END:
			e = ERR_CLOSED;
			break;
		}
	return e;
}

static bool
is_shut_down(struct door *d)
{
	struct buf text = BUF_INIT;
	bool down = server_shutdown_notice(d->server, &text);

	if (down)
		reply_err(&d->out, LANGUAGE_DEFAULT, "SYS/TEMP", text.p);
	buf_free(&text);
	return down;
}

static enum err
let_in(struct door *d)
{
	if (d->client->starts_tls && peer_start_tls(d->server, d->client, d->login) != OK)
		return ERR_CLOSED;
	if (is_shut_down(d))
		return ERR_CLOSED;
	tell_facts(d);
	auth_greet(&d->auth, d->server->hostname, &d->out);
	return dialogue(d);
}

enum err
door_open(struct server *server, struct client *client, struct visitor *v)
{
	struct door d = {
		.server = server, .client = client, .s = client->stream,
		.login = peer_login(server, client),
		.line = BUF_INIT, .out = BUF_INIT, .challenge = BUF_INIT,
	};
	enum err e;

	auth_init(&d.auth, server->conf, client->host);
	stream_deadline(d.s, LOGIN_SECONDS);
	e = let_in(&d);
	send_answer(&d);
	if (e == OK) {
		*v = (struct visitor){
			.user = d.user, .folder = BUF_INIT, .mechanisms = d.auth.mechanisms,
			.plaintext = d.auth.facts.plaintext, .utf8 = d.auth.utf8,
			.language = d.auth.language, .layer = login_take_layer(d.login),
		};
		buf_adds(&v->folder, login_folder(d.login));
		buf_init(&d.auth.mechanisms);
		stream_deadline(d.s, 0);
	}
	auth_fini(&d.auth);
	login_free(d.login);
	buf_wipe(&d.line);
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
