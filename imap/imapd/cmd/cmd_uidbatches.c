/* cmd_uidbatches.c - UIDBATCHES: a mailbox in parts of equal size (RFC 10022) */
#include "imap/imapd/cmd/cmd.h"

/* "* UIDBATCHES (TAG "a1") 215295:99696,99695:20351", or without ranges */
static void
tell(struct session *s, const struct command *c, uint32_t size, uint32_t first, uint32_t last)
{
	reply_puts(s->reply, "* UIDBATCHES (TAG \"");
	reply_put(s->reply, c->tag);
	reply_puts(s->reply, "\")");
	for (uint64_t n = first; n <= last; n++) {
		struct uidrange r = batches_range(s->mbox, size, (uint32_t)n);

		reply_puts(s->reply, n == first ? " " : ",");
		reply_number(s->reply, r.first);
		reply_puts(s->reply, ":");
		reply_number(s->reply, r.last);
	}
	reply_crlf(s->reply);
}

/*
 * All that there are can be told at once, so nobody hears TOOMANY (section
 * 3.1.7): a batch costs a look at one number.
 */
enum err
run_uidbatches(struct session *s, struct command *c)
{
	const struct uidbatches_req *r = c->req;
	uint32_t first = r->has_range ? r->first : 1;
	uint32_t last = r->has_range ? r->last : UINT32_MAX;

	if (first > last) {
		c->code = "CLIENTBUG";
		c->text = "Invalid batch range";
		return ERR_SYNTAX;
	}
	if (r->size < BATCH_LEAST) {
		c->code = "TOOFEW";
		c->text = "Minimum batch size is 500";
		return ERR_LIMIT;
	}
	if (last > batches_count(s->mbox, r->size))
		last = batches_count(s->mbox, r->size);
	if (first <= last && !batches_tell(&s->batches, s->mbox, r->size, first, last)) {
		c->text = "You know these batches, and the mailbox is as it was";
		return ERR_LIMIT;
	}
	tell(s, c, r->size, first, last);
	return OK;
}
