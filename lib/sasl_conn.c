/* sasl_conn.c - a dialogue: its context in the library, how it ends, who it was */
#include "lib/sasl_in.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	LAYER_BUFFER = 16 * 1024,	/* the longest packet that we take */
	SSF_MAX = 4096,
};

struct sasl_conn *
sasl_conn_new(const struct conf *conf, const struct sasl_peer *peer)
{
	struct sasl_conn *c = mem_zero(1, sizeof(*c));
	*c = (struct sasl_conn){
		.conf = conf, .peer = *peer, .mechanism = BUF_INIT, .mech_list = BUF_INIT, .why = BUF_INIT,
		.tried = BUF_INIT, .folder = BUF_INIT, .folder_of = BUF_INIT,
		.callbacks = {
			{ SASL_CB_GETOPT, SASL_CALLBACK_OF(sasl_on_getopt), c },
			{ SASL_CB_CANON_USER, SASL_CALLBACK_OF(sasl_on_canon_user), c },
			{ SASL_CB_SERVER_USERDB_CHECKPASS,
			    SASL_CALLBACK_OF(sasl_on_checkpass), c },
			{ SASL_CB_LIST_END, NULL, NULL },
		},
	};
	return c;
}

void
sasl_conn_free(struct sasl_conn *c)
{
	if (c == NULL)
		return;
	sasl_dispose(&c->sasl);
	buf_free(&c->mechanism);
	buf_free(&c->mech_list);
	buf_free(&c->why);
	buf_free(&c->tried);
	buf_free(&c->folder);
	buf_free(&c->folder_of);
	free(c);
}

void
sasl_conn_forget(struct sasl_conn *c)
{
	c->is_decoy = false;
	sasl_dispose(&c->sasl);
}

static const char *
property(struct sasl_conn *c, int which)
{
	const void *value = NULL;
	if (c->sasl == NULL || sasl_getprop(c->sasl, which, &value) != SASL_OK)
		return NULL;
	return value;
}

const char *
sasl_authcid(struct sasl_conn *c)
{
	const char *name = property(c, SASL_AUTHUSER);
	return name != NULL ? name : property(c, SASL_USERNAME);
}

const char *
sasl_tried(const struct sasl_conn *c)
{
	return c->tried.n > 0 ? c->tried.p : NULL;
}

const char *
sasl_authzid(struct sasl_conn *c)
{
	return property(c, SASL_USERNAME);
}

const char *
sasl_why(struct sasl_conn *c)
{
	return c->why.p;
}

/* --- the context --- */

/* Remembers why, for the log, and forgets the dialogue. */
static void
give_up(struct sasl_conn *c, int rc)
{
	buf_reset(&c->why);
	buf_adds(&c->why, c->sasl != NULL ? sasl_errdetail(c->sasl)
	    : sasl_errstring(rc, NULL, NULL));
	/* "SASL(-5): bad protocol / cancel: " if the mechanism gave no reason */
	while (c->why.n > 0 && strchr(": ", c->why.p[c->why.n - 1]) != NULL)
		buf_truncate(&c->why, c->why.n - 1);
	buf_reset(&c->tried);
	if (sasl_authcid(c) != NULL)
		buf_adds(&c->tried, sasl_authcid(c));
	sasl_dispose(&c->sasl);
}

static unsigned
ssf_option(const struct sasl_conn *c, enum conf_opt option)
{
	int64_t n = conf_int(c->conf, option);
	return n < 0 ? 0 : n > SSF_MAX ? SSF_MAX : (unsigned)n;
}

void
sasl_use_binding(struct sasl_conn *c, const struct sasl_binding *b)
{
	c->binding.name = b->type;
	c->binding.data = (const unsigned char *)b->bytes.p;
	c->binding.len = b->bytes.n;
}

static int
set_properties(struct sasl_conn *c)
{
	sasl_security_properties_t props = {
		.min_ssf = ssf_option(c, CONF_SASL_MINIMUM_LAYER),
		.max_ssf = c->peer.no_layers ? (sasl_ssf_t)c->peer.external_ssf
		    : ssf_option(c, CONF_SASL_MAXIMUM_LAYER),
		.maxbufsize = LAYER_BUFFER,
	};
	if (!c->peer.allow_plaintext)
		props.security_flags |= SASL_SEC_NOPLAINTEXT;
	if (!conf_switch(c->conf, CONF_ALLOWANONYMOUSLOGIN))
		props.security_flags |= SASL_SEC_NOANONYMOUS;
	int rc = sasl_setprop(c->sasl, SASL_SEC_PROPS, &props);
	sasl_ssf_t bits = (sasl_ssf_t)c->peer.external_ssf;
	if (rc == SASL_OK && bits > 0)
		rc = sasl_setprop(c->sasl, SASL_SSF_EXTERNAL, &bits);
	if (rc == SASL_OK && c->peer.external_name != NULL)
		rc = sasl_setprop(c->sasl, SASL_AUTH_EXTERNAL, c->peer.external_name);
	if (rc == SASL_OK && c->peer.bindings[0].bytes.n > 0) {
		sasl_use_binding(c, &c->peer.bindings[0]);
		rc = sasl_setprop(c->sasl, SASL_CHANNEL_BINDING, &c->binding);
	}
	return rc;
}

enum err
sasl_need_context(struct sasl_conn *c)
{
	if (c->sasl != NULL)
		return OK;
	int rc = sasl_server_new(c->peer.service, conf_string(c->conf, CONF_SERVERNAME),
	    NULL, c->peer.local_ip_port, c->peer.remote_ip_port, c->callbacks, 0, &c->sasl);
	if (rc == SASL_OK)
		rc = set_properties(c);
	if (rc == SASL_OK)
		return OK;
	give_up(c, rc);
	log_err("SASL: no context for a client: %s", c->why.p);
	return ERR_IO;
}

/* Turns SASL's result into ours; all but "done" and "go on" end the dialogue. */
enum err
sasl_outcome(struct sasl_conn *c, int rc)
{
	bool is_forbidden = c->is_forbidden;
	c->is_forbidden = false;
	if (rc == SASL_OK && !is_forbidden)
		return OK;
	if (rc == SASL_CONTINUE)
		return ERR_AGAIN;
	if (is_forbidden)
		rc = SASL_BADAUTH;
	give_up(c, rc);
	if (is_forbidden) {
		buf_reset(&c->why);
		buf_printf(&c->why, "SASL(%d): authentication failure: a password that SASLprep"
		    " forbids", rc);
	}
	switch (rc) {
	case SASL_NOMECH:
	case SASL_TOOWEAK:
	case SASL_ENCRYPT:
		return ERR_UNSUPPORTED;
	case SASL_FAIL:
	case SASL_NOMEM:
	case SASL_UNAVAIL:
	case SASL_NOTINIT:
		return ERR_IO;
	default:
		return ERR_AUTH;
	}
}
