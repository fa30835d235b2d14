/*
 * cmd_search.c - SEARCH and SORT, also behind UID
 *
 * RFC 9051 section 6.4.4, RFC 5256 section 3; RETURN: RFC 4731, RFC 5182, RFC
 * 5267 section 3, RFC 9394.
 */
#include "imap/imapd/cmd.h"
#include "imap/imapd/results.h"

static enum err
sort(struct session *s, const struct search_req *req, struct results *r)
{
	struct sort_order order = { req->criteria.item, req->criteria.count, s->collation };

	r->sorted = true;
	return sort_run(r->mbox, &order, r->seqs, r->n);
}

/* "$" changes only when the tagged reply is not BAD (RFC 5182 section 2.1). */
static enum err
search(struct session *s, struct command *c, bool sorted)
{
	struct search_req *req = c->req;
	struct results r;
	enum err e = results_find(s, c, s->mbox, req->key, &r);

	if (e == OK && sorted)
		e = sort(s, req, &r);
	if (e == OK)
		e = results_tell(s, c, req, &r);
	if (!(req->returns & RETURN_SAVE) || e == ERR_SYNTAX)
		return e;
	if (e == OK)
		results_save(s, req, &r);
	else
		uidset_free(&s->saved);
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
