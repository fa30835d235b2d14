/* rights.c - MYRIGHTS responses (RFC 4314 section 3.8) */
#include "imap/imapd/session/rights.h"

void
rights_put_mine(struct session *s, struct str name, rights_t rights)
{
	struct buf letters = BUF_INIT;

	acl_format_rights(rights, &letters);
	reply_puts(s->reply, "* MYRIGHTS ");
	reply_astring(s->reply, name);
	reply_puts(s->reply, " ");
	reply_astring(s->reply, buf_str(&letters));
	reply_crlf(s->reply);
	buf_free(&letters);
}
