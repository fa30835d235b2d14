/* transaction.c - replies, and the end of a mail transaction */
#include "imap/lmtpd/session.h"

#include "imap/lmtpd/receive.h"

#include <stdlib.h>

void
lmtp_reply(struct lmtp_session *l, int code, const char *enhanced, const char *text)
{
	/* Of the dialogue; a recipient who is unknown is nobody's error here. */
	if (code >= 500 && code <= 504)
		l->errors++;
	if (enhanced != NULL)
		stream_printf(l->s, "%d %s %s\r\n", code, enhanced, text);
	else
		stream_printf(l->s, "%d %s\r\n", code, text);
}

void
lmtp_reset(struct lmtp_session *l)
{
	blob_free(l->blob);
	free(l->receiver);
	l->blob = NULL;
	l->receiver = NULL;
	l->data_error = OK;
	l->has_sender = false;
	l->sender = NULL;
	user_free(l->post_as);
	l->post_as = NULL;
	l->utf8 = false;
	l->flags = 0;
	l->rcpts = 0;
	arena_free(l->arena);
	l->arena = arena_new(LMTP_SESSION_MEMORY);
}
