/* compose.c - the messages of APPEND and REPLACE */
#include "imap/imapd/session/compose.h"

#include "imap/imapd/message/annotation.h"
#include "imap/imapd/session/annotating.h"
#include "imap/imapd/session/resource.h"
#include "imap/imapd/session/sync.h"
#include "imap/mime/binary.h"

static enum err
put_in_blob(void *ctx, const void *p, size_t n)
{
	return blob_write(ctx, p, n);
}

/* FROM, which has NULs, in the form in which all clients can read it. */
static enum err
encode(struct session *s, struct command *c, struct blob *from, struct composed *m)
{
	struct binary_sink sink = { .put = put_in_blob };
	enum err e = blob_seal(from);

	if (e == OK)
		e = blob_new(s->store, NULL, &m->blob);
	if (e != OK)
		return e;
	m->made = true;
	sink.ctx = m->blob;
	e = binary_encode(blob_bytes(from), &sink);
	if (e == OK)
		e = blob_finish(m->blob);
	if (e == ERR_UNSUPPORTED) {
		c->code = "UNKNOWN-CTE";
		c->text = "NULs where no transfer encoding is possible";
	}
	return e;
}

static enum err
no_bytes(struct command *c)
{
	c->text = "A message of no bytes cannot be stored";
	return ERR_UNSUPPORTED;
}

/* RFC 6855 section 4 */
static enum err
no_utf8(struct command *c)
{
	c->bad = true;
	c->text = "UTF8 is for those who have enabled UTF8=ACCEPT";
	return ERR_UNSUPPORTED;
}

static enum err
take_literal(struct session *s, struct command *c, const struct message_literal *l,
    struct composed *m)
{
	if (l->size == 0)
		return no_bytes(c);
	if (l->has_nul)
		return encode(s, c, l->blob, m);
	m->blob = l->blob;
	return blob_finish(l->blob);
}

/* --- CATENATE (RFC 4469) --- */

struct cat {
	struct session *s;
	struct command *c;
	struct blob *blob;		/* of the pieces so far */
	uint64_t size;
	bool has_nul;
};

static enum err
add_bytes(struct cat *k, struct str bytes)
{
	k->size += bytes.n;
	if (k->size > session_append_limit(k->s)) {
		k->c->code = "TOOBIG";
		k->c->text = "Message size exceeds fixed limit";
		return ERR_LIMIT;
	}
	k->has_nul = k->has_nul || str_chr(bytes, '\0') < bytes.n;
	return blob_write(k->blob, bytes.p, bytes.n);
}

/* [BADURL "..."], with what may stand in a response code. */
static enum err
bad_url(struct command *c, struct str url)
{
	struct buf code = BUF_INIT;

	buf_adds(&code, "BADURL \"");
	for (size_t i = 0; i < url.n; i++) {
		unsigned char b = (unsigned char)url.p[i];

		buf_addc(&code, b > ' ' && b < 0x7f && b != ']' && b != '"' && b != '\\' ?
		    (char)b : '?');
	}
	buf_addc(&code, '"');
	c->code = arena_copy(c->arena, code.p, code.n);
	c->text = "What this URL names cannot be read";
	buf_free(&code);
	return ERR_NOTFOUND;
}

static enum err
add_url(struct cat *k, struct str url)
{
	struct resource r;
	struct str bytes;
	enum err e = resource_open(k->s, k->c->arena, url, false, &r);

	if (e == ERR_NAME || e == ERR_NOTFOUND || e == ERR_DENIED)
		return bad_url(k->c, url);
	if (e != OK)
		return e;
	e = resource_bytes(&r, &bytes) ? add_bytes(k, bytes) : bad_url(k->c, url);
	resource_close(&r);
	return e;
}

static enum err
add_part(struct cat *k, const struct cat_part *part)
{
	enum err e;

	if (part->text == NULL)
		return add_url(k, part->url);
	if (part->utf8 && !(k->s->enabled & ENABLED_UTF8))
		return no_utf8(k->c);
	e = blob_seal(part->text->blob);
	return e == OK ? add_bytes(k, blob_bytes(part->text->blob)) : e;
}

static enum err
catenate(struct session *s, struct command *c, const struct append_message *a,
    struct composed *m)
{
	struct cat k = { .s = s, .c = c };
	const struct cat_part *part = a->parts.item;
	enum err e = blob_new(s->store, NULL, &k.blob);

	for (size_t i = 0; e == OK && i < a->parts.count; i++)
		e = add_part(&k, &part[i]);
	if (e == OK && k.size == 0)
		e = no_bytes(c);
	if (e == OK && k.has_nul) {
		e = encode(s, c, k.blob, m);
	} else if (e == OK && (e = blob_finish(k.blob)) == OK) {
		m->blob = k.blob;
		m->made = true;
		return OK;
	}
	blob_free(k.blob);
	return e;
}

/*
 * The flags that the user may set there.  RFC 4314 section 4, APPEND: without
 * the right the flag is not set, "the server MUST NOT fail the APPEND".
 */
static void
set_params(const struct append_message *a, rights_t rights, struct append_params *p)
{
	*p = (struct append_params){
		.has_date = a->has_date, .internaldate = a->date.seconds,
		.zone_minutes = a->date.zone_minutes,
		.flags = a->flags.system & sync_settable_flags(rights),
	};
	if (rights & ACL_WRITE)
		p->keywords = (struct flag_names){ a->flags.keyword, a->flags.count };
}

/*
 * RFC 5257 sections 3.4, 4.5: what may not be stored fails the APPEND, unlike
 * flags.
 */
static enum err
set_annotations(struct session *s, struct command *c, const struct append_message *a,
    rights_t rights, struct append_params *p)
{
	size_t max = (size_t)conf_int(s->server->conf, CONF_ANNOTATION_MAXENTRIES);
	struct annotate_list l;
	enum err e = annotating_params(s, c, &a->annotations, annotating_may(s, rights),
	    &l);

	p->annotate = l.one;
	p->annotates = l.n;
	if (e == OK && l.n > max) {
		annotating_too_many(c);
		e = ERR_LIMIT;
	}
	return e;
}

/* The body parts that they are about must be there. */
static enum err
check_parts(struct command *c, const struct append_message *a, struct composed *m)
{
	struct body body = BODY_INIT;
	bool ok;

	if (!annotation_parts_named(&a->annotations))
		return OK;
	body.bytes = blob_bytes(m->blob);
	ok = annotation_parts_set(&body, &a->annotations);
	body_free(&body);
	if (ok)
		return OK;
	c->text = "The message does not have such a body part";
	return ERR_SYNTAX;
}

enum err
compose(struct session *s, struct command *c, const struct append_message *a, rights_t rights,
    struct composed *m)
{
	enum err e;

	*m = (struct composed){ .blob = NULL, .may_be_told = rights & ACL_READ };
	set_params(a, rights, &m->params);
	e = set_annotations(s, c, a, rights, &m->params);
	if (e != OK)
		return e;
	if (a->utf8 && !(s->enabled & ENABLED_UTF8))
		e = no_utf8(c);
	else if (a->data != NULL)
		e = take_literal(s, c, a->data, m);
	else
		e = catenate(s, c, a, m);
	if (e == OK)
		e = check_parts(c, a, m);
	if (e != OK)
		compose_free(m);
	return e;
}

void
compose_free(struct composed *m)
{
	if (m->made)
		blob_free(m->blob);
	m->blob = NULL;
}
