/* compose.c - the messages of APPEND and REPLACE */
#include "imap/imapd/compose.h"

#include "imap/imapd/sync.h"
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
take_literal(struct session *s, struct command *c, const struct message_literal *l,
    struct composed *m)
{
	if (l->size == 0) {
		c->text = "A message of no bytes cannot be stored";
		return ERR_UNSUPPORTED;
	}
	if (l->has_nul)
		return encode(s, c, l->blob, m);
	m->blob = l->blob;
	return blob_finish(l->blob);
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

enum err
compose(struct session *s, struct command *c, const struct append_message *a, rights_t rights,
    struct composed *m)
{
	enum err e;

	*m = (struct composed){ .blob = NULL };
	set_params(a, rights, &m->params);
	if (a->utf8 && !(s->enabled & ENABLED_UTF8)) {
		c->bad = true;
		c->text = "UTF8 is for those who have enabled UTF8=ACCEPT";
		return ERR_UNSUPPORTED;
	}
	if (a->data == NULL)
		return ERR_UNSUPPORTED;
	e = take_literal(s, c, a->data, m);
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
