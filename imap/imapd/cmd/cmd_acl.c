/*
 * SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314)
 *
 * Identifiers are users' names as clients write them; what they are inside is
 * said in imap/server/name.h.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/rights.h"
#include "imap/imapd/session/watch.h"

#include "lib/utf8.h"

/* "If the preparation of the identifier fails ... with a BAD response" (section 3). */
static enum err
bad_identifier(struct command *c)
{
	c->bad = true;
	c->code = "";
	c->text = "Invalid identifier";
	return ERR_NAME;
}

static enum err
identifier_in(struct session *s, struct command *c, struct str id, struct str *in)
{
	for (size_t i = 0; i < id.n; i++)
		if ((unsigned char)id.p[i] <= ' ' || id.p[i] == 127)
			return bad_identifier(c);
	if (id.n == 0 || (id.n == 1 && *id.p == '-') || !utf8_valid(id))
		return bad_identifier(c);
	struct buf internal = BUF_INIT;
	name_identifier_in(&s->names, id, &internal);
	*in = (struct str){ arena_copy(c->arena, internal.p, internal.n), internal.n };
	buf_free(&internal);
	return in->p != NULL ? OK : ERR_LIMIT;
}

/*
 * The mailbox of a command that needs the `a` right.  Owners and those with l
 * are told that they may not; others that there is none.
 */
static enum err
administered(struct session *s, struct command *c, struct str external, struct mbentry **e)
{
	struct str name;
	rights_t rights;
	enum err err = session_mailbox(s, c, external, &name);
	return err != OK ? err : session_lookup(s, c, name, ACL_ADMIN, e, &rights);
}

static enum err
change(struct session *s, struct command *c, char mode, rights_t rights)
{
	const struct acl_req *r = c->req;
	struct mbentry *e;
	struct str id;
	enum err err = administered(s, c, r->mailbox, &e);
	if (err == OK)
		err = identifier_in(s, c, r->identifier, &id);
	if (err == OK)
		err = mblist_change_acl(s->store, str_c(e->name), id, mode, rights);
	if (err == OK)
		watch_own_names(s, str_c(e->name), false);
	return err;
}

static bool
has_digit(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= '0' && s.p[i] <= '9')
			return true;
	return false;
}

enum err
run_setacl(struct session *s, struct command *c)
{
	const struct acl_req *r = c->req;
	struct str letters = r->rights;
	rights_t rights;
	char mode = '=';
	if (letters.n > 0 && (*letters.p == '+' || *letters.p == '-')) {
		mode = *letters.p++;
		letters.n--;
	}
	/* A digit is none of our rights: "MUST NOT silently ignore unrecognized". */
	if (acl_parse_rights(letters, &rights) != OK || has_digit(letters)) {
		c->text = "Invalid rights";
		return ERR_SYNTAX;
	}
	return change(s, c, mode, rights);
}

enum err
run_deleteacl(struct session *s, struct command *c)
{
	return change(s, c, '=', 0);
}

/* acl-data = "ACL" SP mailbox *(SP identifier SP rights) */
enum err
run_getacl(struct session *s, struct command *c)
{
	struct str external = ((const struct mailbox_req *)c->req)->mailbox;
	struct mbentry *e;
	struct str id;
	rights_t rights;
	enum err err = administered(s, c, external, &e);
	if (err != OK)
		return err;
	struct str acl = str_c(e->acl);
	struct buf letters = BUF_INIT, who = BUF_INIT;
	reply_puts(s->reply, "* ACL ");
	reply_astring(s->reply, external);
	while (acl_next(&acl, &id, &rights)) {
		buf_reset(&letters);
		acl_format_rights(rights, &letters);
		reply_puts(s->reply, " ");
		buf_reset(&who);
		name_identifier_out(&s->names, id, &who);
		reply_astring(s->reply, buf_str(&who));
		reply_puts(s->reply, " ");
		reply_astring(s->reply, buf_str(&letters));
	}
	reply_crlf(s->reply);
	buf_free(&letters);
	buf_free(&who);
	return OK;
}

/*
 * listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP
 * rights): first what the identifier always has, then what may be given, each
 * by itself.  The owner always has l, k, x and a (mblist_rights()).
 */
enum err
run_listrights(struct session *s, struct command *c)
{
	const struct acl_req *r = c->req;
	struct mbentry *e;
	struct str id;
	enum err err = administered(s, c, r->mailbox, &e);
	if (err == OK)
		err = identifier_in(s, c, r->identifier, &id);
	if (err != OK)
		return err;
	struct str owner = mblist_owner(str_c(e->name));
	bool is_owner = owner.p != NULL && str_eq(owner, id);
	reply_puts(s->reply, "* LISTRIGHTS ");
	reply_astring(s->reply, r->mailbox);
	reply_puts(s->reply, " ");
	reply_astring(s->reply, r->identifier);
	reply_puts(s->reply, is_owner ? " lkxca r s w i p t e n d\r\n"
	    : " \"\" l r s w i p k x t e n a c d\r\n");
	return OK;
}

/* "MYRIGHTS ... to perform this the user must have one of l r i k x a". */
enum err
run_myrights(struct session *s, struct command *c)
{
	struct str external = ((const struct mailbox_req *)c->req)->mailbox;
	const rights_t any = ACL_LOOKUP | ACL_READ | ACL_INSERT | ACL_CREATE
	    | ACL_DELETEMBOX | ACL_ADMIN;
	struct str name;
	struct mbentry *e;
	rights_t rights;
	enum err err = session_mailbox(s, c, external, &name);
	if (err == OK)
		err = session_lookup(s, c, name, any, &e, &rights);
	if (err != OK)
		return err;
	rights_put_mine(s, external, rights);
	return OK;
}
