/* search-correlator = SP "(" one-correlator *(SP one-correlator) ")" (RFC 7377 section 4) */
#include "imap/imapd/session/correlator.h"

void
correlator_put(struct reply *r, struct str tag, struct mbox *m, const char *mailbox)
{
	reply_puts(r, "* ESEARCH (TAG \"");
	reply_put(r, tag);
	reply_puts(r, "\"");
	if (mailbox != NULL) {
		reply_puts(r, " MAILBOX ");
		reply_astring(r, str_c(mailbox));
		reply_puts(r, " UIDVALIDITY ");
		reply_number(r, mbox_uidvalidity(m));
	}
	reply_puts(r, ")");
}
