/*
 * cmd_store.c - STORE, UID STORE (RFC 3501 section 6.4.6, RFC 4314 section 4)
 *
 * Each flag has its right: \Seen s, \Deleted t, all others w.  What the user
 * may not change is left alone; the command fails only if nothing that it
 * names may be changed, "as the tagged NO response to a STORE command is not
 * handled very well by deployed clients".
 */
#include "imap/imapd/cmd.h"
#include "imap/imapd/fetch.h"
#include "imap/imapd/selection.h"
#include "imap/imapd/sync.h"
#include "imap/store/txn.h"

/* What of the request the user may do; ERR_DENIED if nothing is. */
static enum err
permit(const struct session *s, const struct store_req *req, struct store_params_flags *p)
{
	bool keywords = (s->rights & ACL_WRITE) != 0;

	p->op = req->op;
	p->mask = sync_settable_flags(s->rights);
	p->flags = req->flags.system & p->mask;
	p->keep_keywords = !keywords;
	if (keywords)
		p->keywords = (struct flag_names){ req->flags.keyword, req->flags.count };

	bool none_named = req->flags.system == 0 && req->flags.count == 0;
	bool any = p->flags != 0 || p->keywords.count > 0;

	if (any || (none_named && p->mask != 0))
		return OK;
	/* "FLAGS (...)" also takes flags away: that may be allowed. */
	return req->op == STORE_SET && p->mask != 0 ? OK : ERR_DENIED;
}

static enum err
commit(struct session *s, struct command *c, const uint32_t *uids, size_t n,
    const struct store_params_flags *p)
{
	struct txn *t = txn_begin(s->mbox);
	enum err e;

	txn_store(t, uids, n, p);
	e = txn_commit(t);
	txn_abort(t);
	if (e == ERR_LIMIT)
		c->text = "Too many different keywords in this mailbox";
	return e;
}

/* The new flags of all messages named, those that had them already too. */
static void
answer(struct session *s, bool uid, const struct search_range *range, size_t n)
{
	struct fetch_item uid_item = { .op = FETCH_UID };
	struct fetch_item flags_item = { .op = FETCH_FLAGS, .next = uid ? &uid_item : NULL };
	struct fetch_req req = { .items = &flags_item, .has_flags = true };
	struct fetch_writer *w = fetch_writer_new(s->mbox, &s->told_keywords,
	    s->reply->out);
	struct message msg;

	for (size_t i = 0; i < n; i++)
		for (uint32_t seq = range[i].first; seq <= range[i].last; seq++)
			if (mbox_message(s->mbox, seq, &msg) == OK && !msg.expunged
			    && fetch_write(w, &req, seq, false) != OK)
				break;
	fetch_writer_free(w);
}

enum err
run_store(struct session *s, struct command *c)
{
	const struct store_req *req = c->req;
	struct store_params_flags p = { .op = req->op };
	struct search_range *range;
	uint32_t *uids;
	size_t ranges, n = 0;
	enum err e;

	if (s->examined)
		return ERR_READONLY;
	e = permit(s, req, &p);
	if (e == OK)
		e = selection_ranges(s, c, &req->set, &range, &ranges);
	if (e == OK)
		e = msgset_uids(c->arena, s->mbox, range, ranges, &uids, &n);
	if (e != OK || n == 0)
		return e;
	e = commit(s, c, uids, n, &p);
	/* New keywords must be announced before they are used in FETCH. */
	if (e == OK)
		e = sync_send(s, c->arena, false, c->uid);
	if (e == OK && !req->silent)
		answer(s, c->uid, range, ranges);
	return e;
}
