/* pop3_capa.c - what is legal at any time: CAPA, LANG */
#include "imap/door/pop3_capa.h"

#include "config.h"

#include <inttypes.h>

enum { DAY = 24 * 60 * 60 };

/* RFC 2449 sections 6.5 and 6.7; they are the same for all users. */
static void
put_policy(struct buf *out, const struct conf *conf)
{
	int64_t expire = conf_seconds(conf, CONF_POPEXPIRETIME);

	if (expire < 0)
		buf_adds(out, "EXPIRE NEVER\r\n");
	else
		buf_printf(out, "EXPIRE %" PRId64 "\r\n", expire / DAY);
	buf_printf(out, "LOGIN-DELAY %" PRId64 "\r\n", conf_seconds(conf, CONF_POPMINPOLL));
}

void
pop3_capabilities(struct buf *out, enum language l, const struct pop3_capa *c)
{
	pop3_ok(out, l, "List of capabilities follows");
	if (c->mechanisms.n > 0)
		buf_printf(out, "SASL %.*s\r\n", STR_ARG(c->mechanisms));
	if (c->stls)
		buf_adds(out, "STLS\r\n");
	if (c->plaintext)
		buf_adds(out, "USER\r\n");
	buf_adds(out, "TOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n");
	put_policy(out, c->conf);
	buf_adds(out, "UTF8 USER\r\nLANG\r\n");
	/* "a server MAY chose to do so only in TRANSACTION state" (section 6.9) */
	if (c->logged_in || conf_enum(c->conf, CONF_SERVERINFO) > 1)
		buf_adds(out, "IMPLEMENTATION Chapar-POP3-" PACKAGE_VERSION "\r\n");
	buf_adds(out, ".\r\n");
}

static void
list_languages(struct buf *out, enum language l)
{
	pop3_ok(out, l, "List of languages follows");
	for (unsigned i = LANGUAGE_ENGLISH; i < LANGUAGES; i++)
		buf_printf(out, "%s %s\r\n", language_tag(i), language_name(i));
	buf_adds(out, ".\r\n");
}

void
pop3_choose_language(struct buf *out, struct str args, enum language *l)
{
	enum language chosen;
	struct str range;

	if (!pop3_word(&args, &range)) {
		list_languages(out, *l);
		return;
	}
	if (args.n > 0 || !language_find(range, &chosen)) {
		pop3_err(out, *l, NULL, args.n > 0 ? "Too many arguments" : "No such language");
		return;
	}
	/* What it is without a choice is English; here it gets its name. */
	*l = chosen == LANGUAGE_DEFAULT ? LANGUAGE_ENGLISH : chosen;
	buf_printf(out, "+OK %s %s\r\n", language_tag(*l), pop3_text(*l, "Language changed"));
}
