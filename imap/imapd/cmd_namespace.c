/* NAMESPACE (RFC 2342) */
#include "imap/imapd/cmd.h"

/* Namespace = "((" string SP DQUOTE QUOTED-CHAR DQUOTE "))" */
static void
put_namespace(struct session *s, const struct buf *prefix)
{
	const char sep[2] = { s->names.sep, '\0' };
	reply_puts(s->reply, "((");
	reply_string(s->reply, buf_str(prefix));
	reply_puts(s->reply, " \"");
	reply_puts(s->reply, sep);
	reply_puts(s->reply, "\"))");
}

enum err
run_namespace(struct session *s, struct command *c)
{
	(void)c;
	struct name_prefixes p = { BUF_INIT, BUF_INIT, BUF_INIT };
	name_prefixes(&s->names, &p);
	reply_puts(s->reply, "* NAMESPACE ");
	put_namespace(s, &p.personal);
	reply_puts(s->reply, " ");
	put_namespace(s, &p.other);
	reply_puts(s->reply, " ");
	put_namespace(s, &p.shared);
	reply_crlf(s->reply);
	buf_free(&p.personal);
	buf_free(&p.other);
	buf_free(&p.shared);
	return OK;
}
