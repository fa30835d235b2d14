/*
 * bstruct.c - a message's parts as IMAP's BODY and BODYSTRUCTURE
 *
 * RFC 3501 section 7.4.2 and, function by function, the grammar of section 9.
 */
#include "imap/mime/mime.h"
#include "imap/mime/nstr.h"

struct writer {
	struct str message;
	struct buf *out;
	bool extended;		/* BODYSTRUCTURE */
};

static void
add(const struct writer *w, const char *before, struct str s)
{
	buf_adds(w->out, before);
	nstr_add(w->out, s);
}

struct param_writer {
	const struct writer *w;
	bool is_first;
};

static void
put_param(void *ctx, struct str name, struct str value)
{
	struct param_writer *p = ctx;

	add(p->w, p->is_first ? "(" : " ", name);
	add(p->w, " ", value);
	p->is_first = false;
}

/* body-fld-param = "(" string SP string *(SP string SP string) ")" / nil */
static void
body_fld_param(const struct writer *w, const struct mime_params *params)
{
	if (params->count == 0) {
		buf_adds(w->out, "NIL");
		return;
	}
	mime_params_each(params, put_param, &(struct param_writer){ w, true });
	buf_addc(w->out, ')');
}

/* body-fld-dsp = "(" string SP body-fld-param ")" / nil */
static void
body_fld_dsp(const struct writer *w, const struct mime_part *part)
{
	if (part->disposition.p == NULL) {
		buf_adds(w->out, "NIL");
		return;
	}
	add(w, "(", part->disposition);
	buf_addc(w->out, ' ');
	body_fld_param(w, &part->disposition_params);
	buf_addc(w->out, ')');
}

/* body-fld-lang = nstring / "(" string *(SP string) ")" */
static void
body_fld_lang(const struct writer *w, const struct mime_part *part)
{
	if (part->languages == 0) {
		buf_adds(w->out, "NIL");
		return;
	}
	for (size_t i = 0; i < part->languages; i++)
		add(w, i == 0 ? "(" : " ", part->language[i]);
	buf_addc(w->out, ')');
}

/* body-fld-dsp [SP body-fld-lang [SP body-fld-loc ...]], of both extensions */
static void
body_ext_common(const struct writer *w, const struct mime_part *part)
{
	buf_addc(w->out, ' ');
	body_fld_dsp(w, part);
	buf_addc(w->out, ' ');
	body_fld_lang(w, part);
	add(w, " ", part->location);
}

static bool
is_type(const struct mime_part *part, struct str type)
{
	return str_ieq(part->type, type);
}

/*
 * media-basic / media-message / media-text SP body-fld-param.  A leaf called
 * multipart or message/rfc822 cannot be written as one (mime.h says when there
 * are any).  The charset of a part without a Content-Type is known.
 */
static void
media(const struct writer *w, const struct mime_part *part)
{
	if (part->kind == MIME_LEAF && (is_type(part, STR("multipart"))
	    || mime_is_message(part))) {
		buf_adds(w->out, "\"application\" \"octet-stream\" ");
	} else {
		add(w, "", part->type);
		add(w, " ", part->subtype);
		buf_addc(w->out, ' ');
	}
	if (part->type_by_default && is_type(part, STR("text")))
		buf_adds(w->out, "(\"charset\" \"us-ascii\")");
	else
		body_fld_param(w, &part->params);
}

/* body-fields, without the parameters: id SP desc SP enc SP octets */
static void
body_fields(const struct writer *w, const struct mime_part *part)
{
	add(w, " ", part->id);
	add(w, " ", part->description);
	add(w, " ", part->encoding.p != NULL ? part->encoding : STR("7bit"));
	buf_addc(w->out, ' ');
	buf_addu(w->out, part->body_size);
}

static void body(const struct writer *w, const struct mime_part *part);

/* body-type-1part */
static void
body_type_1part(const struct writer *w, const struct mime_part *part)
{
	media(w, part);
	body_fields(w, part);
	if (part->kind == MIME_MESSAGE) {
		buf_addc(w->out, ' ');
		mime_envelope(w->message, part->child, w->out);
		buf_addc(w->out, ' ');
		body(w, part->child);
	}
	if (part->kind == MIME_MESSAGE || is_type(part, STR("text"))) {
		buf_addc(w->out, ' ');
		buf_addu(w->out, part->body_lines);
	}
	if (w->extended) {
		add(w, " ", part->md5);
		body_ext_common(w, part);
	}
}

/* body-type-mpart */
static void
body_type_mpart(const struct writer *w, const struct mime_part *part)
{
	for (const struct mime_part *p = part->child; p != NULL; p = p->next)
		body(w, p);
	add(w, " ", part->subtype);
	if (w->extended) {
		buf_addc(w->out, ' ');
		body_fld_param(w, &part->params);
		body_ext_common(w, part);
	}
}

/* body = "(" (body-type-1part / body-type-mpart) ")" */
static void
body(const struct writer *w, const struct mime_part *part)
{
	buf_addc(w->out, '(');
	if (part->kind == MIME_MULTIPART)
		body_type_mpart(w, part);
	else
		body_type_1part(w, part);
	buf_addc(w->out, ')');
}

void
mime_body(struct str message, const struct mime_part *root, struct buf *out)
{
	body(&(struct writer){ message, out, false }, root);
}

void
mime_bodystructure(struct str message, const struct mime_part *root,
    struct buf *out)
{
	body(&(struct writer){ message, out, true }, root);
}
