/*
 * Every attempt ends in accept_user() or refused(), which write the log's
 * line; nothing else does.  A userid that is no possible user is answered
 * like a wrong password: whether an account exists is nobody's business.
 */
#include "imap/server/login.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/sasl.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct login {
	struct server *server;
	struct client *client;
	struct sasl_conn *sasl;
	struct buf mechanism;		/* of the exchange at hand, for the log */
	const char *why;
};

bool
login_plaintext_allowed(const struct login *l)
{
	return stream_is_tls(l->client->stream) || l->server->ssf > 1
	    || l->client->is_local
	    || conf_switch(l->server->conf, CONF_ALLOWPLAINTEXT);
}

static int
strength(const struct login *l)
{
	int bits = stream_tls_bits(l->client->stream);
	return bits > l->server->ssf ? bits : l->server->ssf;
}

struct login *
login_new(struct server *server, struct client *client)
{
	struct login *l = mem_zero(1, sizeof(*l));
	*l = (struct login){
		.server = server, .client = client, .mechanism = BUF_INIT,
		.why = "authentication failure",
	};
	if (sasl_conn_new(client->local_ip_port, client->remote_ip_port,
	    strength(l) > 0, strength(l), login_plaintext_allowed(l), &l->sasl) != OK)
		log_fatal(75, "cannot start a login");
	return l;
}

void
login_free(struct login *l)
{
	if (l == NULL)
		return;
	sasl_conn_free(l->sasl);
	buf_free(&l->mechanism);
	free(l);
}

bool
login_may_start_tls(const struct login *l)
{
	return l->server->tls != NULL && !stream_is_tls(l->client->stream);
}

enum err
login_start_tls(struct login *l)
{
	enum err e = stream_start_tls(l->client->stream, l->server->tls);
	if (e != OK) {
		/* A port that is only tried out is nobody's failure. */
		(e == ERR_CLOSED ? log_info : log_notice)("TLS handshake failed: [%s] %s",
		    l->client->host, stream_tls_why(l->client->stream));
		return e;
	}
	log_info("starttls: %s with cipher %s (%d bits) [%s]",
	    stream_tls_version(l->client->stream), stream_tls_cipher(l->client->stream),
	    stream_tls_bits(l->client->stream), l->client->host);
	sasl_conn_tls(l->sasl, strength(l), login_plaintext_allowed(l));
	return OK;
}

void
login_mechanisms(struct login *l, const char *prefix, struct buf *out)
{
	sasl_mechanisms(l->sasl, prefix, out);
}

/* Waits, but not when master wants us to end. */
static void
pause_seconds(int64_t seconds)
{
	struct pollfd stop = { .fd = svc_stop_fd(), .events = POLLIN };
	if (seconds > 0)
		(void)poll(&stop, 1, (int)(seconds < 600 ? seconds * 1000 : 600000));
}

const char *
login_why(const struct login *l)
{
	return l->why;
}

/* WHAT: "plaintext fred" or "PLAIN", as Cyrus has it. */
static enum err
refused(struct login *l, enum err e, const char *what, const char *why)
{
	log_notice("badlogin: [%s] %s %s", l->client->host, what, why);
	sasl_conn_forget(l->sasl);
	l->why = e == ERR_IO ? "passwords cannot be checked now"
	    : e == ERR_DENIED ? "not allowed" : "authentication failure";
	if (e == ERR_AUTH)
		pause_seconds(conf_seconds(l->server->conf, CONF_FAILEDLOGINPAUSE));
	return e;
}

/* AUTHCID has proved who he is and wants to be USERID. */
static enum err
accept_user(struct login *l, struct str userid, const char *authcid, const char *how,
    struct user **user)
{
	struct user *self, *u;
	if (user_new(l->server->conf, str_c(authcid), authcid, &self) != OK)
		return refused(l, ERR_AUTH, how, "SASL(-13): authentication failure:"
		    " not a possible user");
	if (user_new(l->server->conf, userid, self->name, &u) != OK) {
		user_free(self);
		return refused(l, ERR_AUTH, how, "SASL(-13): authentication failure:"
		    " cannot act as such a user");
	}
	bool may = self->id.is_admin || strcmp(self->id.userid, u->id.userid) == 0;
	user_free(self);
	if (!may) {
		user_free(u);
		return refused(l, ERR_DENIED, how, "SASL(-14): authorization failure:"
		    " only an administrator may act as somebody else");
	}
	log_notice("login: [%s] %s %s%s User logged in", l->client->host, u->name,
	    how, strength(l) > 0 ? "+TLS" : "");
	*user = u;
	return OK;
}

enum err
login_password(struct login *l, struct str userid, struct str password,
    struct user **user)
{
	struct buf what = BUF_INIT, name = BUF_INIT;
	bool lower = conf_switch(l->server->conf, CONF_USERNAME_TOLOWER);
	for (size_t i = 0; i < userid.n; i++)
		buf_addc(&name, lower && userid.p[i] >= 'A' && userid.p[i] <= 'Z'
		    ? (char)(userid.p[i] - 'A' + 'a') : userid.p[i]);
	buf_printf(&what, "plaintext %.*s", name.n < 200 ? (int)name.n : 200, name.p);
	enum err e = ERR_DENIED;
	if (!login_plaintext_allowed(l)) {
		e = refused(l, e, what.p, "SASL(-16): encryption needed to use"
		    " mechanism: no plaintext password without TLS");
	} else if ((e = sasl_check_password(l->sasl, buf_str(&name), password)) != OK) {
		e = refused(l, e, what.p, sasl_why(l->sasl));
	} else {
		e = accept_user(l, buf_str(&name), name.p, "plaintext", user);
		if (e == OK && strength(l) == 0 && !l->client->is_local)
			pause_seconds(conf_seconds(l->server->conf,
			    CONF_PLAINTEXTLOGINPAUSE));
	}
	buf_free(&what);
	buf_free(&name);
	return e;
}

/* What one step of an exchange came to. */
static enum err
outcome(struct login *l, enum err e, struct user **user)
{
	if (e == OK)
		return accept_user(l, str_c(sasl_authzid(l->sasl)),
		    sasl_authcid(l->sasl), l->mechanism.p, user);
	if (e == ERR_AGAIN)
		return e;
	return refused(l, e, l->mechanism.p, sasl_why(l->sasl));
}

enum err
login_start(struct login *l, struct str mechanism, const struct str *initial,
    struct buf *challenge, struct user **user)
{
	buf_reset(&l->mechanism);
	for (size_t i = 0; i < mechanism.n && i < 40; i++)
		buf_addc(&l->mechanism, mechanism.p[i] >= 'a' && mechanism.p[i] <= 'z'
		    ? (char)(mechanism.p[i] - 32) : mechanism.p[i]);
	return outcome(l, sasl_start(l->sasl, mechanism, initial, challenge), user);
}

enum err
login_step(struct login *l, struct str response, struct buf *challenge,
    struct user **user)
{
	return outcome(l, sasl_step(l->sasl, response, challenge), user);
}
