/* progress.c - a word now and then while a command takes long (RFC 9585) */
#include "imap/imapd/session/progress.h"

void
progress_begin(struct progress *p, struct session *s, const struct command *c)
{
	int64_t seconds = conf_seconds(s->server->conf, CONF_IMAP_INPROGRESS_INTERVAL);
	*p = (struct progress){
		.s = s, .tag = c->tag, .interval_ns = seconds * INT64_C(1000000000),
	};
	p->next_ns = c->started_ns + p->interval_ns;
}

static void
put_number(struct reply *r, uint64_t n)
{
	reply_puts(r, " ");
	if (n == 0)
		reply_puts(r, "NIL");
	else
		reply_number(r, n);
}

/* "INPROGRESS" SP "(" tag SP number / nil SP nz-number / nil ")" (section 5) */
void
progress_step(struct progress *p, uint64_t done, uint64_t total)
{
	struct reply *r = p->s->reply;
	int64_t now = p->interval_ns > 0 ? session_clock() : 0;
	if (p->interval_ns <= 0 || now < p->next_ns)
		return;
	p->next_ns = now + p->interval_ns;
	reply_puts(r, "* OK [INPROGRESS (");
	reply_string(r, p->tag);
	put_number(r, done);
	put_number(r, total);
	reply_puts(r, ")] ");
	reply_puts(r, text_in(r->language, "Still at work"));
	reply_crlf(r);
	/* Who has hung up is noticed when the command is done. */
	(void)!stream_flush(p->s->stream);
}

static void
step(void *ctx, uint32_t done, uint32_t total)
{
	progress_step(ctx, done, total);
}

struct search_progress
progress_of_search(struct progress *p)
{
	return (struct search_progress){ step, p };
}
