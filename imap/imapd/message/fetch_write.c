/*
 * fetch_write.c - one message's answer to FETCH
 *
 * Gather, then write: fetch_write() first asks the store for everything that
 * the request needs of the message; only when all of it is there does the
 * first byte go out.  The bytes are borrowed until the next message, which is
 * why nothing may refresh the mailbox or commit in between.
 *
 * Short items are collected in w->line; what is long is given to the stream
 * from where it lies, after the line so far.
 */
#include "imap/imapd/message/fetch.h"

#include "imap/imapd/message/annotation.h"
#include "imap/imapd/message/body.h"
#include "imap/imapd/proto/format.h"
#include "imap/imapd/proto/objectid.h"
#include "imap/mime/binary.h"
#include "imap/mime/nstr.h"
#include "lib/mem.h"

#include <stdlib.h>

struct fetch_writer {
	struct mbox *m;
	const struct keywords *told;
	struct stream *out;
	unsigned style;			/* FETCH_STYLE_* */
	struct known *known;		/* or NULL */
	struct buf line;		/* not yet given to the stream */
	struct format_day day;
	/* The message at hand. */
	struct message msg;
	struct str cache[CACHE_ITEMS];
	struct body body;
	bool has_preview;
	struct buf annotations;		/* what has been asked for of them */
};

struct fetch_writer *
fetch_writer_new(struct mbox *m, const struct keywords *told, struct stream *out)
{
	struct fetch_writer *w = mem_zero(1, sizeof *w);

	w->m = m;
	w->told = told;
	w->out = out;
	buf_init(&w->line);
	buf_init(&w->body.fields);
	buf_init(&w->annotations);
	return w;
}

void
fetch_writer_style(struct fetch_writer *w, unsigned style)
{
	w->style = style;
}

void
fetch_writer_notes(struct fetch_writer *w, struct known *k)
{
	w->known = k;
}

void
fetch_writer_free(struct fetch_writer *w)
{
	if (!w)
		return;
	body_free(&w->body);
	buf_free(&w->line);
	buf_free(&w->annotations);
	free(w);
}

/* A BINARY that nobody can decode is found before anything is written. */
static enum err
check_encodings(struct fetch_writer *w, const struct fetch_req *req)
{
	struct str content, encoding;
	struct decode d;

	for (const struct fetch_item *i = req->items; i; i = i->next)
		if ((i->op == FETCH_BINARY || i->op == FETCH_BINARY_SIZE)
		    && body_binary(&w->body, &i->section, &content, &encoding)
		    && decode_init(&d, encoding) != OK)
			return ERR_UNSUPPORTED;
	return OK;
}

/*
 * All that is asked for of annotations; nothing, if there are none that match.
 * RFC 5257 section 3.2.1: a body part that is not there is "an incorrect part
 * specifier".
 */
static enum err
gather_annotations(struct fetch_writer *w, const struct fetch_req *req)
{
	enum err e = OK;

	buf_reset(&w->annotations);
	for (const struct fetch_item *i = req->items; i && e == OK; i = i->next) {
		size_t before = w->annotations.n;

		if (i->op != FETCH_ANNOTATION)
			continue;
		if (i->annotation.has_parts && !annotation_parts_asked(&w->body, &i->annotation))
			return ERR_SYNTAX;
		if (before > 0)
			buf_addc(&w->annotations, ' ');
		e = annotation_put(w->m, &i->annotation, w->msg.uid, &w->annotations);
		if (before > 0 && w->annotations.n == before + 1)
			buf_truncate(&w->annotations, before);
	}
	return e;
}

static enum err
gather(struct fetch_writer *w, const struct fetch_req *req, uint32_t seq)
{
	enum err e = mbox_message(w->m, seq, &w->msg);

	w->has_preview = req->needs_cache & 1u << CACHE_PREVIEW;
	for (unsigned i = 0; i < CACHE_ITEMS && e == OK; i++)
		if (req->needs_cache & 1u << i)
			e = mbox_cache(w->m, seq, (enum cache_item)i, &w->cache[i]);
	if (e == OK && req->lazy_preview && !w->has_preview && mbox_has_cache(w->m, seq)) {
		e = mbox_cache(w->m, seq, CACHE_PREVIEW, &w->cache[CACHE_PREVIEW]);
		w->has_preview = e == OK;
	}
	if (e == OK && req->needs_body)
		e = mbox_body(w->m, seq, &w->body.bytes);
	if (e != OK)
		return e;
	w->body.header_size = w->msg.header_size;
	w->body.sections = w->cache[CACHE_SECTIONS];
	w->body.headers = w->cache[CACHE_HEADERS];
	if (req->has_annotation)
		e = gather_annotations(w, req);
	return e == OK && req->has_binary ? check_encodings(w, req) : e;
}

static void
put_long(struct fetch_writer *w, struct str bytes)
{
	stream_put(w->out, buf_str(&w->line));
	buf_reset(&w->line);
	stream_put(w->out, bytes);
}

/*
 * A literal is made of CHAR8, which is any byte but NUL (RFC 3501 section 9).
 * APPEND and LMTP take none; a damaged file may have some.  They are sent as
 * 0x80, as other servers do, so that sizes and offsets stay right.
 */
static void
put_literal(struct fetch_writer *w, struct str bytes)
{
	size_t before;

	buf_addc(&w->line, '{');
	buf_addu(&w->line, bytes.n);
	buf_add(&w->line, "}\r\n", 3);
	while ((before = str_chr(bytes, '\0')) < bytes.n) {
		put_long(w, str_slice(bytes, 0, before));
		stream_put(w->out, STR("\x80"));
		bytes = str_slice(bytes, before + 1, bytes.n);
	}
	put_long(w, bytes);
}

static void
write_section(struct fetch_writer *w, const struct fetch_section *s)
{
	struct str bytes;

	buf_add_str(&w->line, s->label);
	if (!body_section(&w->body, s, &bytes)) {
		buf_add(&w->line, "NIL", 3);
		return;
	}
	if (s->partial)
		bytes = body_slice(bytes, s->offset, s->length);
	put_literal(w, bytes);
}

/* Those of the decoded bytes that are asked for: FROM up to TO. */
static void
put_decoded(struct fetch_writer *w, struct str content, struct str encoding, uint64_t from,
    uint64_t to)
{
	struct binary b;
	struct str piece;
	uint64_t at = 0;
	enum err e = binary_open(&b, content, encoding);

	while (e == OK && at < to && binary_next(&b, &piece)) {
		uint64_t start = at < from ? from - at : 0;

		put_long(w, body_slice(str_slice(piece, 0, to - at), start, UINT64_MAX));
		at += piece.n;
	}
	binary_close(&b);
}

/* Decoded twice, once for its size: it may be larger than memory. */
static void
write_binary(struct fetch_writer *w, const struct fetch_section *s, bool size_only)
{
	struct str content, encoding;
	uint64_t size, from = s->partial ? s->offset : 0;
	bool nul;

	buf_add_str(&w->line, s->label);
	if (!body_binary(&w->body, s, &content, &encoding)) {
		buf_adds(&w->line, size_only ? "0" : "NIL");
		return;
	}
	if (binary_measure(content, encoding, &size, &nul) != OK)
		size = 0;
	if (size_only) {
		buf_addu(&w->line, size);
		return;
	}
	if (from > size)
		from = size;
	if (s->partial && size - from > s->length)
		size = from + s->length;
	/* literal8 for what nstring cannot hold (RFC 3516 section 4.3) */
	buf_adds(&w->line, nul ? "~{" : "{");
	buf_addu(&w->line, size - from);
	buf_adds(&w->line, "}\r\n");
	put_decoded(w, content, encoding, from, size);
}

/* RFC 8970 section 3.2: NIL, if it may not be made now */
static void
write_preview(struct fetch_writer *w)
{
	struct str none = { NULL, 0 };

	buf_adds(&w->line, "PREVIEW ");
	nstr_add(&w->line, w->has_preview ? w->cache[CACHE_PREVIEW] : none);
}

static void
write_item(struct fetch_writer *w, const struct fetch_item *item)
{
	switch (item->op) {
	case FETCH_UID:
		buf_add(&w->line, "UID ", 4);
		buf_addu(&w->line, w->msg.uid);
		break;
	case FETCH_FLAGS:
		buf_add(&w->line, "FLAGS ", 6);
		format_flags(w->m, &w->msg, w->told, &w->line);
		break;
	case FETCH_INTERNALDATE:
		buf_add(&w->line, "INTERNALDATE ", 13);
		format_date_time(&w->day, w->msg.internaldate, w->msg.zone_minutes, &w->line);
		break;
	case FETCH_SIZE:
		buf_add(&w->line, "RFC822.SIZE ", 12);
		buf_addu(&w->line, w->msg.size);
		break;
	case FETCH_EMAILID:
		buf_add(&w->line, "EMAILID ", 8);
		objectid_put_email(w->msg.guid, &w->line);
		break;
	case FETCH_THREADID:
		buf_add(&w->line, "THREADID NIL", 12);
		break;
	case FETCH_ENVELOPE:
		buf_add(&w->line, "ENVELOPE ", 9);
		put_long(w, w->cache[CACHE_ENVELOPE]);
		break;
	case FETCH_BODY:
		buf_add(&w->line, "BODY ", 5);
		put_long(w, w->cache[CACHE_BODY]);
		break;
	case FETCH_BODYSTRUCTURE:
		buf_add(&w->line, "BODYSTRUCTURE ", 14);
		put_long(w, w->cache[CACHE_BODYSTRUCTURE]);
		break;
	case FETCH_MODSEQ:
		buf_add(&w->line, "MODSEQ (", 8);
		buf_addu(&w->line, w->msg.modseq);
		buf_addc(&w->line, ')');
		break;
	case FETCH_SECTION:
		write_section(w, &item->section);
		break;
	case FETCH_BINARY:
	case FETCH_BINARY_SIZE:
		write_binary(w, &item->section, item->op == FETCH_BINARY_SIZE);
		break;
	case FETCH_PREVIEW:
	case FETCH_PREVIEW_LAZY:
		write_preview(w);
		break;
	case FETCH_SAVEDATE:
		buf_adds(&w->line, "SAVEDATE ");
		if (w->msg.savedate > 0)
			format_date_time(&w->day, w->msg.savedate, 0, &w->line);
		else
			buf_adds(&w->line, "NIL");
		break;
	case FETCH_ANNOTATION:
		put_long(w, buf_str(&w->annotations));
		buf_reset(&w->annotations);
		break;
	}
}

/*
 * FLAGS that nobody asked for.  Before the bodies: there are clients who take
 * all that follows a literal for its end.
 */
static void
write_flags(struct fetch_writer *w, const struct fetch_req *req)
{
	static const struct fetch_item uid = { .op = FETCH_UID };
	static const struct fetch_item flags = { .op = FETCH_FLAGS };
	static const struct fetch_item modseq = { .op = FETCH_MODSEQ };
	const struct fetch_item *item[] = { &uid, &flags, &modseq };
	bool condstore = w->style & FETCH_STYLE_CONDSTORE;
	bool uidonly = w->style & FETCH_STYLE_UIDONLY;
	bool wanted[] = { condstore && !uidonly && !req->has_uid, !req->has_flags,
	    condstore && !req->has_modseq };

	for (int i = 0; i < 3; i++)
		if (wanted[i]) {
			write_item(w, item[i]);
			buf_addc(&w->line, ' ');
		}
}

/* Annotations are all that is asked for, and it has none; nor is its UID to be said. */
static bool
says_nothing(const struct fetch_writer *w, const struct fetch_req *req)
{
	bool uidonly = w->style & FETCH_STYLE_UIDONLY;

	if (!req->has_annotation || w->annotations.n > 0)
		return false;
	for (const struct fetch_item *i = req->items; i; i = i->next)
		if (i->op != FETCH_ANNOTATION && !(uidonly && i->op == FETCH_UID))
			return false;
	return true;
}

enum err
fetch_write(struct fetch_writer *w, const struct fetch_req *req, uint32_t seq,
    bool with_flags)
{
	enum err e;

	body_reset(&w->body);
	e = gather(w, req, seq);
	if (e != OK)
		return e;
	if (w->known != NULL)
		known_note(w->known, &w->msg);
	bool uidonly = w->style & FETCH_STYLE_UIDONLY;
	bool first = true;

	if (says_nothing(w, req) && !with_flags)
		return OK;
	buf_add(&w->line, "* ", 2);
	buf_addu(&w->line, uidonly ? w->msg.uid : seq);
	buf_adds(&w->line, uidonly ? " UIDFETCH (" : " FETCH (");
	if (with_flags)
		write_flags(w, req);
	for (const struct fetch_item *i = req->items; i; i = i->next) {
		/* It is said already; but something must stand there. */
		if (uidonly && i->op == FETCH_UID && req->items->next != NULL)
			continue;
		if (i->op == FETCH_ANNOTATION && w->annotations.n == 0)
			continue;
		if (!first)
			buf_addc(&w->line, ' ');
		first = false;
		write_item(w, i);
	}
	buf_add(&w->line, ")\r\n", 3);
	stream_put(w->out, buf_str(&w->line));
	buf_reset(&w->line);
	return OK;
}
