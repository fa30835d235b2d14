#include "imap/server/oauth_claims.h"

#include "lib/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *
string(const struct json *object, const char *name)
{
	const struct json *m = json_get(object, name);
	return m != NULL && m->kind == JSON_STRING ? m->text : NULL;
}

/* NumericDate: seconds, perhaps with a fraction.  False: no number, or none that is a time. */
static bool
date(const struct json *m, int64_t *seconds)
{
	char *end;
	if (m->kind != JSON_OTHER || m->text[0] < '0' || m->text[0] > '9')
		return false;
	errno = 0;
	*seconds = strtoll(m->text, &end, 10);
	if (errno != 0 || *seconds > INT64_MAX / 4)
		return false;
	return *end == '\0' || (*end == '.' && strspn(end + 1, "0123456789") == strlen(end + 1));
}

/* exp must be there; nbf may. */
static const char *
wrong_time(const struct conf *conf, const struct oauth_claims *c)
{
	const struct json *expires = json_get(c->claims, "exp"), *begins = json_get(c->claims, "nbf");
	int64_t skew = conf_seconds(conf, CONF_OAUTH_CLOCK_SKEW), t;
	if (expires == NULL && !c->is_answer)
		return "the token has no exp";
	if (expires != NULL && !date(expires, &t))
		return "the token's exp is no time";
	if (expires != NULL && c->now >= t + skew)
		return "the token has expired";
	if (begins != NULL && !date(begins, &t))
		return "the token's nbf is no time";
	if (begins != NULL && c->now + skew < t)
		return "the token is not valid yet";
	return NULL;
}

static const char *
wrong_issuer(const struct conf *conf, const struct oauth_claims *c)
{
	const char *want = conf_string(conf, CONF_OAUTH_ISSUER);
	const struct json *m = json_get(c->claims, "iss");
	if (want == NULL || (c->is_answer && m == NULL))
		return NULL;
	return m != NULL && m->kind == JSON_STRING && strcmp(m->text, want) == 0 ? NULL
	    : "the token is of another issuer";
}

static bool
is_audience(const struct conf *conf, const struct json *m)
{
	return m->kind == JSON_STRING && conf_has_word(conf, CONF_OAUTH_AUDIENCE, m->text);
}

/* A string, or several (RFC 7519 section 4.1.3). */
static const char *
wrong_audience(const struct conf *conf, const struct oauth_claims *c)
{
	const struct json *m = json_get(c->claims, "aud");
	const char *want = conf_string(conf, CONF_OAUTH_AUDIENCE);
	if (want == NULL || *want == '\0' || conf_has_word(conf, CONF_OAUTH_AUDIENCE, "*")
	    || (c->is_answer && m == NULL))
		return NULL;
	if (m != NULL && is_audience(conf, m))
		return NULL;
	if (m != NULL && m->kind == JSON_ARRAY)
		for (const struct json *one = m->child; one != NULL; one = one->next)
			if (is_audience(conf, one))
				return NULL;
	return "the token is for another audience";
}

/* "scope": words (RFC 8693 section 4.2); others have "scp", words or an array. */
static bool
has_scope(const struct json *claims, struct str scope)
{
	static const char *const names[] = { "scope", "scp" };
	for (size_t i = 0; i < 2; i++) {
		const struct json *m = json_get(claims, names[i]);
		if (m == NULL)
			continue;
		struct str words = str_c(m->kind == JSON_STRING ? m->text : ""), word;
		while (str_next_word(&words, &word))
			if (str_eq(word, scope))
				return true;
		for (const struct json *one = m->child; one != NULL; one = one->next)
			if (one->kind == JSON_STRING && str_eq(str_c(one->text), scope))
				return true;
	}
	return false;
}

static bool
has_all_scopes(const struct conf *conf, const struct json *claims)
{
	struct str words = str_c(conf_string(conf, CONF_OAUTH_SCOPE)), word;
	while (str_next_word(&words, &word))
		if (!has_scope(claims, word))
			return false;
	return true;
}

/* An address that nobody has checked is anybody's. */
static const char *
find_name(const struct conf *conf, const struct json *claims)
{
	const char *claim = conf_string(conf, CONF_OAUTH_USER_CLAIM);
	const struct json *verified = json_get(claims, "email_verified");
	const char *name = string(claims, claim);
	if (name == NULL || *name == '\0')
		return NULL;
	if (strcmp(claim, "email") == 0 && verified != NULL && strcmp(verified->text != NULL
	    ? verified->text : "", "true") != 0)
		return NULL;
	return name;
}

enum oauth_fault
oauth_claims_check(const struct conf *conf, const struct oauth_claims *c,
    const char **name, const char **why)
{
	*name = NULL;
	if ((*why = wrong_time(conf, c)) != NULL || (*why = wrong_issuer(conf, c)) != NULL
	    || (*why = wrong_audience(conf, c)) != NULL)
		return OAUTH_INVALID_TOKEN;
	*why = "the token has not the scopes of oauth_scope";
	if (!has_all_scopes(conf, c->claims))
		return OAUTH_INSUFFICIENT_SCOPE;
	*why = "the token has no name in the claim of oauth_user_claim, or it is not verified";
	*name = find_name(conf, c->claims);
	if (*name == NULL)
		return OAUTH_INVALID_TOKEN;
	*why = "";
	return OAUTH_FINE;
}
