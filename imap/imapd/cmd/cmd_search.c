/*
 * cmd_search.c - SEARCH and SORT, also behind UID; CANCELUPDATE
 *
 * RFC 9051 section 6.4.4, RFC 5256 section 3; RETURN: RFC 4731, RFC 5182, RFC
 * 5267, RFC 9394.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/context.h"
#include "imap/imapd/session/named_filter.h"
#include "imap/imapd/session/results.h"
#include "imap/imapd/session/sync.h"

static enum err
sort(struct session *s, const struct search_req *req, struct results *r)
{
	struct sort_order order = { req->criteria.item, req->criteria.count, s->collation };

	r->sorted = true;
	return sort_known_run(r->mbox, &s->sorted, &order, r->seqs, r->n);
}

/* "$" changes only when the tagged reply is not BAD (RFC 5182 section 2.1). */
static void
save(struct session *s, const struct search_req *req, const struct results *r, enum err e)
{
	if (!(req->returns & RETURN_SAVE) || e == ERR_SYNTAX)
		return;
	if (e == OK)
		results_save(s, req, r);
	else
		uidset_free(&s->saved);
}

static enum err
search(struct session *s, struct command *c, bool sorted)
{
	struct search_req *req = c->req;
	bool update = req->returns & RETURN_UPDATE;
	struct context *cx = NULL;
	struct results r = { .n = 0 };
	enum err e = OK;

	/* RFC 5267 section 4.3: it SHALL be rejected with BAD. */
	if (update && context_is_there(s, c->tag)) {
		c->text = "A search with this tag is being updated";
		return ERR_SYNTAX;
	}
	e = msglimit_partial(s, c, &req->partial);
	if (e == OK)
		e = named_filters(s, c, req->key);
	if (e == OK && !results_may_find(s, c, req->key))
		e = ERR_SYNTAX;
	/* RFC 7162 sections 3.1 and 3.2.10.2 */
	if (search_has(req->key, SEARCH_MODSEQ))
		sync_enable_condstore(s);
	c->keeps_numbers = search_has(req->key, SEARCH_SEQ);
	if (e == OK && update)
		cx = context_new(s, c, req);
	if (e == OK)
		e = results_find(s, c, s->mbox, req->key,
		    sorted ? MSGLIMIT_REFUSES : MSGLIMIT_CUTS, &r);
	if (e == OK && sorted)
		e = sort(s, req, &r);
	if (e == OK)
		e = results_tell(s, c, req, &r);
	if (e == OK && update)
		context_keep(s, c, cx, &r);
	else
		context_free(cx);
	save(s, req, &r, e);
	return e;
}

enum err
run_search(struct session *s, struct command *c)
{
	return search(s, c, false);
}

enum err
run_sort(struct session *s, struct command *c)
{
	return search(s, c, true);
}

/* cancelupdate = "CANCELUPDATE" 1*(SP quoted) (RFC 5267 section 4.5) */
enum err
run_cancelupdate(struct session *s, struct command *c)
{
	const struct cancelupdate_req *req = c->req;
	const struct str *tag = req->tags.item;
	bool all = true;

	for (size_t i = 0; i < req->tags.count; i++)
		all = context_cancel(s, tag[i]) && all;
	if (all)
		return OK;
	c->text = "There is no such context";
	return ERR_SYNTAX;
}
