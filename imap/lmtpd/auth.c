/*
 * auth.c - AUTH (RFC 4954), for TCP clients that are not trusted
 *
 * Who may act as whom, the log's line and the pause after a failure are
 * login.h's, as for IMAP.
 */
#include "imap/lmtpd/session.h"

#include "lib/b64.h"

#include <string.h>

enum { RESPONSE_MAX = 64 * 1024 };	/* tickets and tokens are long */

/* Asks with CHALLENGE and decodes what the client says.  ERR_SYNTAX: "*", no base64. */
static enum err
ask(struct lmtp_session *l, const struct buf *challenge, struct buf *answer)
{
	struct buf text = BUF_INIT;
	enum err e;

	b64_encode(buf_str(challenge), &text);
	stream_printf(l->s, "334 %s\r\n", text.p);
	e = stream_flush(l->s);
	buf_reset(&text);
	if (e == OK)
		e = stream_getline(l->s, &text, RESPONSE_MAX);
	while (e == OK && text.n > 0
	    && (text.p[text.n - 1] == '\r' || text.p[text.n - 1] == '\n'))
		buf_truncate(&text, text.n - 1);
	if (e == OK)
		e = b64_decode(buf_str(&text), answer);
	buf_wipe(&text);
	return e;
}

/* Who acts as somebody because an ACL says so needs the store for that. */
static enum err
confirm(struct lmtp_session *l)
{
	enum err e = user_confirm(l->user, l->service->store);

	if (e != OK) {
		user_free(l->user);
		l->user = NULL;
	}
	return e == OK || e == ERR_DENIED ? e : ERR_IO;
}

static enum err
exchange(struct lmtp_session *l, struct str mechanism, const struct str *initial)
{
	struct buf challenge = BUF_INIT, answer = BUF_INIT;
	struct login *login = l->client->login;
	enum err e = login_start(login, mechanism, initial, &challenge, &l->user);

	peer_pause(login);
	while (e == ERR_AGAIN) {
		buf_reset(&answer);
		e = ask(l, &challenge, &answer);
		if (e != OK)
			break;
		buf_reset(&challenge);
		e = login_step(login, buf_str(&answer), &challenge, &l->user);
		peer_pause(login);
	}
	buf_wipe(&answer);
	buf_free(&challenge);
	if (e == OK)
		e = confirm(l);
	return e;
}

static enum err
answer(struct lmtp_session *l, enum err e)
{
	if (e != OK && stream_error(l->s) != OK)
		return e;
	if (e == OK) {
		struct sasl_conn *layer;

		if (login_has_layer(l->client->login))
			login_mechanisms(l->client->login, "", &l->mechanisms);
		layer = login_take_layer(l->client->login);

		stream_deadline(l->s, 0);
		lmtp_reply(l, 235, "2.7.0", "Authenticated");
		if (layer != NULL) {
			peer_start_layer(l->client->connection, layer);
			l->helo[0] = '\0';	/* RFC 4954 section 4: LHLO again */
		}
	} else if (e == ERR_SYNTAX || e == ERR_LIMIT) {
		lmtp_reply(l, 501, "5.5.2", "Authentication cancelled, or no base64");
	} else if (e == ERR_UNSUPPORTED) {
		lmtp_reply(l, 504, "5.5.4", "Mechanism is not available");
	} else if (++l->failed_logins >= LMTP_FAILED_LOGINS_MAX) {
		lmtp_reply(l, 421, "4.7.0", "Too many failed logins");
		l->quit = true;
	} else if (e == ERR_IO) {
		lmtp_reply(l, 454, "4.7.0", "Passwords cannot be checked now; try again later");
	} else {
		lmtp_reply(l, 535, "5.7.8", "Authentication failed");
	}
	return OK;
}

enum err
lmtp_auth(struct lmtp_session *l, struct str args)
{
	const char *sp = args.n > 0 ? memchr(args.p, ' ', args.n) : NULL;
	struct str mechanism = { args.p, sp != NULL ? (size_t)(sp - args.p) : args.n };
	struct str initial = { "", 0 };
	struct buf decoded = BUF_INIT;
	enum err e = OK;

	if (l->client->trusted || l->user != NULL || l->has_sender) {
		lmtp_reply(l, 503, "5.5.1", "AUTH cannot be used now");
		return OK;
	}
	if (mechanism.n == 0) {
		lmtp_reply(l, 501, "5.5.4", "AUTH needs a mechanism");
		return OK;
	}
	if (sp != NULL) {
		initial = (struct str){ sp + 1, args.n - mechanism.n - 1 };
		if (!str_eq(initial, STR("=")))
			e = b64_decode(initial, &decoded);
		initial = buf_str(&decoded);
	}
	if (e == OK)
		e = exchange(l, mechanism, sp != NULL ? &initial : NULL);
	buf_wipe(&decoded);
	explicit_bzero((char *)(uintptr_t)args.p, args.n);
	stream_forget(l->s);
	return answer(l, e);
}
