/*
 * lmtpd.c - the LMTP worker
 *
 *	lmtpd [-C FILE] [-U USES] [-T TIMEOUT] [-s] [-a]
 *
 * -a: whoever connects over TCP is trusted and need not authenticate, as
 * clients of a UNIX socket always are.
 */
#include "imap/lmtpd/lmtp.h"
#include "imap/server/domain.h"
#include "imap/server/server.h"

#include <stdlib.h>
#include <unistd.h>

enum { TIMEOUT_MIN = 300 };	/* RFC 5321 section 4.5.3.2.7: at least five minutes */

struct lmtpd {
	bool trust_all;			/* -a */
	struct lmtp_service service;
};

static bool
option(void *ctx, int letter, const char *value)
{
	struct lmtpd *d = ctx;

	(void)value;
	if (letter != 'a')
		return false;
	d->trust_all = true;
	return true;
}

static enum err
start(struct server *s)
{
	struct lmtpd *d = s->ctx;
	int64_t timeout = conf_seconds(s->conf, CONF_TIMEOUT);

	/* Its clients are few, and none of them comes for nothing. */
	if (server_open_store(s) != OK)
		return ERR_IO;
	d->service = (struct lmtp_service){
		.store = s->store,
		.servername = s->hostname,
		.max_size = (uint64_t)conf_bytes(s->conf, CONF_MAXMESSAGESIZE),
		.reject_8bit = conf_switch(s->conf, CONF_REJECT8BIT),
		.munge_8bit = conf_switch(s->conf, CONF_MUNGE8BIT),
		.over_quota_permanent =
		    conf_switch(s->conf, CONF_LMTP_OVER_QUOTA_PERM_FAILURE),
		.timeout = timeout < TIMEOUT_MIN ? TIMEOUT_MIN : (int)timeout,
		.policy = {
			.postuser = conf_string(s->conf, CONF_POSTUSER),
			.sep = conf_switch(s->conf, CONF_UNIXHIERARCHYSEP) ? '/' : '.',
			.lowercase = conf_switch(s->conf, CONF_LMTP_DOWNCASE_RCPT),
			.suppress_duplicates =
			    conf_switch(s->conf, CONF_DUPLICATESUPPRESSION),
			.domains = domain_enabled(s->conf) ? s->conf : NULL,
		},
	};
	return OK;
}

static void
session(struct server *s, struct client *c)
{
	struct lmtpd *d = s->ctx;
	struct lmtp_client client = {
		.host = c->host,
		.trusted = d->trust_all || c->remote_ip_port == NULL,
		.login = peer_login(s, c),
		.server = s, .connection = c,
	};

	server_status(s, c, NULL, NULL);
	if (!c->starts_tls || peer_start_tls(s, c, client.login) == OK)
		lmtp_session(&d->service, &client, c->stream);
	login_free(client.login);
}

static void
refuse(struct client *c, const char *why)
{
	stream_printf(c->stream, "421 4.3.2 %s\r\n", why);
}

int
main(int argc, char **argv)
{
	static const struct server_program program = {
		.name = "lmtpd",
		.service = "lmtp",
		.sasl_service = "lmtp",
		.options = "a",
		.option = option,
		.start = start,
		.serve = session,
		.refuse = refuse,
	};
	struct lmtpd d = { .trust_all = false };

	return server_main(argc, argv, &program, &d);
}
