/* NAMESPACE (RFC 2342, RFC 5255 section 3.4) */
#include "imap/imapd/cmd/cmd_namespace.h"
#include "imap/imapd/cmd/cmd.h"

/* SP "TRANSLATION" SP "(" string ")" */
static void
put_translation(struct session *s, const char *english)
{
	const char *text = text_in(s->reply->language, english);
	struct buf prefix = BUF_INIT;
	if (text == english)
		return;
	name_prefix(&s->names, text, &prefix);
	reply_puts(s->reply, " \"TRANSLATION\" (");
	reply_string(s->reply, buf_str(&prefix));
	reply_puts(s->reply, ")");
	buf_free(&prefix);
}

/* Namespace = "((" string SP DQUOTE QUOTED-CHAR DQUOTE [...] "))" */
static void
put_namespace(struct session *s, const struct buf *prefix, const char *english)
{
	reply_puts(s->reply, " ((");
	reply_string(s->reply, buf_str(prefix));
	reply_printf(s->reply, " \"%c\"", s->names.sep);
	if (english != NULL && prefix->n > 0)
		put_translation(s, english);
	reply_puts(s->reply, "))");
}

void
namespace_put(struct session *s)
{
	struct name_prefixes p = { BUF_INIT, BUF_INIT, BUF_INIT };
	bool alt = s->names.alt && !s->names.is_admin;
	name_prefixes(&s->names, &p);
	reply_puts(s->reply, "* NAMESPACE");
	put_namespace(s, &p.personal, NULL);
	put_namespace(s, &p.other, alt ? s->names.other : NULL);
	put_namespace(s, &p.shared, alt ? s->names.shared : NULL);
	reply_crlf(s->reply);
	buf_free(&p.personal);
	buf_free(&p.other);
	buf_free(&p.shared);
}

enum err
run_namespace(struct session *s, struct command *c)
{
	(void)c;
	namespace_put(s);
	return OK;
}
