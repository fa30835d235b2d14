/* cmd_search.c - SEARCH, UID SEARCH (RFC 3501 section 6.4.4) */
#include "imap/imapd/cmd.h"
#include "imap/imapd/search_resolve.h"

#include <time.h>

/* "* SEARCH" *(SP nz-number) */
static void
write_numbers(struct session *s, bool uid, const uint32_t *seqs, size_t n)
{
	struct buf line = BUF_INIT;

	buf_adds(&line, "* SEARCH");
	for (size_t i = 0; i < n; i++) {
		buf_addc(&line, ' ');
		buf_addu(&line, uid ? mbox_uid(s->mbox, seqs[i]) : seqs[i]);
	}
	buf_adds(&line, "\r\n");
	reply_put(s->reply, buf_str(&line));
	buf_free(&line);
}

enum err
run_search(struct session *s, struct command *c)
{
	struct search_req *req = c->req;
	struct search_how how = { COLLATE_UNICODE_CASEMAP, time(NULL), NULL };
	uint32_t *seqs;
	size_t n;
	enum err e = search_resolve(c->arena, s->mbox, req->key);

	if (e == ERR_SYNTAX)
		c->text = "There is no message with that sequence number";
	if (e != OK)
		return e;
	search_prepare(c->arena, &how, req->key);
	e = search_run(s->mbox, c->arena, &how, req->key, &seqs, &n);
	if (e == OK)
		write_numbers(s, c->uid, seqs, n);
	return e;
}
