/*
 * LIST and LSUB: names that match a pattern
 *
 * Which names is list.c's affair; here they are written.  RFC 5819: a LIST line
 * waits until the STATUS has been looked up, for if that cannot be, it says
 * \Noselect.  A name that is there for what is below it only has a line and
 * nothing more (RFC 5819 section 3, RFC 8440 section 4).
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/list.h"
#include "imap/imapd/session/metadata.h"
#include "imap/imapd/session/rights.h"
#include "imap/imapd/session/status.h"
#include "lib/charset.h"

#include <string.h>

enum { MORE = LIST_RETURN_STATUS | LIST_RETURN_MYRIGHTS | LIST_RETURN_METADATA };

struct writing {
	struct session *s;
	struct command *c;
	const struct list_req *r;
	const char *word;		/* "LIST" or "LSUB" */
};

/* --- lines --- */

static void
put_attribute(struct reply *r, const char *attribute, bool *first)
{
	if (attribute == NULL || *attribute == '\0')
		return;
	reply_puts(r, *first ? "" : " ");
	reply_puts(r, attribute);
	*first = false;
}

static bool
tells_uses(const struct writing *w)
{
	return w->r->ret & LIST_RETURN_SPECIAL_USE || w->r->select & LIST_SPECIAL_USE
	    || conf_switch(w->s->server->conf, CONF_SPECIALUSEALWAYS);
}

/* mbx-list-flags: at most one of those that say whether it can be selected */
static void
put_attributes(const struct writing *w, const struct list_name *n, bool is_lsub)
{
	struct reply *r = w->s->reply;
	bool first = true;
	if (!n->exists && w->r->extended)
		put_attribute(r, "\\NonExistent", &first);
	else if (n->noselect)
		put_attribute(r, "\\Noselect", &first);
	if (is_lsub)
		return;
	if (n->subscribed)
		put_attribute(r, "\\Subscribed", &first);
	if (n->specialuse != NULL && tells_uses(w))
		put_attribute(r, n->specialuse, &first);
	if (n->children == CHILDREN_SOME)
		put_attribute(r, "\\HasChildren", &first);
	else if (n->children == CHILDREN_NONE)
		put_attribute(r, "\\HasNoChildren", &first);
}

/* childinfo-extended-item */
static void
put_childinfo(const struct writing *w)
{
	bool first = true;
	reply_puts(w->s->reply, " (\"CHILDINFO\" (");
	if (w->r->select & LIST_SUBSCRIBED)
		put_attribute(w->s->reply, "\"SUBSCRIBED\"", &first);
	if (w->r->select & LIST_SPECIAL_USE)
		put_attribute(w->s->reply, "\"SPECIAL-USE\"", &first);
	reply_puts(w->s->reply, "))");
}

/* mailbox-list = "(" [mbx-list-flags] ")" SP DQUOTE QUOTED-CHAR DQUOTE SP mailbox */
static void
put_line(const struct writing *w, const struct list_name *n)
{
	struct reply *r = w->s->reply;
	const char sep[2] = { w->s->names.sep, '\0' };
	reply_puts(r, "* ");
	reply_puts(r, w->word);
	reply_puts(r, " (");
	put_attributes(w, n, strcmp(w->word, "LSUB") == 0);
	reply_puts(r, ") \"");
	reply_puts(r, sep);
	reply_puts(r, "\" ");
	reply_astring(r, n->name);
	if (n->childinfo)
		put_childinfo(w);
	reply_crlf(r);
}

/* --- what comes with them --- */

static void
write_subscription(void *ctx, const struct list_name *n)
{
	put_line(ctx, n);
}

/* "If the server is unable to look up the annotations, it MAY drop the response." */
static void
write_metadata(const struct writing *w, struct str name, const struct mbentry *e)
{
	struct annots a = ANNOTS_INIT;
	if (metadata_of_mailbox(w->s, e, &a) == OK)
		(void)metadata_put(w->s, name, &w->r->metadata, &a);
	annots_free(&a);
}

/* The line, and what else is asked of the mailbox. */
static void
write_mailbox(const struct writing *w, struct list_name *n, const struct mbentry *e,
    rights_t rights)
{
	const unsigned ret = w->r->ret;
	struct status st;
	bool has_status = false;
	if (ret & LIST_RETURN_STATUS) {
		has_status = rights & ACL_READ
		    && status_read(w->s, e, w->r->status, &st) == OK;
		n->noselect |= !has_status;
	}
	put_line(w, n);
	if (has_status)
		status_put(w->s, n->name, w->r->status, &st);
	if (ret & LIST_RETURN_MYRIGHTS)
		rights_put_mine(w->s, n->name, rights);
	if (ret & LIST_RETURN_METADATA && metadata_may(rights))
		write_metadata(w, n->name, e);
}

static void
write_name(void *ctx, const struct list_name *name)
{
	const struct writing *w = ctx;
	struct list_name n = *name;
	struct arena_mark mark = arena_mark(w->c->arena);
	struct str internal;
	struct mbentry *e;
	rights_t rights;
	if (!(w->r->ret & LIST_RETURN_SUBSCRIBED) && !(w->r->select & LIST_SUBSCRIBED))
		n.subscribed = false;
	if (n.exists && n.selected && (w->r->ret & MORE)
	    && session_mailbox(w->s, w->c, n.name, &internal) == OK
	    && session_lookup(w->s, w->c, internal, ACL_LOOKUP, &e, &rights) == OK)
		write_mailbox(w, &n, e, rights);
	else
		put_line(w, &n);
	arena_rewind(w->c->arena, mark);
}

/* --- the commands --- */

/*
 * "Servers that choose to accept such denormalized UTF-8 mailbox names MUST
 * accept them in all IMAP commands" (RFC 9051 section 5.1).  What is not UTF-8
 * matches nothing anyway.
 */
static enum err
normalize(struct arena *arena, struct str *pattern)
{
	struct buf nfc = BUF_INIT;
	const char *p = pattern->p;
	if (utf8_nfc(*pattern, &nfc) != OK)
		buf_reset(&nfc);
	else
		p = arena_copy(arena, nfc.p, nfc.n);
	*pattern = (struct str){ p, nfc.n };
	buf_free(&nfc);
	return p != NULL ? OK : ERR_LIMIT;
}

/*
 * Reference and pattern in one, without a doubled separator between.  "Any
 * syntactically valid pattern that is not accepted by a server for any reason
 * MUST be silently ignored" (RFC 9051 section 6.3.9): one that is too long is as
 * an empty one.
 */
static enum err
join(const struct session *s, struct arena *arena, struct str ref, struct str pat,
    struct str *joined)
{
	char sep = s->names.sep, *all;
	if (ref.n > 0 && ref.p[ref.n - 1] == sep && pat.n > 0 && pat.p[0] == sep)
		ref.n--;
	if (ref.n + pat.n > LIST_PATTERN)
		ref.n = pat.n = 0;
	all = arena_alloc(arena, ref.n + pat.n + 1);
	if (all == NULL)
		return ERR_LIMIT;
	if (ref.n > 0)
		memcpy(all, ref.p, ref.n);
	if (pat.n > 0)
		memcpy(all + ref.n, pat.p, pat.n);
	/* "" stands for itself, whatever the reference. */
	*joined = (struct str){ all, pat.n > 0 ? ref.n + pat.n : 0 };
	return s->enabled & ENABLED_UTF8 ? normalize(arena, joined) : OK;
}

static enum err
make_query(struct session *s, struct command *c, struct list_query *q)
{
	const struct list_req *r = c->req;
	const struct str *pattern = r->patterns.item;
	enum err e = OK;
	*q = (struct list_query){ .patterns = r->patterns.count, .select = r->select,
	    .ret = r->ret };
	q->pattern = arena_alloc(c->arena, q->patterns * sizeof(*q->pattern));
	if (q->pattern == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; e == OK && i < q->patterns; i++)
		e = join(s, c->arena, r->reference, pattern[i], &q->pattern[i]);
	return e;
}

/*
 * "An empty mailbox name argument is a special request to return the hierarchy
 * delimiter and the root name of the name given in the reference."  Not of an
 * extended LIST: there it is a pattern that nothing matches.
 */
enum err
run_list(struct session *s, struct command *c)
{
	const struct list_req *r = c->req;
	struct writing w = { s, c, r, "LIST" };
	struct list_query q;
	enum err e = make_query(s, c, &q);
	if (e == OK && !status_is_legal(s, c, r->status))
		e = ERR_SYNTAX;
	if (e != OK)
		return e;
	if (!r->extended && ((const struct str *)r->patterns.item)->n == 0) {
		put_line(&w, &(struct list_name){ .name = STR(""), .noselect = true });
		return OK;
	}
	return list_walk(s, c->arena, &q, write_name, &w);
}

enum err
run_lsub(struct session *s, struct command *c)
{
	struct writing w = { s, c, c->req, "LSUB" };
	struct list_query q;
	enum err e = make_query(s, c, &q);
	q.lsub = true;
	return e == OK ? list_walk(s, c->arena, &q, write_subscription, &w) : e;
}
