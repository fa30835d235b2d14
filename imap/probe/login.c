/* login.c - see login.h */
#include "imap/probe/login.h"
#include "imap/probe/terminal.h"
#include "lib/b64.h"
#include "lib/net.h"

#include <stdio.h>
#include <string.h>

static const char OMITTED[] = "<omitted>";

/* "imtest: WHAT: WHY"; false, for whoever returns it. */
static bool
fail(const struct login *l, const char *what, const char *why)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s: %s\n", l->dialect->program, what, why);
	return false;
}

/* Lines up to the one that decides, which stays in LINE. */
static bool
listen_for(const struct login *l, struct wire *w, struct buf *line, enum reply *reply)
{
	do {
		enum err e = wire_line(w, line);
		if (e != OK)
			return fail(l, "connection lost", err_text(e));
		*reply = l->dialect->reply(buf_str(line));
	} while (*reply == REPLY_MORE);
	return true;
}

static bool
say(const struct login *l, struct wire *w, const char *text, const char *shown)
{
	enum err e = wire_say(w, str_c(text), shown);
	return e == OK || fail(l, "connection lost", err_text(e));
}

/* Says TEXT and wants to hear WANTED; WHAT failed else, as the server says. */
static bool
ask(const struct login *l, struct wire *w, const char *text, const char *shown,
    enum reply wanted, const char *what)
{
	struct buf line = BUF_INIT;
	enum reply reply;
	bool good = say(l, w, text, shown) && listen_for(l, w, &line, &reply) &&
	    (reply == wanted || fail(l, what, line.p));
	buf_free(&line);
	return good;
}

static bool
greet(const struct login *l, struct wire *w, bool *is_known)
{
	struct buf line = BUF_INIT;
	enum reply reply;
	bool good = true;
	do {
		enum err e = wire_line(w, &line);
		if (e != OK) {
			good = fail(l, "no greeting", err_text(e));
			break;
		}
		reply = l->dialect->greeting(buf_str(&line));
		good = reply != REPLY_NO || fail(l, "the server refuses us", line.p);
	} while (good && reply == REPLY_MORE);
	*is_known = str_istarts(buf_str(&line), STR("* PREAUTH"));
	buf_free(&line);
	return good;
}

static bool
ask_capability(const struct login *l, struct wire *w, struct offer *o)
{
	struct buf line = BUF_INIT;
	enum reply reply = REPLY_MORE;
	bool good = say(l, w, l->dialect->capability, NULL), ends = false;
	buf_free(&o->mechanisms);
	*o = (struct offer){ .mechanisms = BUF_INIT,
	    .initial_response = l->dialect->initial_response };
	while (good && !ends) {
		enum err e = wire_line(w, &line);
		if (e != OK) {
			good = fail(l, "connection lost", err_text(e));
			break;
		}
		l->dialect->offer(buf_str(&line), o);
		if (reply != REPLY_OK)
			reply = l->dialect->reply(buf_str(&line));
		/* A server without CAPA is an old one, not a broken one. */
		ends = reply == REPLY_NO || (reply == REPLY_OK &&
		    (!l->dialect->dot_ends || strcmp(line.p, ".") == 0));
	}
	buf_free(&line);
	return good;
}

static bool
start_tls(const struct login *l, struct wire *w)
{
	struct buf why = BUF_INIT;
	bool good = wire_start_tls(w, l->host, l->keyfile, &why) == OK ||
	    fail(l, "TLS failed", why.p);
	buf_free(&why);
	return good;
}

static const char *
password_of(void *ctx)
{
	struct login *l = ctx;
	if (l->password.n == 0 && !terminal_password(&l->password)) {
		(void)fail(l, "no password", "there is no terminal to ask for it; use -w");
		return NULL;
	}
	return l->password.p;
}

/* --- LOGIN, USER and PASS --- */

/* Literals, as a password may hold anything. */
static bool
login_imap(const struct login *l, struct wire *w, struct buf *line)
{
	static const char what[] = "authentication failed";
	buf_printf(line, "L01 LOGIN {%zu}", strlen(l->authcid));
	if (!ask(l, w, line->p, NULL, REPLY_GO_ON, what))
		return false;
	buf_reset(line);
	buf_printf(line, "%s {%zu}", l->authcid, l->password.n);
	return ask(l, w, line->p, NULL, REPLY_GO_ON, what) &&
	    ask(l, w, l->password.p, l->verbose ? NULL : OMITTED, REPLY_OK, what);
}

static bool
login_pop3(const struct login *l, struct wire *w, struct buf *line)
{
	static const char what[] = "authentication failed";
	if (strpbrk(l->authcid, "\r\n") != NULL || strpbrk(l->password.p, "\r\n") != NULL)
		return fail(l, what, "POP3 has no way to say a name or password of several lines");
	buf_printf(line, "USER %s", l->authcid);
	if (!ask(l, w, line->p, NULL, REPLY_OK, what))
		return false;
	buf_reset(line);
	buf_printf(line, "PASS %s", l->password.p);
	return ask(l, w, line->p, l->verbose ? NULL : OMITTED, REPLY_OK, what);
}

static bool
login_plainly(struct login *l, struct wire *w)
{
	struct buf line = BUF_INIT;
	if (strcmp(l->dialect->service, "lmtp") == 0)
		return fail(l, "authentication failed", "LMTP knows no login but by SASL");
	bool good = password_of(l) != NULL && (strcmp(l->dialect->service, "pop") == 0 ?
	    login_pop3(l, w, &line) : login_imap(l, w, &line));
	buf_wipe(&line);
	return good;
}

/* --- SASL --- */

/* Does whoever reads what MECHANISM says have the password? */
static bool
tells_password(const char *mechanism)
{
	return strcmp(mechanism, "PLAIN") == 0 || strcmp(mechanism, "LOGIN") == 0;
}

static bool
say_response(const struct login *l, struct wire *w, const char *mechanism, struct str response)
{
	struct buf text = BUF_INIT;
	b64_encode(response, &text);
	bool good = say(l, w, text.p,
	    !l->verbose && response.n > 0 && tells_password(mechanism) ? OMITTED : NULL);
	buf_wipe(&text);
	return good;
}

static bool
say_authenticate(const struct login *l, struct wire *w, const char *mechanism,
    const struct str *initial)
{
	struct buf text = BUF_INIT, shown = BUF_INIT;
	buf_printf(&text, "%s %s", l->dialect->authenticate, mechanism);
	buf_adds(&shown, text.p);
	if (initial != NULL) {
		buf_printf(&shown, " %s", OMITTED);
		buf_addc(&text, ' ');
		if (initial->n > 0)
			b64_encode(*initial, &text);
		else
			buf_addc(&text, '=');
	}
	bool good = say(l, w, text.p, !l->verbose && tells_password(mechanism) ? shown.p : NULL);
	buf_wipe(&text);
	buf_free(&shown);
	return good;
}

/* We do not go on: the server must hear of it, and its answer is of no interest. */
static bool
give_up(const struct login *l, struct wire *w, const char *why)
{
	struct buf line = BUF_INIT;
	enum reply reply;
	if (say(l, w, "*", NULL))
		(void)listen_for(l, w, &line, &reply);
	buf_free(&line);
	return fail(l, "authentication failed", why);
}

/* One challenge and its answer; INITIAL is the answer to the first one. */
static bool
answer(const struct login *l, struct wire *w, struct saslclient *c, const char *mechanism,
    struct str line, struct str *initial)
{
	struct buf challenge = BUF_INIT, response = BUF_INIT;
	bool good;
	if (initial->p != NULL) {
		good = say_response(l, w, mechanism, *initial);
		initial->p = NULL;
	} else if (b64_decode(str_slice(line, l->dialect->challenge, line.n), &challenge) != OK) {
		good = give_up(l, w, "the server's challenge is not base64");
	} else if (saslclient_step(c, buf_str(&challenge), &response) != OK) {
		good = give_up(l, w, saslclient_why(c));
	} else {
		good = say_response(l, w, mechanism, buf_str(&response));
	}
	buf_wipe(&challenge);
	buf_wipe(&response);
	return good;
}

static bool
exchange(const struct login *l, struct wire *w, const struct offer *o, struct saslclient *c)
{
	struct buf first = BUF_INIT, line = BUF_INIT;
	const char *mechanism;
	bool has_first, good = false;
	enum reply reply = REPLY_GO_ON;
	if (saslclient_start(c, l->mechanism != NULL ? l->mechanism : o->mechanisms.p, &mechanism,
	    &first, &has_first) != OK) {
		(void)fail(l, "authentication failed", saslclient_why(c));
		goto out;
	}
	struct str initial = buf_str(&first);
	bool at_once = has_first && o->initial_response && !l->no_initial_response;
	good = say_authenticate(l, w, mechanism, at_once ? &initial : NULL);
	if (at_once || !has_first)
		initial.p = NULL;
	while (good && (good = listen_for(l, w, &line, &reply)) && reply == REPLY_GO_ON)
		good = answer(l, w, c, mechanism, buf_str(&line), &initial);
	if (good && reply != REPLY_OK)
		good = fail(l, "authentication failed", line.p);
	if (good && saslclient_finish(c) != OK)
		good = fail(l, "authentication failed", "the server has not proved itself");
out:
	buf_wipe(&first);
	buf_free(&line);
	return good;
}

/*
 * To name a mechanism without -PLUS and yet to have a binding is to say that
 * the server does not offer them: it would take that for an attack.
 */
static bool
wants_binding(const struct login *l)
{
	return l->mechanism == NULL || str_ends(str_c(l->mechanism), STR("-PLUS"));
}

static bool
authenticate(struct login *l, struct wire *w, const struct offer *o, struct saslclient **layer)
{
	struct buf local = BUF_INIT, remote = BUF_INIT, binding = BUF_INIT;
	struct saslclient *c = NULL;
	if (w->tls != NULL && wants_binding(l) && tlsclient_binding(w->tls, &binding) != OK)
		buf_reset(&binding);
	bool ip = net_sasl_address(w->fd, false, &local) && net_sasl_address(w->fd, true, &remote);
	struct saslclient_params p = {
		.service = l->dialect->service, .host = l->host,
		.local_ip_port = ip ? local.p : NULL, .remote_ip_port = ip ? remote.p : NULL,
		.authcid = l->authcid, .authzid = l->authzid, .realm = l->realm,
		.password = password_of, .ctx = l,
		.external_ssf = w->tls != NULL ? tlsclient_bits(w->tls) : 0,
		.has_certificate = w->tls != NULL && tlsclient_has_certificate(w->tls),
		.min_ssf = l->min_ssf, .max_ssf = l->max_ssf, .binding = buf_str(&binding),
	};
	bool good = saslclient_new(&p, &c) == OK ||
	    fail(l, "authentication failed", "the SASL library cannot be used");
	good = good && exchange(l, w, o, c);
	if (good && saslclient_ssf(c) > 0) {
		printf("Authenticated.\nSecurity strength factor: %d\n", saslclient_ssf(c));
		*layer = c;
		c = NULL;
		good = wire_start_layer(w, *layer) == OK ||
		    fail(l, "connection lost", "what came is not in the security layer");
	} else if (good) {
		printf("Authenticated.\nSecurity strength factor: %d\n", p.external_ssf);
	}
	saslclient_free(c);
	buf_free(&local);
	buf_free(&remote);
	buf_wipe(&binding);
	return good;
}

/* --- the whole --- */

static bool
prove(struct login *l, struct wire *w, const struct offer *o, struct saslclient **layer)
{
	bool own = l->mechanism != NULL && strcmp(l->mechanism, "login") == 0;
	if (l->mechanism == NULL && o->mechanisms.n == 0) {
		if (strcmp(l->dialect->service, "lmtp") == 0) {
			puts("The server offers no authentication.");
			return true;
		}
		own = true;
	}
	if (!own)
		return authenticate(l, w, o, layer);
	if (o->no_login)
		fprintf(stderr, "%s: the server says that LOGIN is disabled; trying it all the same\n",
		    l->dialect->program);
	if (!login_plainly(l, w))
		return false;
	printf("Authenticated.\nSecurity strength factor: %d\n",
	    w->tls != NULL ? tlsclient_bits(w->tls) : 0);
	return true;
}

bool
login_run(struct login *l, struct wire *w, struct saslclient **layer)
{
	struct offer o = { .mechanisms = BUF_INIT };
	bool is_known = false;
	*layer = NULL;
	bool good = (!l->tls_first || start_tls(l, w)) && greet(l, w, &is_known) &&
	    ask_capability(l, w, &o);
	if (good && l->starttls) {
		if (!o.starttls)
			good = fail(l, "TLS failed", "the server does not offer it");
		good = good && ask(l, w, l->dialect->starttls, NULL, REPLY_OK, "TLS failed") &&
		    start_tls(l, w) && ask_capability(l, w, &o);
	}
	if (good && !is_known)
		good = prove(l, w, &o, layer);
	fflush(stdout);
	buf_free(&o.mechanisms);
	return good;
}
