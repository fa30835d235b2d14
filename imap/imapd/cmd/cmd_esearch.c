/*
 * cmd_esearch.c - ESEARCH: one search in many mailboxes (RFC 7377)
 *
 * A mailbox at a time is opened, without claiming \Recent, searched and closed;
 * what is found is told at once.  Mailboxes in which nothing is found are not
 * told of.  The selected mailbox is searched as the session sees it.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/message/context_program.h"
#include "imap/imapd/session/context.h"
#include "imap/imapd/session/filter.h"
#include "imap/imapd/session/named_filter.h"
#include "imap/imapd/session/results.h"

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

/* What makes sense in one mailbox only: "$" and numbers of messages. */
static const char *
problem(const struct session *s, const struct search_req *req)
{
	bool single = selected_only(req);

	if (single && s->mbox == NULL)
		return "No mailbox is selected";
	if (single)
		return NULL;
	if (req->returns & RETURN_SAVE)
		return "SAVE is for the selected mailbox only";
	if (search_has(req->key, SEARCH_SEQ) || search_has(req->key, SEARCH_SAVED))
		return "Numbers of messages are for the selected mailbox only";
	return NULL;
}

/* A search changes its program; one that is done again gets a copy. */
static enum err
search_in(struct session *s, struct command *c, struct mbox *m, struct str name)
{
	const struct search_req *req = c->req;
	struct search_key *key = selected_only(req) ? req->key
	    : context_program(c->arena, m, &s->saved, req->key);
	struct buf external = BUF_INIT;
	struct results r;
	enum err e;

	if (key == NULL)
		return ERR_LIMIT;
	e = results_find(s, c, m, key, &r);
	if (e == OK && r.n > 0) {
		name_to_external(&s->names, name, &external);
		r.mailbox = external.p;
		e = results_tell(s, c, req, &r);
	}
	buf_free(&external);
	if (e == OK && (req->returns & RETURN_SAVE))
		results_save(s, req, &r);
	return e;
}

/* A mailbox that has gone meanwhile, or whose files are damaged, is passed over. */
static enum err
search_named(struct session *s, struct command *c, struct str name)
{
	struct mbentry *entry;
	rights_t rights;
	struct mbox *m;
	enum err e = session_lookup(s, c, name, ACL_READ, &entry, &rights);

	if (e == OK)
		e = mbox_open(s->store, entry, s->user->id.userid, MBOX_READONLY, &m);
	if (e != OK)
		return e == ERR_LIMIT ? e : OK;
	e = search_in(s, c, m, name);
	mbox_close(m);
	return e == ERR_LIMIT ? e : OK;
}

enum err
run_esearch(struct session *s, struct command *c)
{
	struct search_req *req = c->req;
	bool selected = s->mbox != NULL && names_selected(req);
	struct str *name;
	size_t n;
	enum err e = named_filters(s, c, req->key);

	if (e != OK)
		return e;
	c->text = problem(s, req);
	if (c->text != NULL)
		return ERR_SYNTAX;
	req->has_return = true;		/* it is ESEARCH responses in any case */
	if (req->returns & RETURN_UPDATE)
		context_refuse(s, c->tag);
	e = filter_names(s, c, req->sources.item, req->sources.count, &name, &n);
	if (e == OK && selected)
		e = search_in(s, c, s->mbox, s->mbox_name);
	for (size_t i = 0; i < n && e == OK; i++) {
		struct arena_mark mark = arena_mark(c->arena);

		if (!selected || !str_eq(name[i], s->mbox_name))
			e = search_named(s, c, name[i]);
		arena_rewind(c->arena, mark);
	}
	return e;
}
