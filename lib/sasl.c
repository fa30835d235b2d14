/* sasl.c - exchanges */
#include "lib/sasl_in.h"

#include <string.h>

static bool
is_this(void *ctx, struct str name)
{
	return str_ieq(name, *(const struct str *)ctx);
}

static enum err
take_challenge(struct sasl_conn *c, int rc, const struct str *message, const char *out,
    unsigned n, struct buf *challenge)
{
	enum err e = sasl_outcome(c, rc);
	if (rc == SASL_NOUSER && message != NULL && sasl_decoy(c, *message, challenge))
		return ERR_AGAIN;
	if ((e == OK || e == ERR_AGAIN) && out != NULL)
		buf_add(challenge, out, n);
	return e;
}

enum err
sasl_start(struct sasl_conn *c, struct str mechanism,
    const struct str *initial, struct buf *challenge)
{
	char name[SASL_MECHNAMEMAX + 1];
	const char *out = NULL;
	unsigned n = 0;
	sasl_names_begin(c, mechanism);
	enum err e = sasl_need_context(c);
	if (e != OK)
		return e;
	if (mechanism.n > SASL_MECHNAMEMAX || !sasl_each_mechanism(c, is_this, &mechanism)) {
		sasl_dispose(&c->sasl);
		return sasl_outcome(c, SASL_NOMECH);
	}
	memcpy(name, mechanism.p, mechanism.n);
	name[mechanism.n] = '\0';
	c->header = !str_istarts(mechanism, STR("SCRAM-")) && !str_istarts(mechanism, STR("GS2-"))
	    ? NO_GS2 : sasl_is_plus(mechanism) ? NEEDS_GS2_PLUS : NEEDS_GS2;
	e = sasl_check_header(c, initial);
	if (e != OK)
		return e;
	/* An empty first response is not the same as none (RFC 4422 3.3). */
	const char *in = initial == NULL ? NULL
	    : initial->n == 0 ? "" : initial->p;
	int rc = sasl_server_start(c->sasl, name, in,
	    initial == NULL ? 0 : (unsigned)initial->n, &out, &n);
	return take_challenge(c, rc, initial, out, n, challenge);
}

enum err
sasl_step(struct sasl_conn *c, struct str response, struct buf *challenge)
{
	const char *out = NULL;
	unsigned n = 0;
	/* sasl_why() and sasl_tried() still say what they said then. */
	if (c->is_decoy) {
		c->is_decoy = false;
		return ERR_AUTH;
	}
	if (c->sasl == NULL)
		return ERR_UNSUPPORTED;
	enum err e = sasl_check_header(c, &response);
	if (e != OK)
		return e;
	int rc = sasl_server_step(c->sasl, response.n == 0 ? "" : response.p,
	    (unsigned)response.n, &out, &n);
	return take_challenge(c, rc, &response, out, n, challenge);
}
