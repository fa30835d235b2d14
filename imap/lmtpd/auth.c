/* auth.c - AUTH (RFC 4954), for TCP clients that are not trusted */
#include "imap/lmtpd/session.h"

#include "lib/b64.h"
#include "lib/log.h"

#include <stdlib.h>
#include <string.h>

enum { RESPONSE_MAX = 12288 };

/* Asks with CHALLENGE and decodes what the client says. */
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
	while (e == OK && text.n > 0 && strchr("\r\n", text.p[text.n - 1]) != NULL)
		buf_truncate(&text, text.n - 1);
	if (e == OK && str_eq(buf_str(&text), STR("*")))
		e = ERR_DENIED;
	else if (e == OK)
		e = b64_decode(buf_str(&text), answer);
	buf_wipe(&text);
	return e;
}

static enum err
exchange(struct lmtp_session *l, struct str mechanism, const struct str *initial)
{
	struct buf challenge = BUF_INIT, answer = BUF_INIT;
	enum err e = sasl_start(l->sasl, mechanism, initial, &challenge);

	while (e == ERR_AGAIN) {
		buf_reset(&answer);
		e = ask(l, &challenge, &answer);
		if (e != OK)
			break;
		buf_reset(&challenge);
		e = sasl_step(l->sasl, buf_str(&answer), &challenge);
	}
	buf_wipe(&answer);
	buf_free(&challenge);
	return e;
}

static enum err
answer(struct lmtp_session *l, enum err e)
{
	if (e == ERR_CLOSED || e == ERR_TIMEOUT)
		return e;
	if (e == OK) {
		l->authuser = strdup(sasl_authzid(l->sasl));
		log_notice("login: [%s] %s LMTP", l->client->host, l->authuser);
		lmtp_reply(l, 235, "2.7.0", "Authenticated");
	} else if (e == ERR_DENIED) {
		lmtp_reply(l, 501, "5.7.0", "Authentication cancelled");
	} else if (e == ERR_SYNTAX || e == ERR_LIMIT) {
		lmtp_reply(l, 501, "5.5.2", "Cannot decode the response");
	} else if (e == ERR_UNSUPPORTED) {
		lmtp_reply(l, 504, "5.5.4", "Mechanism is not available");
	} else {
		log_notice("badlogin: [%s] LMTP %s", l->client->host, sasl_why(l->sasl));
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

	if (l->sasl == NULL || l->authuser != NULL || l->has_sender) {
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
	return answer(l, e);
}
