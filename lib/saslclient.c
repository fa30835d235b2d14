/* saslclient.c - see saslclient.h */
#include "lib/saslclient.h"
#include "lib/mem.h"

#include <sasl/sasl.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { LAYER_ROOM = 65536 };

struct saslclient {
	struct saslclient_params p;
	sasl_conn_t *conn;
	sasl_callback_t callbacks[5];
	sasl_secret_t *secret;
	sasl_channel_binding_t binding;
	struct buf chosen;
	bool done;		/* the mechanism has all that it wants */
};

static int
on_name(void *context, int id, const char **result, unsigned *n)
{
	const struct saslclient *c = context;
	*result = id == SASL_CB_USER ? c->p.authzid : c->p.authcid;
	if (n != NULL)
		*n = (unsigned)strlen(*result);
	return SASL_OK;
}

static int
on_realm(void *context, int id, const char **offered, const char **result)
{
	const struct saslclient *c = context;
	(void)id;
	*result = c->p.realm;
	if (*result == NULL)
		*result = offered != NULL && offered[0] != NULL ? offered[0] : "";
	return SASL_OK;
}

static void
wipe_secret(struct saslclient *c)
{
	if (c->secret != NULL)
		explicit_bzero(c->secret->data, c->secret->len);
	free(c->secret);
	c->secret = NULL;
}

/* The library borrows it until the attempt ends. */
static int
on_password(sasl_conn_t *conn, void *context, int id, sasl_secret_t **result)
{
	struct saslclient *c = context;
	(void)conn, (void)id;
	const char *password = c->p.password(c->p.ctx);
	if (password == NULL)
		return SASL_FAIL;
	size_t n = strlen(password);
	wipe_secret(c);
	c->secret = mem_get(sizeof(*c->secret) + n);
	c->secret->len = n;
	memcpy(c->secret->data, password, n + 1);
	*result = c->secret;
	return SASL_OK;
}

/* As the library is called back: its types do not say with what. */
#define CALLBACK(fn)	((int (*)(void))(void (*)(void))(fn))

static bool
set_properties(struct saslclient *c)
{
	const struct saslclient_params *p = &c->p;
	sasl_security_properties_t s = {
		.min_ssf = p->min_ssf, .max_ssf = p->max_ssf, .maxbufsize = LAYER_ROOM,
	};
	sasl_ssf_t external = (sasl_ssf_t)p->external_ssf;
	c->binding = (sasl_channel_binding_t){
		.name = "tls-exporter", .data = (const unsigned char *)p->binding.p,
		.len = p->binding.n,
	};
	return sasl_setprop(c->conn, SASL_SEC_PROPS, &s) == SASL_OK &&
	    sasl_setprop(c->conn, SASL_SSF_EXTERNAL, &external) == SASL_OK &&
	    (!p->has_certificate ||
	    sasl_setprop(c->conn, SASL_AUTH_EXTERNAL, p->authcid) == SASL_OK) &&
	    (p->binding.n == 0 ||
	    sasl_setprop(c->conn, SASL_CHANNEL_BINDING, &c->binding) == SASL_OK);
}

enum err
saslclient_new(const struct saslclient_params *p, struct saslclient **out)
{
	*out = NULL;
	/* Never undone: plugins that are unloaded forget what they had allocated. */
	if (sasl_client_init(NULL) != SASL_OK)
		return ERR_IO;
	struct saslclient *c = mem_zero(1, sizeof(*c));
	c->p = *p;
	buf_init(&c->chosen);
	const sasl_callback_t callbacks[] = {
		{ SASL_CB_USER, CALLBACK(on_name), c },
		{ SASL_CB_AUTHNAME, CALLBACK(on_name), c },
		{ SASL_CB_GETREALM, CALLBACK(on_realm), c },
		{ SASL_CB_PASS, CALLBACK(on_password), c },
		{ SASL_CB_LIST_END, NULL, NULL },
	};
	memcpy(c->callbacks, callbacks, sizeof(callbacks));
	if (sasl_client_new(p->service, p->host, p->local_ip_port, p->remote_ip_port,
	    c->callbacks, 0, &c->conn) != SASL_OK || !set_properties(c)) {
		saslclient_free(c);
		return ERR_IO;
	}
	*out = c;
	return OK;
}

void
saslclient_free(struct saslclient *c)
{
	if (c == NULL)
		return;
	sasl_dispose(&c->conn);
	wipe_secret(c);
	buf_free(&c->chosen);
	free(c);
}

/* Of a step; what the library gives is its own until the next one. */
static enum err
result_of(struct saslclient *c, int rc, const char *p, unsigned n, struct buf *out)
{
	switch (rc) {
	case SASL_OK:
		c->done = true;
		break;
	case SASL_CONTINUE:
		break;
	case SASL_NOMECH:
		return ERR_UNSUPPORTED;
	default:
		return ERR_AUTH;
	}
	if (p != NULL)
		buf_add(out, p, n);
	return OK;
}

/*
 * The library tells the name without -PLUS, but binds whenever it can and the
 * server's list has the name with it.
 */
static const char *
full_name(struct saslclient *c, const char *name, const char *mechanisms)
{
	buf_adds(&c->chosen, name);
	buf_adds(&c->chosen, "-PLUS");
	struct str all = str_c(mechanisms), word;
	while (c->p.binding.n > 0 && str_next_word(&all, &word))
		if (str_ieq(word, buf_str(&c->chosen)))
			return c->chosen.p;
	buf_truncate(&c->chosen, strlen(name));
	return c->chosen.p;
}

enum err
saslclient_start(struct saslclient *c, const char *mechanisms, const char **chosen,
    struct buf *initial, bool *has_initial)
{
	const char *p = NULL;
	unsigned n = 0;
	const char *name = NULL;
	int rc = sasl_client_start(c->conn, mechanisms, NULL, &p, &n, &name);
	*chosen = full_name(c, name != NULL ? name : "", mechanisms);
	*has_initial = p != NULL;
	return result_of(c, rc, p, n, initial);
}

enum err
saslclient_step(struct saslclient *c, struct str challenge, struct buf *response)
{
	const char *p = NULL;
	unsigned n = 0;
	if (challenge.n > UINT_MAX)
		return ERR_AUTH;
	/* The server's last words may hold no more than that it is done. */
	if (c->done)
		return challenge.n == 0 ? OK : ERR_AUTH;
	int rc = sasl_client_step(c->conn, challenge.p, (unsigned)challenge.n, NULL, &p, &n);
	return result_of(c, rc, p, n, response);
}

enum err
saslclient_finish(struct saslclient *c)
{
	return c->done ? OK : ERR_AUTH;
}

int
saslclient_ssf(const struct saslclient *c)
{
	const void *v = NULL;
	if (!c->done || sasl_getprop(c->conn, SASL_SSF, &v) != SASL_OK || v == NULL)
		return 0;
	return (int)*(const sasl_ssf_t *)v;
}

enum err
saslclient_encode(struct saslclient *c, struct str plain, struct buf *out)
{
	const void *v = NULL;
	if (sasl_getprop(c->conn, SASL_MAXOUTBUF, &v) != SASL_OK || v == NULL)
		return ERR_SYNTAX;
	size_t most = *(const unsigned *)v;
	if (most == 0 || most > LAYER_ROOM)
		most = LAYER_ROOM;
	for (size_t at = 0; at < plain.n; at += most) {
		struct str part = str_slice(plain, at, at + most);
		const char *p;
		unsigned n;
		if (sasl_encode(c->conn, part.p, (unsigned)part.n, &p, &n) != SASL_OK)
			return ERR_SYNTAX;
		buf_add(out, p, n);
	}
	return OK;
}

enum err
saslclient_decode(struct saslclient *c, struct str coded, struct buf *out)
{
	const char *p;
	unsigned n;
	if (coded.n > UINT_MAX ||
	    sasl_decode(c->conn, coded.p, (unsigned)coded.n, &p, &n) != SASL_OK)
		return ERR_SYNTAX;
	buf_add(out, p, n);
	return OK;
}

const char *
saslclient_why(const struct saslclient *c)
{
	return sasl_errdetail(c->conn);
}
