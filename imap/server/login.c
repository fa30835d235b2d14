/*
 * Every attempt ends in accept_user() or refused(), which write the log's
 * line; nothing else does.  A userid that is no possible user is answered
 * like a wrong password: whether an account exists is nobody's business.
 */
#include "imap/server/login.h"
#include "imap/server/oauth.h"
#include "imap/server/username.h"
#include "lib/arena.h"
#include "lib/charset.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/sasl.h"

#include <stdlib.h>
#include <string.h>

enum {
	LONGEST_PAUSE = 600,		/* seconds */
	PEER_ARENA = 64 * 1024,
};

struct login {
	const struct conf *conf;
	struct arena *arena;		/* of what peer points to */
	struct login_peer peer;
	struct sasl_conn *sasl;
	struct buf mechanism;		/* of the exchange at hand, for the log */
	struct buf as;			/* as whom its client wants to act: "fred*cyrus" */
	struct buf account;		/* see account_of() */
	struct buf domain;		/* of the address connected to, once it is known */
	bool domain_known;
	enum oauth_mechanism oauth;	/* ... if it is one of these, */
	bool has_error;			/*   and the client was told what is wrong */
	struct buf folder;		/* see login_folder() */
	struct buf tell;		/* what the client is told of a refusal, if not the usual */
	const char *why;
	int pause_ms;
};

/* --- what is known of the client --- */

/* What PEER points to, kept: its text ends with a NUL. */
static const char *
keep(struct login *l, const char *text)
{
	if (text == NULL)
		return NULL;
	const char *copy = arena_copy(l->arena, text, strlen(text));
	ensure(copy != NULL);
	return copy;
}

static struct str
keep_bytes(struct login *l, struct str bytes)
{
	const char *copy = arena_copy(l->arena, bytes.p, bytes.n);
	ensure(copy != NULL);
	return (struct str){ copy, bytes.n };
}

static int
strength(const struct login *l)
{
	return l->peer.tls_bits > l->peer.outer_ssf ? l->peer.tls_bits : l->peer.outer_ssf;
}

/* POP3 has no other way to name a mailbox. */
static bool
takes_folders(const struct login *l)
{
	return conf_switch(l->conf, CONF_POPSUBFOLDERS) && l->peer.service != NULL
	    && strcmp(l->peer.service, "pop") == 0;
}

/* Is nothing of a login allowed yet? */
static bool
needs_tls(const struct login *l)
{
	return l->peer.tls_version == NULL && l->peer.local_ip_port != NULL
	    && conf_switch(l->conf, CONF_TLS_REQUIRED);
}

bool
login_plaintext_allowed(const struct login *l)
{
	if (needs_tls(l) || strength(l) < conf_int(l->conf, CONF_SASL_MINIMUM_LAYER))
		return false;
	return l->peer.tls_version != NULL || l->peer.outer_ssf > 1 || l->peer.is_local
	    || conf_switch(l->conf, CONF_ALLOWPLAINTEXT);
}

/* The strongest first: it is the library's first choice, too. */
static void
add_bindings(const struct login_peer *peer, struct sasl_peer *sasl)
{
	const struct sasl_binding all[SASL_BINDINGS] = {
		{ "tls-exporter", peer->exporter },
		{ "tls-unique", peer->unique },
		{ "tls-server-end-point", peer->server_end_point },
	};
	size_t n = 0;
	for (size_t i = 0; i < SASL_BINDINGS; i++)
		if (all[i].bytes.n > 0)
			sasl->bindings[n++] = all[i];
}

/* The domain of the address that the client has connected to, asked for once. */
static struct str
local_domain(struct login *l)
{
	if (!l->domain_known)
		username_local_domain(l->conf, l->peer.local_ip_port, &l->domain);
	l->domain_known = true;
	return buf_str(&l->domain);
}

/*
 * The name of a mechanism's client, who may say "fred*cyrus" there, too.  But whom
 * a certificate or a ticket calls so is not cyrus.
 */
static void
canonical(void *ctx, struct str given, bool vouched, struct buf *name)
{
	struct login *l = ctx;
	struct buf as = BUF_INIT;
	if (vouched) {
		username_vouched(l->conf, given, name);
		return;
	}
	username_given(l->conf, local_domain(l), given, name, &as);
	if (as.n > 0) {
		buf_reset(&l->as);
		buf_add_str(&l->as, buf_str(&as));
	}
	buf_free(&as);
}

static void
set_peer(struct login *l, const struct login_peer *peer)
{
	l->arena = arena_new(PEER_ARENA);
	l->peer = *peer;
	l->peer.service = keep(l, peer->service);
	l->peer.entry = keep(l, peer->entry);
	l->peer.host = keep(l, peer->host);
	l->peer.local_ip_port = keep(l, peer->local_ip_port);
	l->peer.remote_ip_port = keep(l, peer->remote_ip_port);
	l->peer.tls_version = keep(l, peer->tls_version);
	l->peer.external_name = keep(l, peer->external_name);
	l->peer.exporter = keep_bytes(l, peer->exporter);
	l->peer.unique = keep_bytes(l, peer->unique);
	l->peer.server_end_point = keep_bytes(l, peer->server_end_point);
	struct sasl_peer sasl = {
		.service = l->peer.service,
		.local_ip_port = l->peer.local_ip_port,
		.remote_ip_port = l->peer.remote_ip_port,
		.external_ssf = strength(l),
		.allow_plaintext = login_plaintext_allowed(l),
		.no_layers = l->peer.no_layers,
		.folders = takes_folders(l),
		.canonical = canonical, .ctx = l,
		.external_name = l->peer.external_name,
	};
	add_bindings(&l->peer, &sasl);
	l->sasl = sasl_conn_new(l->conf, &sasl);
}

static void
forget_peer(struct login *l)
{
	sasl_conn_free(l->sasl);
	arena_free(l->arena);
}

struct login *
login_new(const struct conf *conf, const struct login_peer *peer)
{
	struct login *l = mem_zero(1, sizeof(*l));
	*l = (struct login){
		.conf = conf, .mechanism = BUF_INIT, .as = BUF_INIT, .account = BUF_INIT,
		.domain = BUF_INIT, .folder = BUF_INIT, .tell = BUF_INIT,
		.why = "authentication failure",
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
	buf_free(&l->as);
	buf_free(&l->account);
	buf_free(&l->domain);
	buf_free(&l->folder);
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
	if (needs_tls(l))
		return;
	size_t before = out->n;
	sasl_mechanisms(l->sasl, prefix, out);
	if (!login_plaintext_allowed(l))
		return;
	struct buf more = BUF_INIT;
	oauth_mechanisms(l->conf, prefix, &more);
	buf_add_str(out, str_slice(buf_str(&more), out->n == before ? 1 : 0, more.n));
	buf_free(&more);
}

/* --- attempts --- */

static void
wait_at_least(struct login *l, int ms)
{
	if (l->pause_ms < ms)
		l->pause_ms = ms;
}

static void
pause_for(struct login *l, enum conf_opt option)
{
	int64_t seconds = conf_seconds(l->conf, option);
	if (seconds > LONGEST_PAUSE)
		seconds = LONGEST_PAUSE;
	if (seconds > 0)
		wait_at_least(l, (int)seconds * 1000);
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

/*
 * Whose failures are counted: fred, Fred and fred@servername are one account to
 * whatever knows the passwords, so a guess at one is a guess at all of them.  Two
 * that are not the same may share a count; nobody is let in by this name.
 */
static const char *
account_of(struct login *l, const char *name)
{
	struct buf internal = BUF_INIT;
	if (name == NULL)
		return NULL;
	buf_reset(&l->account);
	bool is_possible = username_internal(l->conf, str_c(name), &internal) == OK;
	charset_fold(is_possible ? buf_str(&internal) : str_trim(str_c(name)), &l->account);
	buf_free(&internal);
	return l->account.p;
}

/*
 * May NAME (NULL: unknown) prove himself, as often as others have failed to?
 * The answer waits as long whether he can or not.
 */
static bool
may_try(struct login *l, const char *name)
{
	int ms;
	enum limits_verdict verdict = limits_attempt(l->peer.limits, l->peer.host,
	    account_of(l, name), &ms);
	wait_at_least(l, ms);
	return verdict == LIMITS_OK;
}

/* WHAT: "plaintext fred" or "PLAIN", as Cyrus has it. */
static enum err
too_many_failures(struct login *l, const char *what)
{
	log_notice("badlogin: [%s] %s too many failed logins (failedloginpause_max)",
	    l->peer.host, what);
	sasl_conn_forget(l->sasl);
	l->why = "too many have failed; try again later";
	pause_for(l, CONF_FAILEDLOGINPAUSE);
	return ERR_DENIED;
}

/* NAME: who could not; NULL: he has not said. */
static enum err
refused(struct login *l, enum err e, const char *what, const char *name, const char *why)
{
	log_notice("badlogin: [%s] %s %s", l->peer.host, what, why);
	if (e == ERR_AUTH && l->peer.limits != NULL)
		wait_at_least(l, limits_failed(l->peer.limits, l->peer.host,
		    account_of(l, name)));
	else if (e == ERR_AUTH)
		pause_for(l, CONF_FAILEDLOGINPAUSE);
	sasl_conn_forget(l->sasl);
	l->why = e == ERR_IO ? "passwords cannot be checked now"
	    : e == ERR_DENIED ? "not allowed" : "authentication failure";
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
	limits_proved(l->peer.limits, l->peer.host, account_of(l, authcid));
	enum err e = user_accept(l->conf, &claim, &u, &why, &l->tell);
	if (e != OK)
		e = refused(l, e, how, authcid, e == ERR_IO ? "user_deny.db cannot be read" : why.p);
	if (e != OK && l->tell.n > 0)
		l->why = l->tell.p;
	buf_free(&why);
	if (e != OK)
		return e;
	log_notice("login: [%s] %s%s%s %s%s User logged in", l->peer.host, u->name,
	    l->folder.n > 0 ? "+" : "", l->folder.p, how, strength(l) > 0 ? "+TLS" : "");
	*user = u;
	return OK;
}

/* A name as it was given, taken apart. */
struct given {
	struct str typed;		/* the caller's */
	struct buf name;		/* who is to prove himself; empty: nobody is called so */
	struct buf as;			/* as whom he wants to act */
	struct buf whose;		/* without the folder */
};

/* "fred+work@example.com" is fred@example.com, whose folder l->folder names. */
static struct str
take_folder(struct login *l, struct str userid, struct buf *whose)
{
	size_t plus = str_chr(userid, '+'), end = plus;
	while (end < userid.n && strchr("@*%", userid.p[end]) == NULL)
		end++;
	buf_reset(&l->folder);
	if (!takes_folders(l) || plus == userid.n || str_chr(userid, '@') < plus)
		return userid;
	buf_add_str(&l->folder, str_slice(userid, plus + 1, end));
	buf_add_str(whose, str_slice(userid, 0, plus));
	buf_add_str(whose, str_slice(userid, end, userid.n));
	return buf_str(whose);
}

static void
take_apart(struct login *l, struct str userid, struct given *g)
{
	*g = (struct given){ userid, BUF_INIT, BUF_INIT, BUF_INIT };
	username_given(l->conf, local_domain(l), take_folder(l, userid, &g->whose),
	    &g->name, &g->as);
}

static void
given_free(struct given *g)
{
	buf_free(&g->name);
	buf_free(&g->as);
	buf_free(&g->whose);
}

/* What stands for a password. */
struct proof {
	const char *how;		/* as in the log */
	struct str secret, challenge;	/* challenge.p == NULL: a password */
};

static enum err
check(struct login *l, const struct given *g, const struct proof *proof)
{
	if (proof->challenge.p != NULL)
		return sasl_check_apop(l->sasl, proof->challenge, buf_str(&g->name), proof->secret);
	return login_plaintext_allowed(l)
	    ? sasl_check_password(l->sasl, buf_str(&g->name), proof->secret) : ERR_DENIED;
}

static enum err
judge(struct login *l, const struct given *g, const struct proof *proof, struct user **user)
{
	struct buf what = BUF_INIT;
	bool no_name = g->name.n == 0 && g->typed.n > 0;
	struct str name = no_name ? g->typed : buf_str(&g->name);
	buf_printf(&what, "%s %.*s", proof->how, name.n < 200 ? (int)name.n : 200, name.p);
	enum err e = may_try(l, g->name.p) ? check(l, g, proof) : ERR_LIMIT;
	/* Not g->name: it is the one whose password it was who has come. */
	if (e == OK)
		e = accept_user(l, buf_str(&g->as), sasl_authcid(l->sasl), proof->how, user);
	else if (e == ERR_LIMIT)
		e = too_many_failures(l, what.p);
	else
		e = refused(l, e, what.p, g->name.p, e == ERR_DENIED ? "SASL(-16): encryption"
		    " needed to use mechanism: no plaintext password without TLS"
		    : no_name ? "a name that SASLprep forbids" : sasl_why(l->sasl));
	buf_free(&what);
	return e;
}

enum err
login_password(struct login *l, struct str userid, struct str password,
    struct user **user)
{
	const struct proof proof = { .how = "plaintext", .secret = password };
	struct given g;
	l->pause_ms = 0;
	take_apart(l, userid, &g);
	enum err e = judge(l, &g, &proof, user);
	if (e == OK && strength(l) == 0 && !l->peer.is_local)
		pause_for(l, CONF_PLAINTEXTLOGINPAUSE);
	given_free(&g);
	return e;
}

void
login_apop_challenge(struct login *l, struct buf *challenge)
{
	if (conf_switch(l->conf, CONF_ALLOWAPOP) && !needs_tls(l)
	    && sasl_apop_challenge(l->sasl, challenge) != OK)
		buf_reset(challenge);
}

enum err
login_apop(struct login *l, struct str challenge, struct str userid,
    struct str digest, struct user **user)
{
	const struct proof proof = { .how = "APOP", .secret = digest, .challenge = challenge };
	struct given g;
	l->pause_ms = 0;
	take_apart(l, userid, &g);
	enum err e = judge(l, &g, &proof, user);
	given_free(&g);
	return e;
}

const char *
login_folder(const struct login *l)
{
	return l->folder.p;
}

/*
 * What one step of an exchange came to.  Only at its end is it known who was
 * tried; one that must not try is told nothing of how it went.
 */
static enum err
outcome(struct login *l, enum err e, struct user **user)
{
	if (e != OK && e != ERR_AUTH)
		return e == ERR_AGAIN ? e
		    : refused(l, e, l->mechanism.p, NULL, sasl_why(l->sasl));
	const char *name = e == OK ? sasl_authcid(l->sasl) : sasl_tried(l->sasl);
	if (!may_try(l, name))
		return too_many_failures(l, l->mechanism.p);
	if (e == ERR_AUTH)
		return refused(l, e, l->mechanism.p, name, sasl_why(l->sasl));
	buf_reset(&l->folder);
	buf_adds(&l->folder, sasl_folder(l->sasl));
	const char *authzid = sasl_authzid(l->sasl);
	bool split = l->as.n > 0 && strcmp(name, authzid) == 0;
	return accept_user(l, split ? buf_str(&l->as) : str_c(authzid), name,
	    l->mechanism.p, user);
}

/*
 * "The server then sends ... an error result; the client ... sends an additional
 * message", RFC 7628 section 3.2.3, and then it is over.  It may go away instead:
 * so the attempt is logged, and costs its pause, before.
 */
static enum err
oauth_step(struct login *l, struct str message, struct buf *challenge, struct user **user)
{
	struct oauth_result r;
	if (l->has_error)
		return ERR_AUTH;
	enum err e = oauth_check(l->conf, l->oauth, message, &r);
	buf_reset(&l->folder);
	if (e != ERR_IO && !may_try(l, e == OK ? r.name.p : NULL))
		e = too_many_failures(l, l->mechanism.p);
	else if (e == OK)
		e = accept_user(l, buf_str(&r.wanted), r.name.p, l->mechanism.p, user);
	else
		e = refused(l, e, l->mechanism.p, NULL, r.why.p);
	if (e == ERR_AUTH && r.error.n > 0) {
		buf_add_str(challenge, buf_str(&r.error));
		l->has_error = true;
		e = ERR_AGAIN;
	}
	oauth_result_fini(&r);
	return e;
}

static void
note_mechanism(struct login *l, struct str mechanism)
{
	buf_reset(&l->mechanism);
	for (size_t i = 0; i < mechanism.n && i < 40; i++) {
		char c = mechanism.p[i];
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		buf_addc(&l->mechanism, c > ' ' && c < 127 ? c : '?');
	}
}

enum err
login_start(struct login *l, struct str mechanism, const struct str *initial,
    struct buf *challenge, struct user **user)
{
	l->pause_ms = 0;
	buf_reset(&l->as);
	note_mechanism(l, mechanism);
	l->has_error = false;
	l->oauth = OAUTH_NONE;
	if (needs_tls(l))
		return refused(l, ERR_DENIED, l->mechanism.p, NULL, "SASL(-16): encryption needed"
		    " to use mechanism: tls_required");
	if (login_plaintext_allowed(l))
		l->oauth = oauth_find(l->conf, mechanism);
	if (l->oauth == OAUTH_NONE)
		return outcome(l, sasl_start(l->sasl, mechanism, initial, challenge), user);
	return initial == NULL ? ERR_AGAIN : oauth_step(l, *initial, challenge, user);
}

enum err
login_step(struct login *l, struct str response, struct buf *challenge,
    struct user **user)
{
	l->pause_ms = 0;
	if (l->oauth != OAUTH_NONE)
		return oauth_step(l, response, challenge, user);
	return outcome(l, sasl_step(l->sasl, response, challenge), user);
}

bool
login_has_layer(const struct login *l)
{
	return sasl_has_layer(l->sasl);
}

struct sasl_conn *
login_take_layer(struct login *l)
{
	struct sasl_conn *layer = NULL;
	if (login_has_layer(l)) {
		layer = l->sasl;
		l->sasl = NULL;
	}
	return layer;
}
