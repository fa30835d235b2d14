/*
 * Two ways to know whose a token is, and one answer.  Nothing of a token is
 * ever logged but the name in a good one.
 */
#include "imap/server/oauth.h"

#include "imap/server/oauth_claims.h"
#include "imap/server/oauth_keys.h"
#include "imap/server/oauth_message.h"
#include "lib/arena.h"
#include "lib/file.h"
#include "lib/http.h"
#include "lib/jwt.h"
#include "lib/log.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

enum {
	ANSWER_MAX = 64 * 1024,
	ARENA = 1024 * 1024,
};

/* --- what there is --- */

static bool
uses_keys(const struct conf *conf)
{
	const char *audience = conf_string(conf, CONF_OAUTH_AUDIENCE);
	return conf_string(conf, CONF_OAUTH_JWKS) != NULL
	    && conf_string(conf, CONF_OAUTH_ISSUER) != NULL
	    && audience != NULL && *audience != '\0';
}

static bool
asks_provider(const struct conf *conf)
{
	return conf_string(conf, CONF_OAUTH_INTROSPECTION_URL) != NULL;
}

void
oauth_prepare(const struct conf *conf)
{
	const char *jwks = conf_string(conf, CONF_OAUTH_JWKS);
	if (jwks != NULL && !uses_keys(conf))
		log_err("oauth_jwks is of no use without oauth_issuer and oauth_audience:"
		    " a token of anybody, for anything, would do");
	if (((jwks != NULL && http_is_url(jwks)) || asks_provider(conf)) && http_load() != OK)
		log_err("tokens of OAuth cannot be verified");
}

static bool
is_offered(const struct conf *conf, const char *name)
{
	const char *list = conf_get(conf, "sasl_mech_list");
	struct str left = str_c(list != NULL ? list : ""), word;
	if (!uses_keys(conf) && !asks_provider(conf))
		return false;
	if (left.n == 0)
		return true;
	while (str_next_word(&left, &word))
		if (str_ieq(word, str_c(name)))
			return true;
	return false;
}

static const char *const names[] = { [OAUTHBEARER] = "OAUTHBEARER", [XOAUTH2] = "XOAUTH2" };

enum oauth_mechanism
oauth_find(const struct conf *conf, struct str name)
{
	for (enum oauth_mechanism m = OAUTHBEARER; m <= XOAUTH2; m++)
		if (str_ieq(name, str_c(names[m])))
			return is_offered(conf, names[m]) ? m : OAUTH_NONE;
	return OAUTH_NONE;
}

void
oauth_mechanisms(const struct conf *conf, const char *prefix, struct buf *out)
{
	for (enum oauth_mechanism m = OAUTHBEARER; m <= XOAUTH2; m++)
		if (is_offered(conf, names[m]))
			buf_printf(out, " %s%s", prefix, names[m]);
}

/* --- whose is it? --- */

/* A token at hand. */
struct inquiry {
	const struct conf *conf;
	struct arena *arena;
	struct str token;
	enum oauth_fault fault;		/* with ERR_AUTH */
	const char *name;		/* with OK */
	const char *why;
};

static enum err
judge(struct inquiry *q, const struct json *claims, bool is_answer)
{
	struct oauth_claims c = {
		.claims = claims, .is_answer = is_answer, .now = time(NULL),
	};
	q->fault = oauth_claims_check(q->conf, &c, &q->name, &q->why);
	return q->fault == OAUTH_FINE ? OK : ERR_AUTH;
}

/* "typ" (RFC 9068 section 2.1, RFC 8725 section 3.11): there are tokens for other ends. */
static bool
is_access_token(const struct jwt *t)
{
	const char *type = json_text(t->header, "typ");
	return type == NULL || strcasecmp(type, "JWT") == 0 || strcasecmp(type, "at+jwt") == 0
	    || strcasecmp(type, "application/at+jwt") == 0;
}

static enum err
verify(struct inquiry *q)
{
	const struct jwt_keys *keys;
	struct jwt t;
	if (jwt_parse(q->arena, q->token, &t, &q->why) != OK)
		return ERR_AUTH;
	q->why = "the token's typ is none of an access token";
	if (!is_access_token(&t))
		return ERR_AUTH;
	q->why = "the provider's keys are not there";
	if (oauth_keys(q->conf, false, &keys) != OK)
		return ERR_IO;
	enum err e = jwt_verify(&t, keys, &q->why);
	if (e == ERR_NOTFOUND && oauth_keys(q->conf, true, &keys) == OK)
		e = jwt_verify(&t, keys, &q->why);
	return e == OK ? judge(q, t.claims, false) : ERR_AUTH;
}

/* The first line of oauth_client_secret_file; empty if there is none. */
static enum err
read_secret(const struct conf *conf, struct buf *secret)
{
	const char *path = conf_string(conf, CONF_OAUTH_CLIENT_SECRET_FILE);
	if (path == NULL)
		return OK;
	enum err e = file_slurp(AT_FDCWD, path, 4096, secret);
	if (e != OK)
		log_err("oauth_client_secret_file: cannot read %s", path);
	buf_truncate(secret, strcspn(secret->p, "\r\n"));
	return e;
}

/* RFC 6749 section 2.3.1: both are escaped before Basic authentication. */
static enum err
ask(struct inquiry *q, struct buf *body)
{
	struct buf form = BUF_INIT, user = BUF_INIT, password = BUF_INIT, secret = BUF_INIT;
	struct buf why = BUF_INIT;
	const char *id = conf_string(q->conf, CONF_OAUTH_CLIENT_ID);
	int status = 0;
	struct http_request r = {
		.url = conf_string(q->conf, CONF_OAUTH_INTROSPECTION_URL),
		.ca_file = conf_string(q->conf, CONF_OAUTH_CA_FILE),
		.timeout_ms = (int)conf_seconds(q->conf, CONF_OAUTH_TIMEOUT) * 1000,
		.max = ANSWER_MAX,
	};
	enum err e = read_secret(q->conf, &secret);
	buf_adds(&form, "token_type_hint=access_token&token=");
	http_add_escaped(&form, q->token);
	http_add_escaped(&user, str_c(id != NULL ? id : ""));
	http_add_escaped(&password, buf_str(&secret));
	r.form = form.p;
	r.user = id != NULL ? user.p : NULL;
	r.password = password.p;
	if (e == OK)
		e = http_fetch(&r, &status, body, &why);
	if (e == OK && status != 200)
		buf_printf(&why, "%s: status %d%s", r.url, status, status == 401
		    ? "; are oauth_client_id and its secret right?" : "");
	if (why.n > 0)
		log_err("oauth_introspection_url: the provider cannot be asked: %s", why.p);
	buf_wipe(&form);
	buf_free(&user);
	buf_wipe(&password);
	buf_wipe(&secret);
	e = e != OK || why.n > 0 ? ERR_IO : OK;
	buf_free(&why);
	return e;
}

static enum err
introspect(struct inquiry *q)
{
	struct buf body = BUF_INIT;
	size_t line;
	q->why = "the provider cannot be asked";
	enum err e = ask(q, &body);
	if (e != OK) {
		buf_free(&body);
		return e;
	}
	const struct json *answer = json_parse(q->arena, buf_str(&body), &line);
	const struct json *active = answer != NULL ? json_get(answer, "active") : NULL;
	buf_wipe(&body);
	if (active == NULL || active->kind != JSON_OTHER) {
		log_err("oauth_introspection_url: the provider's answer is none of RFC 7662");
		return ERR_IO;
	}
	q->why = "the provider says that the token is not active";
	return strcmp(active->text, "true") == 0 ? judge(q, answer, true) : ERR_AUTH;
}

static enum err
inquire(struct inquiry *q)
{
	q->fault = OAUTH_INVALID_TOKEN;
	q->why = "there is no token";
	if (q->token.n == 0)
		return ERR_AUTH;
	if (uses_keys(q->conf) && (jwt_is_like(q->token) || !asks_provider(q->conf)))
		return verify(q);
	return introspect(q);
}

/* --- the answer --- */

static void
add_member(struct buf *b, const char *name, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	buf_printf(b, "%c\"%s\":\"", b->n == 0 ? '{' : ',', name);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *p);
	}
	buf_addc(b, '"');
}

/* RFC 7628 section 3.2.2; XOAUTH2 says it with a status of HTTP. */
static void
make_error(const struct conf *conf, enum oauth_mechanism mechanism, enum oauth_fault fault,
    struct buf *out)
{
	static const char *const words[][2] = {
		[OAUTH_FINE] = { "", "" },
		[OAUTH_INVALID_REQUEST] = { "invalid_request", "400" },
		[OAUTH_INVALID_TOKEN] = { "invalid_token", "401" },
		[OAUTH_INSUFFICIENT_SCOPE] = { "insufficient_scope", "403" },
	};
	add_member(out, "status", words[fault][mechanism == XOAUTH2]);
	if (mechanism == XOAUTH2)
		add_member(out, "schemes", "bearer");
	add_member(out, "scope", conf_string(conf, CONF_OAUTH_SCOPE));
	if (mechanism == OAUTHBEARER)
		add_member(out, "openid-configuration",
		    conf_string(conf, CONF_OAUTH_OPENID_CONFIGURATION));
	buf_addc(out, '}');
}

static enum err
check(struct inquiry *q, struct oauth_result *r)
{
	enum err e = inquire(q);
	if (e == OK)
		buf_adds(&r->name, q->name);
	else
		buf_printf(&r->why, "SASL(%d): authentication failure: %s",
		    e == ERR_IO ? -24 : -13, q->why);
	return e;
}

enum err
oauth_check(const struct conf *conf, enum oauth_mechanism mechanism, struct str text,
    struct oauth_result *r)
{
	struct oauth_message m;
	struct inquiry q = { .conf = conf };
	*r = (struct oauth_result){ BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT };
	enum err e = mechanism == OAUTHBEARER ? oauth_message_bearer(text, &m)
	    : oauth_message_xoauth2(text, &m);
	if (e == OK) {
		q.arena = arena_new(ARENA);
		q.token = m.token;
		e = check(&q, r);
		buf_add_str(&r->wanted, buf_str(&m.name));
		arena_free(q.arena);
	} else {
		q.fault = OAUTH_INVALID_REQUEST;
		buf_printf(&r->why, "SASL(-5): bad protocol: not a message of %s", names[mechanism]);
		e = ERR_AUTH;
	}
	oauth_message_fini(&m);
	if (e == ERR_AUTH)
		make_error(conf, mechanism, q.fault, &r->error);
	return e;
}

void
oauth_result_fini(struct oauth_result *r)
{
	buf_free(&r->name);
	buf_free(&r->wanted);
	buf_free(&r->error);
	buf_free(&r->why);
}
