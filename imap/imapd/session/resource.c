/*
 * resource.c - what an IMAP URL names
 *
 * A token is "01", for this way to make it, and HMAC-SHA-256 of the rump with
 * the mailbox access key, in hex.
 */
#include "imap/imapd/session/resource.h"

#include "imap/imapd/proto/section.h"
#include "imap/store/list/urlkeys.h"
#include "lib/digest.h"

#include <string.h>
#include <time.h>

#define TOKEN_KIND	"01"

/* Is it this server?  Relative URLs are. */
static bool
is_here(const struct session *s, const struct imapurl *u)
{
	struct str local;

	if (u->host.n == 0 || str_ieq(u->host, str_c(s->server->hostname)))
		return true;
	if (s->client->local_ip_port == NULL)
		return false;
	local = str_c(s->client->local_ip_port);
	return str_eq(u->host, str_slice(local, 0, str_chr(local, ';')));
}

/* Who NAME is; false: nobody. */
static bool
is_user(const struct session *s, struct str name, const struct user *u)
{
	struct user *other;
	bool same;

	if (user_new(s->server->conf, name, "", &other) != OK)
		return false;
	same = strcmp(other->id.userid, u->id.userid) == 0;
	user_free(other);
	return same;
}

/* The one that a URL without a mailbox is about; it may have another name by now. */
static enum err
find_selected(struct session *s, struct arena *arena, struct mbentry **e)
{
	if (s->mbox == NULL || !mbox_lookup(s->mbox))
		return ERR_NOTFOUND;
	return mblist_lookup_id(s->store, arena, &mbox_entry(s->mbox)->id, e);
}

static enum err
find_named(struct session *s, struct arena *arena, struct user *u, struct str name,
    struct mbentry **e)
{
	struct name_style style = s->names;
	struct buf internal = BUF_INIT;
	enum err err;

	style.utf8 = true;
	style.userid = u->id.userid;
	style.is_admin = u->id.is_admin;
	err = name_to_internal(&style, name, &internal);
	if (err == OK)
		err = mblist_lookup(s->store, arena, buf_str(&internal), e);
	buf_free(&internal);
	return err;
}

/* The mailbox as U names and may read it; nobody is told why not. */
static enum err
find_mailbox(struct session *s, struct arena *arena, struct user *u, const struct imapurl *url,
    struct mbentry **e)
{
	enum err err = url->mailbox.n > 0 ? find_named(s, arena, u, url->mailbox, e)
	    : find_selected(s, arena, e);

	if (err == OK && (((*e)->flags & MB_NOSELECT) || !(user_rights(u, *e) & ACL_READ)))
		err = ERR_NOTFOUND;
	if (err == OK && url->uidvalidity != 0 && url->uidvalidity != (*e)->uidvalidity)
		err = ERR_NOTFOUND;
	return err;
}

/* --- tokens --- */

static void
make_token(const uint8_t key[URLKEY_SIZE], struct str rump, struct buf *token)
{
	uint8_t mac[SHA256_SIZE];

	hmac_sha256(key, URLKEY_SIZE, rump.p, rump.n, mac);
	buf_adds(token, TOKEN_KIND);
	for (size_t i = 0; i < sizeof(mac); i++)
		buf_printf(token, "%02x", mac[i]);
}

/* RFC 4467 section 3: may the session's user use a URL with this access? */
static bool
is_allowed(const struct session *s, const struct imapurl *u)
{
	switch (u->access) {
	case URL_NONE:
		return false;
	case URL_SUBMIT:
		return user_in_list(s->user, s->server->conf, CONF_SUBMITSERVERS);
	case URL_USER:
		return is_user(s, u->access_user, s->user);
	case URL_AUTHUSER:
		return !s->user->id.is_anonymous;
	case URL_ANONYMOUS:
		return true;
	}
	return false;
}

static enum err
check_token(struct session *s, const struct user *owner, const struct mbentry *entry,
    const struct imapurl *u)
{
	struct buf token = BUF_INIT;
	uint8_t key[URLKEY_SIZE];
	bool right;
	enum err e;

	if (!str_ieq(u->mechanism, STR("INTERNAL")))
		return ERR_DENIED;
	e = urlkeys_get(s->store, str_c(owner->id.userid), &entry->id, false, key);
	if (e != OK)
		return e;
	make_token(key, u->rump, &token);
	right = u->token.n == token.n && digest_eq(u->token.p, token.p, token.n);
	buf_free(&token);
	return right ? OK : ERR_DENIED;
}

enum err
resource_token(struct session *s, struct arena *arena, const struct imapurl *url,
    struct buf *token)
{
	uint8_t key[URLKEY_SIZE];
	struct mbentry *e;
	enum err err;

	if (!is_here(s, url) || !is_user(s, url->user, s->user))
		return ERR_DENIED;
	err = find_mailbox(s, arena, s->user, url, &e);
	if (err == OK)
		err = urlkeys_get(s->store, str_c(s->user->id.userid), &e->id, true, key);
	if (err == OK)
		make_token(key, url->rump, token);
	return err;
}

/* --- the message --- */

static enum err
open_message(struct session *s, const struct user *u, const struct mbentry *e,
    struct resource *r)
{
	struct message msg;
	uint32_t seq;
	enum err err = mbox_open(s->store, e, u->id.userid, MBOX_READONLY, &r->m);

	if (err != OK)
		return err;
	seq = mbox_seq_from_uid(r->m, r->url.uid);
	if (mbox_uid(r->m, seq) != r->url.uid)
		err = ERR_NOTFOUND;
	if (err == OK)
		err = mbox_message(r->m, seq, &msg);
	if (err == OK)
		err = mbox_body(r->m, seq, &r->body.bytes);
	if (err == OK)
		r->body.header_size = msg.header_size;
	else
		mbox_close(r->m);
	return err;
}

static enum err
parse_section_of(struct arena *arena, struct resource *r)
{
	struct parser p;

	parser_init(&p, r->url.section, arena);
	if (!parse_section_spec(&p, &r->section))
		return ERR_NAME;
	r->section.cached = false;	/* it is the message that is read */
	return OK;
}

/* OWNER may read what R's URL names, and has said who else may. */
static enum err
open_as(struct session *s, struct arena *arena, struct user *owner, struct resource *r)
{
	struct mbentry *e;
	enum err err = find_mailbox(s, arena, owner, &r->url, &e);

	if (err == OK && r->url.access != URL_NONE)
		err = check_token(s, owner, e, &r->url);
	return err == OK ? open_message(s, owner, e, r) : err;
}

enum err
resource_open(struct session *s, struct arena *arena, struct str url, bool authorized,
    struct resource *r)
{
	struct imapurl *u = &r->url;
	struct user *owner;
	enum err e;

	*r = (struct resource){ .body = BODY_INIT };
	if (!imapurl_parse(arena, url, u) || !is_here(s, u))
		return ERR_NAME;
	e = parse_section_of(arena, r);
	if (e != OK)
		return e;
	if (u->access == URL_NONE) {
		if (authorized || (u->user.n > 0 && !is_user(s, u->user, s->user)))
			return ERR_DENIED;
		return open_as(s, arena, s->user, r);
	}
	if (u->token.n == 0 || u->user.n == 0 || u->mailbox.n == 0 || !is_allowed(s, u) ||
	    (u->expires && u->expire <= time(NULL)))
		return ERR_DENIED;
	e = user_new(s->server->conf, u->user, "", &owner);
	if (e != OK)
		return e;
	e = open_as(s, arena, owner, r);
	user_free(owner);
	return e;
}

void
resource_close(struct resource *r)
{
	body_free(&r->body);
	mbox_close(r->m);
}

bool
resource_bytes(struct resource *r, struct str *bytes)
{
	if (!body_section(&r->body, &r->section, bytes))
		return false;
	if (r->url.partial)
		*bytes = body_slice(*bytes, r->url.offset,
		    r->url.length > 0 ? r->url.length : UINT64_MAX);
	return true;
}
