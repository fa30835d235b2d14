#include "imap/server/secure.h"
#include "imap/server/tlsconf.h"
#include "lib/log.h"
#include "lib/tickets.h"
#include "lib/tlskey.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_SECONDS = 5 };

/* The protocols' names for ALPN (RFC 7301 and IANA's list); LMTP has none. */
static const struct {
	const char *sasl_service, *protocol;
} protocols[] = {
	{ "imap", "imap" }, { "pop", "pop3" }, { "sieve", "managesieve" },
};

static const char *
protocol_of(const char *sasl_service)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcmp(protocols[i].sasl_service, sasl_service) == 0)
			return protocols[i].protocol;
	return NULL;
}

bool
secure_params(const struct conf *conf, const char *sasl_service, struct tls_params *params)
{
	bool wanted = tlsconf_params(conf, params);
	params->alpn = protocol_of(sasl_service);
	return wanted;
}

struct tickets *
secure_tickets(void)
{
	const char *text = getenv(SVC_ENV_TICKETS);
	struct tickets *t;
	if (text == NULL)
		return NULL;
	int fd = (int)strtol(text, NULL, 10);
	bool found = tickets_open(fd, &t) == OK;
	close(fd);
	unsetenv(SVC_ENV_TICKETS);
	return found ? t : NULL;
}

struct tlskey_holder *
secure_holder(void)
{
	const char *text = getenv(SVC_ENV_HOLDER);
	if (text == NULL)
		return NULL;
	int fd = (int)strtol(text, NULL, 10);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	unsetenv(SVC_ENV_HOLDER);
	return tlskey_holder_new(fd);
}

void
secure_open(struct server *s)
{
	struct tls_params p;
	time_t now = time(NULL);
	if (s->tls != NULL || s->tls_tried > now - RETRY_SECONDS
	    || !secure_params(s->conf, s->program->sasl_service, &p))
		return;
	s->tls_tried = now;
	if (s->tickets == NULL)
		s->tickets = secure_tickets();
	p.tickets = s->tickets;
	if (s->holder == NULL)
		s->holder = secure_holder();
	p.holder = s->holder;
	p.service = s->service;
	if (tls_context_new(&p, &s->tls) != OK)
		s->tls = NULL;
}

void
secure_refresh(struct server *s)
{
	if (s->tls != NULL)
		tls_context_refresh(s->tls);
	else
		secure_open(s);
}

void
secure_close(struct server *s)
{
	tls_context_free(s->tls);
	tickets_close(s->tickets);
	tlskey_holder_free(s->holder);
	s->tls = NULL;
	s->holder = NULL;
	s->tickets = NULL;
}

bool
secure_may_start(const struct server *s, const struct client *c)
{
	return s->tls != NULL && !stream_is_tls(c->stream)
	    && conf_switch(s->conf, CONF_ALLOWSTARTTLS);
}

/* What is not in every line. */
static void
describe(const struct client *c, struct buf *text)
{
	bool known;
	const char *name = stream_tls_server_name(c->stream, &known);
	if (stream_tls_is_resumed(c->stream))
		buf_adds(text, " reused");
	if (name != NULL && known)
		buf_printf(text, " name %s", name);
	size_t before = text->n;
	buf_adds(text, " client ");
	if (!stream_tls_client_name(c->stream, TLS_NAME_EMAIL, 0, text)
	    && !stream_tls_client_name(c->stream, TLS_NAME_COMMON, 0, text))
		buf_truncate(text, before);
}

enum err
secure_start(const struct server *s, struct client *c)
{
	struct buf more = BUF_INIT;
	enum err e = stream_start_tls(c->stream, s->tls);
	if (e != OK) {
		/* A port that is only tried out is nobody's failure. */
		(e == ERR_CLOSED ? log_info : log_notice)("TLS handshake failed: [%s] %s",
		    c->host, stream_tls_why(c->stream));
		return e;
	}
	describe(c, &more);
	log_info("starttls: %s with cipher %s (%d bits) [%s]%.*s",
	    stream_tls_version(c->stream), stream_tls_cipher(c->stream),
	    stream_tls_bits(c->stream), c->host, more.n < 300 ? (int)more.n : 300,
	    more.n > 0 ? more.p : "");
	buf_free(&more);
	return OK;
}

void
secure_end(const struct client *c)
{
	if (stream_saw_tls(c->stream))
		log_notice("[%s] has begun TLS at once where it begins without: the client"
		    " needs another port or STARTTLS", c->host);
	if (stream_tls_is_truncated(c->stream))
		log_debug("TLS: [%s] has gone without ending it: mostly a careless client,"
		    " perhaps somebody who cuts connections", c->host);
}
