/*
 * cmd_url.c - GENURLAUTH, RESETKEY, URLFETCH (RFC 4467, RFC 5524)
 *
 * A URL that names nothing, or nothing for this user, is answered by NIL: whoever
 * has it learns nothing about mailboxes that are not his.  An error that passes is
 * a NO: NIL would say that the message is gone.
 */
#include "imap/imapd/cmd/cmd.h"
#include "imap/imapd/session/resource.h"
#include "imap/mime/binary.h"
#include "imap/mime/mime.h"
#include "imap/store/list/urlkeys.h"

/* --- GENURLAUTH, RESETKEY --- */

/* Says which mechanisms there are, if NAME is none of them. */
static enum err
check_mechanism(struct command *c, struct str name)
{
	if (str_ieq(name, STR("INTERNAL")))
		return OK;
	c->code = "URLMECH INTERNAL";
	c->text = "There is no such mechanism";
	return ERR_UNSUPPORTED;
}

static enum err
add_url(struct session *s, struct command *c, struct str rump, struct buf *out)
{
	struct imapurl url;
	struct buf token = BUF_INIT;
	enum err e;

	if (!imapurl_parse(c->arena, rump, &url) || url.access == URL_NONE || url.token.n > 0 ||
	    url.host.n == 0 || url.user.n == 0 || url.mailbox.n == 0) {
		c->text = "That is no full URL of a message, ending in ;URLAUTH= and an access";
		return ERR_SYNTAX;
	}
	e = resource_token(s, c->arena, &url, &token);
	if (e == OK) {
		buf_addc(out, ' ');
		buf_addc(out, '"');
		buf_add_str(out, rump);
		buf_printf(out, ":INTERNAL:%s\"", token.p);
	}
	buf_free(&token);
	return e;
}

enum err
run_genurlauth(struct session *s, struct command *c)
{
	const struct genurlauth_req *req = c->req;
	const struct url_rump *r = req->rumps.item;
	struct buf out = BUF_INIT;
	enum err e = OK;

	for (size_t i = 0; i < req->rumps.count && e == OK; i++) {
		e = check_mechanism(c, r[i].mechanism);
		if (e == OK)
			e = add_url(s, c, r[i].url, &out);
	}
	if (e == OK) {
		reply_puts(s->reply, "* GENURLAUTH");
		reply_put(s->reply, buf_str(&out));
		reply_crlf(s->reply);
	}
	buf_free(&out);
	return e;
}

enum err
run_resetkey(struct session *s, struct command *c)
{
	const struct resetkey_req *req = c->req;
	const struct str *mechanism = req->mechanisms.item;
	struct str user = str_c(s->user->id.userid), name;
	struct mbentry *entry;
	rights_t rights;
	enum err e = OK;

	if (req->mailbox.p == NULL)
		return urlkeys_reset(s->store, user, NULL);
	for (size_t i = 0; i < req->mechanisms.count && e == OK; i++)
		e = check_mechanism(c, mechanism[i]);
	if (e == OK)
		e = session_mailbox(s, c, req->mailbox, &name);
	/* Also of one that may not be read any more, but not of one unknown to him. */
	if (e == OK)
		e = session_lookup(s, c, name, ACL_LOOKUP | ACL_READ, &entry, &rights);
	if (e == OK)
		e = urlkeys_reset(s->store, user, &entry->id);
	if (e == OK)
		c->code = "URLMECH INTERNAL";
	return e;
}

/* --- URLFETCH --- */

/* The part that is all of what the URL names; NULL: there is none. */
static const struct mime_part *
whole_part(struct resource *r)
{
	return r->section.what == SECTION_WHOLE ? body_part(&r->body, &r->section) : NULL;
}

/* The decoded bytes; what is asked for is at most one message. */
static bool
decode(struct resource *r, struct buf *out)
{
	struct str content, encoding, piece;
	struct binary b;
	enum err e;

	if (r->section.what != SECTION_WHOLE)
		return false;
	if (!body_binary(&r->body, &r->section, &content, &encoding))
		return false;
	e = binary_open(&b, content, encoding);
	while (e == OK && binary_next(&b, &piece))
		buf_add_str(out, piece);
	binary_close(&b);
	return e == OK;
}

/* Which of the encodings that change nothing allows these bytes (RFC 2045 section 2). */
static const char *
identity_encoding(struct str bytes)
{
	enum { LONGEST_LINE = 998 };
	bool eight_bit = false;
	size_t line = 0;

	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		if (c == '\r' && i + 1 < bytes.n && bytes.p[i + 1] == '\n') {
			line = 0;
			i++;
		} else if (c == '\0' || c == '\r' || c == '\n' || ++line > LONGEST_LINE) {
			return "BINARY";
		}
		eight_bit |= c >= 0x80;
	}
	return eight_bit ? "8BIT" : "7BIT";
}

/*
 * SP "(BODYPARTSTRUCTURE" SP body ")".  Beside BINARY it is about what BINARY
 * holds: an encoding that changes nothing, and the size without the other
 * (RFC 5524 section 4).
 */
static void
put_structure(struct session *s, struct resource *r, bool decoded)
{
	const struct mime_part *part = whole_part(r);
	struct buf out = BUF_INIT, bytes = BUF_INIT;
	struct mime_part bare;

	if (part == NULL)
		return;
	if (decoded && part->kind == MIME_LEAF && decode(r, &bytes)) {
		bare = *part;
		bare.encoding = str_c(identity_encoding(buf_str(&bytes)));
		bare.body_size = bytes.n;
		bare.body_lines = 0;
		for (size_t i = 0; i < bytes.n; i++)
			bare.body_lines += bytes.p[i] == '\n';
		part = &bare;
	}
	buf_adds(&out, " (BODYPARTSTRUCTURE ");
	mime_bodystructure(r->body.bytes, part, &out);
	buf_addc(&out, ')');
	reply_put(s->reply, buf_str(&out));
	buf_free(&bytes);
	buf_free(&out);
}

/* "(BINARY" SP (nstring / literal8) ")" */
static void
put_binary(struct session *s, struct resource *r)
{
	struct buf out = BUF_INIT;
	struct str bytes;

	reply_puts(s->reply, " (BINARY ");
	if (decode(r, &out)) {
		bytes = buf_str(&out);
		if (r->url.partial)
			bytes = body_slice(bytes, r->url.offset,
			    r->url.length > 0 ? r->url.length : UINT64_MAX);
		if (str_chr(bytes, '\0') < bytes.n)
			reply_puts(s->reply, "~");
		reply_literal(s->reply, bytes);
	} else {
		reply_puts(s->reply, "NIL");
	}
	reply_puts(s->reply, ")");
	buf_free(&out);
}

static void
put_body(struct session *s, struct resource *r)
{
	struct str bytes;

	if (resource_bytes(r, &bytes))
		reply_literal(s->reply, bytes);
	else
		reply_puts(s->reply, "NIL");
}

/* Is it the URL's fault? */
static bool
names_nothing(enum err e)
{
	return e == ERR_NAME || e == ERR_NOTFOUND || e == ERR_DENIED;
}

static enum err
fetch_url(struct session *s, struct command *c, const struct urlfetch_item *item)
{
	struct resource r;
	struct str bytes;
	enum err e = resource_open(s, c->arena, item->url, true, &r);

	if (e != OK && !names_nothing(e))
		return e;
	reply_puts(s->reply, "* URLFETCH ");
	reply_astring(s->reply, item->url);
	if (e == OK && (!resource_bytes(&r, &bytes)
	    || (item->params == URLFETCH_BODYPARTSTRUCTURE && whole_part(&r) == NULL))) {
		resource_close(&r);
		e = ERR_NOTFOUND;
	}
	if (e != OK) {
		reply_puts(s->reply, " NIL\r\n");
		return OK;
	}
	if (item->params & URLFETCH_BODYPARTSTRUCTURE)
		put_structure(s, &r, item->params & URLFETCH_BINARY);
	if (item->params & URLFETCH_BODY) {
		reply_puts(s->reply, " (BODY ");
		put_body(s, &r);
		reply_puts(s->reply, ")");
	}
	if (item->params & URLFETCH_BINARY)
		put_binary(s, &r);
	if (item->params == 0) {
		reply_puts(s->reply, " ");
		put_body(s, &r);
	}
	reply_crlf(s->reply);
	resource_close(&r);
	return OK;
}

enum err
run_urlfetch(struct session *s, struct command *c)
{
	const struct urlfetch_req *req = c->req;
	const struct urlfetch_item *item = req->items.item;
	enum err e = OK;

	for (size_t i = 0; e == OK && i < req->items.count && stream_error(s->stream) == OK; i++)
		e = fetch_url(s, c, &item[i]);
	return e;
}
