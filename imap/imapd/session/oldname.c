/* oldname.c - a mailbox's name, when it is not as the client wrote it */
#include "imap/imapd/session/oldname.h"

static void
put(struct session *s, struct str sent, struct str internal, const char *attributes, bool always)
{
	struct buf name = BUF_INIT;
	name_to_external(&s->names, internal, &name);
	if (sent.n > 1 && sent.p[sent.n - 1] == s->names.sep)
		sent.n--;		/* CREATE's declaration, no other name */
	bool same = str_ieq(sent, buf_str(&name));	/* in any case: INBOX */
	if (always || !same) {
		reply_printf(s->reply, "* LIST (%s) \"%c\" ", attributes, s->names.sep);
		reply_astring(s->reply, buf_str(&name));
		if (!same) {
			reply_puts(s->reply, " (\"OLDNAME\" (");
			reply_astring(s->reply, sent);
			reply_puts(s->reply, "))");
		}
		reply_crlf(s->reply);
	}
	buf_free(&name);
}

void
oldname_put(struct session *s, struct str sent, struct str internal, bool always)
{
	put(s, sent, internal, "", always);
}

void
oldname_put_gone(struct session *s, struct str sent, struct str internal)
{
	put(s, sent, internal, "\\NonExistent", false);
}
