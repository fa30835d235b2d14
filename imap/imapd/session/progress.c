/* progress.c - a word now and then while a command takes long (RFC 9585) */
#include "imap/imapd/session/progress.h"

enum { TAG_MAX = 255 };

void
progress_begin(struct progress *p, struct session *s, const struct command *c)
{
	int64_t seconds = conf_seconds(s->server->conf, CONF_IMAP_INPROGRESS_INTERVAL);
	*p = (struct progress){
		.s = s, .tag = c->tag, .interval_ns = seconds * INT64_C(1000000000),
	};
	p->next_ns = c->started_ns + p->interval_ns;
}

/*
 * inprogress-tag = quoted / nil.  "If the tag contains the "]" character, it MUST
 * be set to NIL", as one must be that would become a literal.
 */
static void
put_tag(struct reply *r, struct str tag)
{
	if (tag.n > TAG_MAX || str_chr(tag, ']') < tag.n)
		reply_puts(r, "NIL");
	else
		reply_string(r, tag);
}

/*
 * inprogress-state: both are unknown, or the goal is, or it is ahead: "it MUST be
 * greater than PROGRESS".  Both are numbers of 32 bits.
 */
static void
put_state(struct reply *r, uint64_t done, uint64_t total)
{
	if ((done == 0 && total == 0) || done > UINT32_MAX) {
		reply_puts(r, " NIL NIL");
		return;
	}
	reply_puts(r, " ");
	reply_number(r, done);
	reply_puts(r, " ");
	if (total > done && total <= UINT32_MAX)
		reply_number(r, total);
	else
		reply_puts(r, "NIL");
}

/* "INPROGRESS" SP "(" inprogress-tag SP inprogress-state ")" (sections 4, 5) */
void
progress_step(struct progress *p, uint64_t done, uint64_t total)
{
	struct reply *r = p->s->reply;
	int64_t now = p->interval_ns > 0 ? session_clock() : 0;
	if (p->interval_ns <= 0 || now < p->next_ns)
		return;
	p->next_ns = now + p->interval_ns;
	reply_puts(r, "* OK [INPROGRESS (");
	put_tag(r, p->tag);
	put_state(r, done, total);
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
