/*
 * cmd_esearch.c - ESEARCH: one search in many mailboxes (RFC 7377)
 *
 * A mailbox at a time is opened, without claiming \Recent, searched and closed;
 * what is found is told at once.  Mailboxes in which nothing is found are not
 * told of.  The selected mailbox is searched as the session sees it, and only
 * it can be watched: RETURN (UPDATE) of a search that it is not in has none.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/message/context_program.h"
#include "imap/imapd/session/context.h"
#include "imap/imapd/session/filter.h"
#include "imap/imapd/session/named_filter.h"
#include "imap/imapd/session/results.h"
#include "imap/imapd/session/sync.h"

/* Does it search the selected mailbox, and no other? */
static bool
selected_only(const struct search_req *req)
{
	const struct mailbox_filter *f = req->sources.item;

	for (size_t i = 0; i < req->sources.count; i++)
		if (f[i].kind != FILTER_SELECTED)
			return false;
	return true;
}

static bool
names_selected(const struct search_req *req)
{
	const struct mailbox_filter *f = req->sources.item;

	for (size_t i = 0; i < req->sources.count; i++)
		if (f[i].kind == FILTER_SELECTED)
			return true;
	return req->sources.count == 0;
}

/*
 * "If the source options include (or default to) "selected", the IMAP session MUST
 * be in "selected" state"; the same for UPDATE.  "$" and numbers of messages make
 * sense in one mailbox only.
 */
static const char *
problem(const struct session *s, const struct command *c)
{
	const struct search_req *req = c->req;
	bool update = req->returns & RETURN_UPDATE;

	if (s->mbox == NULL && (update || names_selected(req)))
		return "No mailbox is selected";
	if (update && context_is_there(s, c->tag))
		return "A search with this tag is being updated";
	if (selected_only(req))
		return NULL;
	if (req->returns & RETURN_SAVE)
		return "SAVE is for the selected mailbox only";
	if (search_has(req->key, SEARCH_SEQ) || search_has(req->key, SEARCH_SAVED))
		return "Numbers of messages are for the selected mailbox only";
	return NULL;
}

/* A search changes its program; one that is done again gets a copy. */
static enum err
search_in(struct session *s, struct command *c, struct mbox *m, struct str name,
    struct results *r)
{
	const struct search_req *req = c->req;
	struct search_key *key = selected_only(req) ? req->key
	    : context_program(c->arena, m, &s->saved, req->key);
	struct buf external = BUF_INIT;
	enum err e;

	if (key == NULL)
		return ERR_LIMIT;
	e = results_find(s, c, m, key, selected_only(req) ? MSGLIMIT_CUTS : MSGLIMIT_ADDS_UP, r);
	if (e == OK && r->n > 0) {
		name_to_external(&s->names, name, &external);
		r->mailbox = external.p;
		e = results_tell(s, c, req, r);
	}
	buf_free(&external);
	return e;
}

/* It is told of by the name that it has now. */
static enum err
search_selected(struct session *s, struct command *c)
{
	const struct search_req *req = c->req;
	bool update = req->returns & RETURN_UPDATE;
	struct context *cx = NULL;
	struct results r;
	enum err e = sync_follow(s) ? OK : ERR_STALE;

	if (e == OK && update)
		cx = context_new(s, c, req);
	if (e == OK)
		e = search_in(s, c, s->mbox, str_c(mbox_entry(s->mbox)->name), &r);
	if (e == OK && update)
		context_keep(s, c, cx, &r);
	else
		context_free(cx);
	if (e == OK && (req->returns & RETURN_SAVE))
		results_save(s, req, &r);
	return e;
}

/* A mailbox that has gone meanwhile, or whose files are damaged, is passed over. */
static enum err
search_named(struct session *s, struct command *c, struct str name)
{
	struct mbentry *entry;
	struct results r;
	rights_t rights;
	struct mbox *m;
	enum err e = session_lookup(s, c, name, ACL_READ, &entry, &rights);

	if (e == OK)
		e = mbox_open(s->store, entry, s->user->id.userid, MBOX_READONLY, &m);
	if (e != OK)
		return e == ERR_LIMIT ? e : OK;
	e = search_in(s, c, m, name, &r);
	mbox_close(m);
	return e == ERR_LIMIT ? e : OK;
}

static enum err
esearch(struct session *s, struct command *c)
{
	struct search_req *req = c->req;
	bool selected = names_selected(req);
	struct str *name;
	size_t n;
	enum err e = filter_names(s, c, req->sources.item, req->sources.count, &name, &n);

	req->has_return = true;		/* it is ESEARCH responses in any case */
	if ((req->returns & RETURN_UPDATE) && !selected)
		context_refuse(s, c->tag);
	if (e == OK && selected)
		e = search_selected(s, c);
	for (size_t i = 0; i < n && e == OK; i++) {
		struct arena_mark mark = arena_mark(c->arena);

		if (!selected || !str_eq(name[i], str_c(mbox_entry(s->mbox)->name)))
			e = search_named(s, c, name[i]);
		arena_rewind(c->arena, mark);
	}
	return e;
}

enum err
run_esearch(struct session *s, struct command *c)
{
	const struct search_req *req = c->req;
	enum err e;

	c->text = problem(s, c);
	if (c->text != NULL)
		return ERR_SYNTAX;
	e = named_filters(s, c, req->key);
	/* A filter may bring numbers along. */
	if (e == OK && (c->text = problem(s, c)) != NULL)
		return ERR_SYNTAX;
	if (e == OK && !results_may_find(s, c, req->key))
		return ERR_SYNTAX;
	if (e == OK)
		e = esearch(s, c);
	/* RFC 5182 section 2.1 */
	if (e != OK && (req->returns & RETURN_SAVE))
		uidset_free(&s->saved);
	return e;
}
