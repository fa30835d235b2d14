/*
 * sasl_prepare.c - passwords that are not ASCII (RFC 4616 section 2, RFC 6856)
 *
 * Each password that comes as it is passes here before the library looks at it,
 * be it of a command or of PLAIN or LOGIN.  What it becomes by SASLprep is tried
 * first, and then, by the library, what was typed: a database is filled by
 * whoever has it, and may hold either.
 *
 * Clients from before UTF-8 send a password in the letters that they had, and a
 * database that has come with its users from Cyrus has the same octets.  Of a
 * command, and of LOGIN, which no RFC describes, these are taken as they are;
 * PLAIN is UTF-8.
 */
#include "lib/sasl_in.h"
#include "lib/saslprep.h"
#include "lib/utf8.h"

static bool
is_password(struct sasl_conn *c, const char *user, struct str password)
{
	sasl_callback_t callbacks[] = {
		{ SASL_CB_GETOPT, SASL_CALLBACK_OF(sasl_on_getopt), c },
		{ SASL_CB_LIST_END, NULL, NULL },
	};
	sasl_conn_t *other = NULL;
	int rc = sasl_server_new(c->peer.service, conf_string(c->conf, CONF_SERVERNAME),
	    NULL, c->peer.local_ip_port, c->peer.remote_ip_port, callbacks, 0, &other);
	struct str name = str_c(user);
	if (rc == SASL_OK)
		rc = sasl_checkpass(other, name.p, (unsigned)name.n, password.p,
		    (unsigned)password.n);
	sasl_dispose(&other);
	return rc == SASL_OK;
}

int
sasl_on_checkpass(sasl_conn_t *conn, void *context, const char *user, const char *pass,
    unsigned passlen, struct propctx *props)
{
	(void)conn, (void)props;
	struct sasl_conn *c = context;
	struct str given = { pass, passlen };
	struct buf prepared = BUF_INIT;
	bool is_raw = !utf8_valid(given)
	    && (c->mechanism.n == 0 || str_ieq(buf_str(&c->mechanism), STR("LOGIN")));
	c->is_forbidden = !is_raw && saslprep(given, &prepared) != OK;
	bool good = !is_raw && !c->is_forbidden && !str_eq(buf_str(&prepared), given)
	    && is_password(c, user, buf_str(&prepared));
	buf_wipe(&prepared);
	/* Not OK: the library goes on as if nobody had been asked. */
	return good ? SASL_OK : SASL_FAIL;
}
