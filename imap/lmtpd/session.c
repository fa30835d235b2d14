/* session.c - the dialogue: commands, which may come when, the answers */
#include "imap/lmtpd/session.h"

#include "lib/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- commands --- */

static bool
may_auth(const struct lmtp_session *l)
{
	return !l->client->trusted && l->user == NULL;
}

/* TLS would have to go underneath a layer of SASL's. */
static bool
may_start_tls(const struct lmtp_session *l)
{
	return l->mechanisms.n == 0
	    && peer_may_start_tls(l->client->server, l->client->connection);
}

static enum err
cmd_lhlo(struct lmtp_session *l, struct str args)
{
	struct buf mechs = BUF_INIT;

	if (args.n == 0 || args.n >= sizeof(l->helo)) {
		lmtp_reply(l, 501, "5.5.4", "LHLO needs your name");
		return OK;
	}
	for (size_t i = 0; i < args.n; i++) {
		unsigned char c = (unsigned char)args.p[i];

		/* It goes into Received: nothing that could end a comment. */
		l->helo[i] = c <= ' ' || c >= 127 || strchr("()<>\\\"", c) != NULL ?
		    '?' : (char)c;
	}
	l->helo[args.n] = '\0';
	lmtp_reset(l);
	stream_printf(l->s, "250-%s\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
	    "250-PIPELINING\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n", l->service->servername);
	if (l->service->max_size > 0)
		stream_printf(l->s, "250-SIZE %llu\r\n",
		    (unsigned long long)l->service->max_size);
	else
		stream_puts(l->s, "250-SIZE\r\n");
	if (may_start_tls(l))
		stream_puts(l->s, "250-STARTTLS\r\n");
	/* In the layer he can see whether somebody has shortened the list before. */
	buf_add_str(&mechs, buf_str(&l->mechanisms));
	if (may_auth(l) || mechs.n > 0) {
		if (may_auth(l))
			login_mechanisms(l->client->login, "", &mechs);
		if (mechs.n > 0)
			stream_printf(l->s, "250-AUTH %s\r\n", mechs.p);
	}
	if (l->client->trusted)
		stream_puts(l->s, "250-XFLAGS\r\n");
	stream_puts(l->s, "250 IGNOREQUOTA\r\n");
	buf_free(&mechs);
	return OK;
}

/* Takes "FROM:" or "TO:" off the arguments. */
static bool
take_word(struct str *args, const char *word)
{
	size_t n = strlen(word);

	if (args->n < n || !str_ieq((struct str){ args->p, n }, str_c(word)))
		return false;
	args->p += n;
	args->n -= n;
	return true;
}

static enum err
cmd_mail(struct lmtp_session *l, struct str args)
{
	if (take_word(&args, "FROM:"))
		lmtp_mail(l, args);
	else
		lmtp_reply(l, 501, "5.5.4", "Syntax: MAIL FROM:<user@domain>");
	return OK;
}

static enum err
cmd_rcpt(struct lmtp_session *l, struct str args)
{
	if (take_word(&args, "TO:"))
		lmtp_rcpt(l, args);
	else
		lmtp_reply(l, 501, "5.5.4", "Syntax: RCPT TO:<user@domain>");
	return OK;
}

static enum err
cmd_data(struct lmtp_session *l, struct str args)
{
	(void)args;
	return lmtp_data(l);
}

static enum err
cmd_rset(struct lmtp_session *l, struct str args)
{
	(void)args;
	lmtp_reset(l);
	lmtp_reply(l, 250, "2.0.0", "ok");
	return OK;
}

static enum err
cmd_noop(struct lmtp_session *l, struct str args)
{
	(void)args;
	lmtp_reply(l, 250, "2.0.0", "ok");
	return OK;
}

static enum err
cmd_vrfy(struct lmtp_session *l, struct str args)
{
	if (args.n == 0)
		lmtp_reply(l, 501, "5.5.4", "VRFY needs a name");
	else
		lmtp_reply(l, 252, "2.5.2", "Try RCPT to attempt delivery");
	return OK;
}

static enum err
cmd_help(struct lmtp_session *l, struct str args)
{
	(void)args;
	lmtp_reply(l, 214, "2.0.0", "See RFC 2033: LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT");
	return OK;
}

static enum err
cmd_quit(struct lmtp_session *l, struct str args)
{
	(void)args;
	lmtp_reply(l, 221, "2.0.0", "bye");
	l->quit = true;
	return OK;
}

static enum err
cmd_starttls(struct lmtp_session *l, struct str args)
{
	enum err e;

	if (!may_start_tls(l) || args.n > 0) {
		lmtp_reply(l, args.n > 0 ? 501 : 502, "5.5.1", "STARTTLS cannot be used now");
		return OK;
	}
	lmtp_reply(l, 220, "2.0.0", "Begin TLS negotiation now");
	e = peer_start_tls(l->client->server, l->client->connection, l->client->login);
	lmtp_reset(l);
	l->helo[0] = '\0';		/* RFC 3207: the client says LHLO again */
	return e;
}

static const struct command {
	const char *name;
	bool needs_lhlo, needs_auth, no_args;
	enum err (*run)(struct lmtp_session *l, struct str args);
} commands[] = {
	{ "LHLO", false, false, false, cmd_lhlo },
	{ "MAIL", true, true, false, cmd_mail },
	{ "RCPT", true, true, false, cmd_rcpt },
	{ "DATA", true, true, true, cmd_data },
	{ "BDAT", true, true, false, lmtp_bdat },
	{ "RSET", false, false, true, cmd_rset },
	{ "NOOP", false, false, false, cmd_noop },
	{ "QUIT", false, false, true, cmd_quit },
	{ "VRFY", false, false, false, cmd_vrfy },
	{ "HELP", false, false, false, cmd_help },
	{ "AUTH", true, false, false, lmtp_auth },
	{ "STARTTLS", true, false, false, cmd_starttls },
};

static enum err
run(struct lmtp_session *l, const struct command *c, struct str args)
{
	bool early = c->needs_lhlo && l->helo[0] == '\0';

	/* Its octets follow in any case: they are not commands. */
	if (c->run == lmtp_bdat && (early || may_auth(l)))
		return lmtp_bdat(l, args);
	if (early) {
		lmtp_reply(l, 503, "5.5.1", "Say LHLO first");
	} else if (c->needs_auth && may_auth(l)) {
		lmtp_reply(l, 530, "5.7.0", "Authentication required");
	} else if (c->no_args && args.n > 0) {
		lmtp_reply(l, 501, "5.5.4", "This command takes no argument");
	} else {
		return c->run(l, args);
	}
	return OK;
}

static enum err
dispatch(struct lmtp_session *l, struct str line)
{
	const char *sp = memchr(line.p, ' ', line.n);
	struct str verb = { line.p, sp != NULL ? (size_t)(sp - line.p) : line.n };
	struct str args = { line.p + verb.n, line.n - verb.n };

	while (args.n > 0 && *args.p == ' ') {
		args.p++;
		args.n--;
	}
	while (args.n > 0 && args.p[args.n - 1] == ' ')
		args.n--;
	if (memchr(line.p, '\0', line.n) != NULL) {
		lmtp_reply(l, 500, "5.5.2", "Command contains a NUL");
		return OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (str_ieq(verb, str_c(commands[i].name)))
			return run(l, &commands[i], args);
	lmtp_reply(l, 500, "5.5.1", str_ieq(verb, STR("HELO")) || str_ieq(verb, STR("EHLO")) ?
	    "This is LMTP: say LHLO" : "Unrecognized command");
	return OK;
}

static enum err
one_command(struct lmtp_session *l, struct buf *line)
{
	enum err e;

	/* Answers go out together when no further command is waiting. */
	if (stream_pending(l->s) == 0) {
		e = stream_flush(l->s);
		if (e != OK)
			return e;
	}
	buf_reset(line);
	e = stream_getline(l->s, line, LMTP_LINE_MAX);
	if (e == ERR_LIMIT) {
		lmtp_reply(l, 500, "5.5.2", "Line is too long");
		return OK;
	}
	if (e != OK)
		return e;
	while (line->n > 0 && (line->p[line->n - 1] == '\n' || line->p[line->n - 1] == '\r'))
		buf_truncate(line, line->n - 1);
	return dispatch(l, buf_str(line));
}

void
lmtp_session(const struct lmtp_service *service, const struct lmtp_client *client,
    struct stream *s)
{
	struct lmtp_session l = {
		.service = service, .client = client, .s = s, .mechanisms = BUF_INIT,
	};
	struct buf line = BUF_INIT;
	enum err e = OK;

	lmtp_reset(&l);
	stream_timeout(s, service->timeout);
	if (may_auth(&l))
		stream_deadline(s, LMTP_LOGIN_SECONDS);
	stream_printf(s, "220 %s LMTP Chapar ready\r\n", service->servername);
	while (e == OK && !l.quit) {
		e = one_command(&l, &line);
		if (l.errors > LMTP_ERRORS_MAX && e == OK) {
			lmtp_reply(&l, 421, "4.7.0", "Too many errors");
			l.quit = true;
		}
		store_maintain(service->store);
	}
	if (e == ERR_TIMEOUT)
		stream_puts(s, "421 4.4.2 Timeout, closing the connection\r\n");
	if (stream_flush(s) != OK)
		log_debug("%s: connection lost: %s", client->host, err_text(e));
	buf_free(&line);
	blob_free(l.blob);
	free(l.receiver);
	free(l.rcpt);
	user_free(l.post_as);
	user_free(l.user);
	buf_free(&l.mechanisms);
	arena_free(l.arena);
}
