/* sasl_password.c - a password, or what APOP makes of it */
#include "lib/sasl_in.h"

#include <sasl/saslutil.h>
#include <string.h>

enum err
sasl_check_password(struct sasl_conn *c, struct str user, struct str password)
{
	if (!c->peer.allow_plaintext)
		return ERR_DENIED;
	sasl_names_begin(c, STR(""));
	enum err e = sasl_need_context(c);
	if (e != OK)
		return e;
	if (user.n == 0 || memchr(user.p, '\0', user.n) != NULL
	    || memchr(password.p, '\0', password.n) != NULL) {
		buf_reset(&c->why);
		buf_adds(&c->why, "empty name or a NUL byte");
		return ERR_AUTH;
	}
	/* Lengths are taken, but auxprop compares C strings all the same. */
	struct buf name = BUF_INIT, secret = BUF_INIT;
	buf_add_str(&name, user);
	buf_add_str(&secret, password);
	int rc = sasl_checkpass(c->sasl, name.p, (unsigned)name.n, secret.p,
	    (unsigned)secret.n);
	buf_free(&name);
	buf_wipe(&secret);
	return sasl_outcome(c, rc);
}

/* --- APOP --- */

enum err
sasl_apop_challenge(struct sasl_conn *c, struct buf *challenge)
{
	char text[256];
	if (sasl_need_context(c) != OK)
		return ERR_IO;
	/* The library looks passwords up itself: no saslauthd can do this. */
	const char *method = conf_get(c->conf, "sasl_pwcheck_method");
	if ((method != NULL && !sasl_list_has(method, STR("auxprop")))
	    || sasl_checkapop(c->sasl, NULL, 0, NULL, 0) != SASL_OK)
		return ERR_UNSUPPORTED;
	int n = sasl_mkchal(c->sasl, text, sizeof(text), 1);
	if (n <= 0)
		return ERR_IO;
	buf_add(challenge, text, strlen(text));
	return OK;
}

enum err
sasl_check_apop(struct sasl_conn *c, struct str challenge, struct str user,
    struct str digest)
{
	sasl_names_begin(c, STR(""));
	enum err e = sasl_need_context(c);
	if (e != OK)
		return e;
	struct buf said = BUF_INIT, response = BUF_INIT;
	buf_add_str(&said, challenge);
	buf_add_str(&response, user);
	buf_addc(&response, ' ');
	buf_add_str(&response, digest);
	int rc = memchr(response.p, '\0', response.n) != NULL ? SASL_BADPROT
	    : sasl_checkapop(c->sasl, said.p, (unsigned)said.n, response.p,
	    (unsigned)response.n);
	buf_free(&said);
	buf_free(&response);
	return sasl_outcome(c, rc);
}
