/* COMPRESS (RFC 4978) */
#include "imap/imapd/cmd/cmd.h"

/*
 * "The server MUST send the tagged OK before it begins to compress": so this
 * command answers itself.
 */
enum err
run_compress(struct session *s, struct command *c)
{
	const struct compress_req *r = c->req;
	if (!str_ieq(r->algorithm, STR("DEFLATE"))) {
		c->text = "There is DEFLATE only";
		return ERR_UNSUPPORTED;
	}
	if (stream_is_deflated(s->stream)) {
		c->code = "COMPRESSIONACTIVE";
		c->text = "DEFLATE is active already";
		return ERR_EXISTS;
	}
	struct reply_tagged go = { .tag = c->tag, .text = "DEFLATE active" };
	reply_tagged(s->reply, &go);
	c->answered = true;
	stream_start_deflate(s->stream);
	return OK;
}
