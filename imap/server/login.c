/*
 * Every attempt ends in accept_user() or refused(), which write the log's
 * line; nothing else does.  A userid that is no possible user is answered
 * like a wrong password: whether an account exists is nobody's business.
 */
#include "imap/server/login.h"
#include "imap/server/username.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/sasl.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_PAUSE = 600 };		/* seconds */

struct login {
	const struct conf *conf;
	struct login_peer peer;		/* its strings are copies */
	struct sasl_conn *sasl;
	struct buf mechanism;		/* of the exchange at hand, for the log */
	struct buf tell;		/* what the client is told of a refusal, if not the usual */
	const char *why;
	int pause_ms;
};

/* --- what is known of the client --- */

static char *
copy(const char *text)
{
	return text != NULL ? mem_copy(text) : NULL;
}

static void
forget_peer(struct login *l)
{
	const char *const strings[] = {
		l->peer.service, l->peer.entry, l->peer.host, l->peer.local_ip_port,
		l->peer.remote_ip_port, l->peer.tls_version,
	};
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		free((char *)(uintptr_t)strings[i]);
	sasl_conn_free(l->sasl);
}

bool
login_plaintext_allowed(const struct login *l)
{
	return l->peer.tls_version != NULL || l->peer.outer_ssf > 1 || l->peer.is_local
	    || conf_switch(l->conf, CONF_ALLOWPLAINTEXT);
}

static int
strength(const struct login *l)
{
	return l->peer.tls_bits > l->peer.outer_ssf ? l->peer.tls_bits : l->peer.outer_ssf;
}

static void
set_peer(struct login *l, const struct login_peer *peer)
{
	l->peer = *peer;
	l->peer.service = copy(peer->service);
	l->peer.entry = copy(peer->entry);
	l->peer.host = copy(peer->host);
	l->peer.local_ip_port = copy(peer->local_ip_port);
	l->peer.remote_ip_port = copy(peer->remote_ip_port);
	l->peer.tls_version = copy(peer->tls_version);
	struct sasl_peer sasl = {
		.service = l->peer.service,
		.local_ip_port = l->peer.local_ip_port,
		.remote_ip_port = l->peer.remote_ip_port,
		.external_ssf = strength(l),
		.allow_plaintext = login_plaintext_allowed(l),
	};
	l->sasl = sasl_conn_new(l->conf, &sasl);
}

struct login *
login_new(const struct conf *conf, const struct login_peer *peer)
{
	struct login *l = mem_zero(1, sizeof(*l));
	*l = (struct login){
		.conf = conf, .mechanism = BUF_INIT, .tell = BUF_INIT, .why = "authentication failure",
	};
	set_peer(l, peer);
	return l;
}

void
login_free(struct login *l)
{
	if (l == NULL)
		return;
	forget_peer(l);
	buf_free(&l->mechanism);
	buf_free(&l->tell);
	free(l);
}

void
login_peer_changed(struct login *l, const struct login_peer *peer)
{
	forget_peer(l);
	set_peer(l, peer);
}

void
login_mechanisms(struct login *l, const char *prefix, struct buf *out)
{
	sasl_mechanisms(l->sasl, prefix, out);
}

/* --- attempts --- */

static void
pause_for(struct login *l, enum conf_opt option)
{
	int64_t seconds = conf_seconds(l->conf, option);
	if (seconds > LONGEST_PAUSE)
		seconds = LONGEST_PAUSE;
	l->pause_ms = seconds > 0 ? (int)seconds * 1000 : 0;
}

int
login_pause_ms(const struct login *l)
{
	return l->pause_ms;
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
	log_notice("badlogin: [%s] %s %s", l->peer.host, what, why);
	sasl_conn_forget(l->sasl);
	l->why = e == ERR_IO ? "passwords cannot be checked now"
	    : e == ERR_DENIED ? "not allowed" : "authentication failure";
	if (e == ERR_AUTH)
		pause_for(l, CONF_FAILEDLOGINPAUSE);
	return e;
}

/* AUTHCID has proved who he is and wants to be USERID. */
static enum err
accept_user(struct login *l, struct str userid, const char *authcid, const char *how,
    struct user **user)
{
	const struct user_claim claim = {
		.service = l->peer.entry, .authcid = str_c(authcid), .userid = userid,
	};
	struct user *u;
	struct buf why = BUF_INIT;
	buf_reset(&l->tell);
	enum err e = user_accept(l->conf, &claim, &u, &why, &l->tell);
	if (e != OK)
		e = refused(l, e, how, e == ERR_IO ? "user_deny.db cannot be read" : why.p);
	if (e != OK && l->tell.n > 0)
		l->why = l->tell.p;
	buf_free(&why);
	if (e != OK)
		return e;
	log_notice("login: [%s] %s %s%s User logged in", l->peer.host, u->name,
	    how, strength(l) > 0 ? "+TLS" : "");
	*user = u;
	return OK;
}

enum err
login_password(struct login *l, struct str userid, struct str password,
    struct user **user)
{
	struct buf what = BUF_INIT, name = BUF_INIT, as = BUF_INIT, domain = BUF_INIT;
	l->pause_ms = 0;
	username_local_domain(l->conf, l->peer.local_ip_port, &domain);
	username_given(l->conf, buf_str(&domain), userid, &name, &as);
	buf_printf(&what, "plaintext %.*s", name.n < 200 ? (int)name.n : 200, name.p);
	enum err e = ERR_DENIED;
	if (!login_plaintext_allowed(l)) {
		e = refused(l, e, what.p, "SASL(-16): encryption needed to use"
		    " mechanism: no plaintext password without TLS");
	} else if ((e = sasl_check_password(l->sasl, buf_str(&name), password)) != OK) {
		e = refused(l, e, what.p, sasl_why(l->sasl));
	} else {
		e = accept_user(l, buf_str(&as), name.p, "plaintext", user);
		if (e == OK && strength(l) == 0 && !l->peer.is_local)
			pause_for(l, CONF_PLAINTEXTLOGINPAUSE);
	}
	buf_free(&what);
	buf_free(&name);
	buf_free(&as);
	buf_free(&domain);
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
	l->pause_ms = 0;
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
