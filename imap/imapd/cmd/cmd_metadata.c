/*
 * GETMETADATA, SETMETADATA (RFC 5464)
 *
 * An empty mailbox name is the server.  Its private entries are everybody's own,
 * its shared ones are made by administrators.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/metadata.h"
#include "imap/imapd/session/named_filter.h"
#include "imap/imapd/session/watch.h"
#include "imap/server/specialuse.h"
#include "imap/store/names/notes.h"

enum { MIN_MAXSIZE = 1024 };		/* RFC 5464 section 4.1 */

/* The mailbox, if its annotations are the user's to see and to change. */
static enum err
look_up(struct session *s, struct command *c, struct str external, struct mbentry **e)
{
	struct str name;
	rights_t rights = 0;
	enum err err = session_mailbox(s, c, external, &name);
	if (err == OK)
		err = session_lookup(s, c, name, ACL_LOOKUP, e, &rights);
	if (err == ERR_DENIED)
		err = ERR_NOTFOUND;
	return err == OK && !metadata_may(rights) ? ERR_DENIED : err;
}

/* --- GETMETADATA --- */

static void
note_longest(struct command *c, size_t longest)
{
	struct buf code = BUF_INIT;
	buf_printf(&code, "METADATA LONGENTRIES %zu", longest);
	c->code = arena_copy(c->arena, code.p, code.n);
	buf_free(&code);
}

enum err
run_getmetadata(struct session *s, struct command *c)
{
	const struct getmetadata_req *r = c->req;
	struct annots a = ANNOTS_INIT;
	struct mbentry *entry;
	enum err e;
	if (r->mailbox.n == 0) {
		e = metadata_of_server(s, &a);
	} else {
		e = look_up(s, c, r->mailbox, &entry);
		if (e == OK)
			e = metadata_of_mailbox(s, entry, &a);
	}
	size_t longest = e == OK ? metadata_put(s, r->mailbox, &r->query, &a) : 0;
	if (longest > 0)
		note_longest(c, longest);
	annots_free(&a);
	return e;
}

/* --- SETMETADATA --- */

static enum err
too_long(struct command *c, uint64_t max)
{
	struct buf code = BUF_INIT;
	buf_printf(&code, "METADATA MAXSIZE %llu", (unsigned long long)max);
	c->code = arena_copy(c->arena, code.p, code.n);
	c->text = "The value is too long";
	buf_free(&code);
	return ERR_LIMIT;
}

/* The changes, as the store wants them.  None may be longer than is allowed. */
static enum err
changes_of(struct session *s, struct command *c, struct annotate_params *p)
{
	const struct setmetadata_req *r = c->req;
	const struct metadata_value *v = r->values.item;
	uint64_t max = (uint64_t)conf_bytes(s->server->conf, CONF_METADATA_MAXSIZE);
	max = max < MIN_MAXSIZE ? MIN_MAXSIZE : max;
	for (size_t i = 0; i < r->values.count; i++) {
		if (v[i].value.n > max)
			return too_long(c, max);
		p[i] = (struct annotate_params){
			.entry = metadata_entry(v[i].entry),
			.owner = metadata_owner(s, v[i].entry), .value = v[i].value,
			.max = (size_t)conf_int(s->server->conf, CONF_METADATA_MAXENTRIES),
		};
	}
	return OK;
}

static enum err
failed(struct command *c, enum err e)
{
	if (e == ERR_LIMIT && c->code == NULL) {
		c->code = "METADATA TOOMANY";
		c->text = "Too many annotations";
	}
	return e;
}

static enum err
set_on_server(struct session *s, struct command *c, const struct annotate_params *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].owner.n == 0 && (!s->user->is_global_admin || str_eq(p[i].entry, STR("/admin"))))
			return ERR_DENIED;
	for (size_t i = 0; i < n; i++)
		if (!named_filter_may_be(s, c->arena, p[i].entry, p[i].value)) {
			c->text = "That is no search program";
			return ERR_UNSUPPORTED;
		}
	return s->user->id.is_anonymous ? ERR_DENIED : failed(c, notes_change(s->store, p, n));
}

/* Takes /private/specialuse, if it is there, out of the *n changes at P. */
static bool
take_use(struct annotate_params *p, size_t *n, struct str *use)
{
	size_t kept = 0, all = *n;
	for (size_t i = 0; i < all; i++) {
		if (p[i].owner.n == 0 || !str_eq(p[i].entry, STR("/specialuse")))
			p[kept++] = p[i];
		else
			*use = p[i].value;
	}
	*n = kept;
	return kept < all;
}

static enum err
set_use(struct session *s, struct command *c, const struct mbentry *entry, struct str value)
{
	struct str name = str_c(entry->name);
	struct buf list = BUF_INIT;
	enum err e = specialuse_add(value, &list);
	if (e == OK && list.n > 0
	    && (!user_owns(s->user, name) || str_eq(name, s->user->inbox)))
		e = ERR_UNSUPPORTED;
	if (e == OK && user_owns(s->user, name))
		e = mblist_set_specialuse(s->store, name, list.n > 0 ? list.p : NULL);
	buf_free(&list);
	if (e == ERR_UNSUPPORTED || e == ERR_DENIED) {
		c->code = "USEATTR";
		c->text = e == ERR_DENIED ? "Another mailbox has this special use"
		    : "There is no such special use here";
	}
	return e;
}

static enum err
set_annotations(struct session *s, const struct mbentry *entry,
    const struct annotate_params *p, size_t n)
{
	struct mbox *m;
	enum err e = mbox_open(s->store, entry, s->user->id.userid, MBOX_PEEK, &m);
	if (e != OK)
		return e;
	struct txn *t = txn_begin(m);
	for (size_t i = 0; i < n; i++)
		txn_annotate(t, NULL, 0, &p[i]);
	e = txn_commit(t);
	if (e == OK)
		watch_own_commit(s, m, txn_result(t));
	txn_abort(t);
	mbox_close(m);
	return e;
}

/*
 * "When any one annotation fails to be set, the server MUST NOT change the values
 * for other annotations": the special use, which is kept elsewhere, is put back.
 */
static enum err
set_on_mailbox(struct session *s, struct command *c, struct annotate_params *p, size_t n)
{
	const struct setmetadata_req *r = c->req;
	struct str use;
	struct mbentry *entry;
	enum err e = look_up(s, c, r->mailbox, &entry);
	if (e != OK)
		return e;
	bool has_use = take_use(p, &n, &use);
	if (has_use && (e = set_use(s, c, entry, use)) != OK)
		return e;
	if (n > 0)
		e = set_annotations(s, entry, p, n);
	if (e != OK && has_use
	    && mblist_set_specialuse(s->store, str_c(entry->name), entry->specialuse) != OK)
		c->text = "It failed, but the special use is set";
	return failed(c, e);
}

/* The client knows what it has set. */
static void
note_own(struct session *s, struct command *c)
{
	const struct setmetadata_req *r = c->req;
	const struct metadata_value *v = r->values.item;
	struct mbentry *e = NULL;
	if (s->watch == NULL || (r->mailbox.n > 0 && look_up(s, c, r->mailbox, &e) != OK))
		return;
	for (size_t i = 0; i < r->values.count; i++)
		watch_own_note(s, e, metadata_owner(s, v[i].entry).n > 0,
		    metadata_entry(v[i].entry), v[i].value);
}

enum err
run_setmetadata(struct session *s, struct command *c)
{
	const struct setmetadata_req *r = c->req;
	struct annotate_params *p = arena_alloc(c->arena, r->values.count * sizeof(*p));
	if (p == NULL)
		return ERR_LIMIT;
	enum err e = changes_of(s, c, p);
	if (e != OK)
		return e;
	e = r->mailbox.n == 0 ? set_on_server(s, c, p, r->values.count)
	    : set_on_mailbox(s, c, p, r->values.count);
	if (e == OK)
		note_own(s, c);
	return e;
}
