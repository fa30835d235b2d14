/*
 * binary.c - content without its transfer encoding, and with one
 *
 * binary_encode() copies the message from left to right; copy_to() is the only
 * way for its own bytes to get out, and lets no NUL pass.
 */
#include "imap/mime/binary.h"

#include "imap/mime/hdr.h"
#include "lib/b64.h"

#include <string.h>

enum {
	PIECE = 64 * 1024,
	LINE = 57,			/* bytes in a line of base64: 76 characters */
	TREE_MAX = 64 << 20,
};

/* --- decoding --- */

enum err
binary_open(struct binary *b, struct str content, struct str encoding)
{
	*b = (struct binary){ .left = content, .piece = BUF_INIT };
	return decode_init(&b->decode, encoding);
}

bool
binary_next(struct binary *b, struct str *piece)
{
	while (b->left.n > 0) {
		size_t n = decode_cut(&b->decode, b->left, PIECE);
		struct str source = { b->left.p, n };

		b->left = (struct str){ b->left.p + n, b->left.n - n };
		if (b->decode.kind == DECODE_NONE) {
			*piece = source;
			return true;
		}
		buf_reset(&b->piece);
		decode_piece(&b->decode, source, &b->piece);
		if (b->piece.n > 0) {
			*piece = buf_str(&b->piece);
			return true;
		}
	}
	return false;
}

void
binary_close(struct binary *b)
{
	buf_free(&b->piece);
}

static bool
has_nul(struct str s)
{
	return s.n > 0 && memchr(s.p, '\0', s.n) != NULL;
}

enum err
binary_measure(struct str content, struct str encoding, uint64_t *size, bool *nul)
{
	struct binary b;
	struct str piece;
	enum err e = binary_open(&b, content, encoding);

	*size = 0;
	*nul = false;
	while (e == OK && binary_next(&b, &piece)) {
		*size += piece.n;
		*nul = *nul || has_nul(piece);
	}
	binary_close(&b);
	return e;
}

/* --- encoding --- */

struct encoder {
	struct str message;
	uint64_t at;			/* what is before is out */
	const struct binary_sink *sink;
	struct buf text;
	enum err err;
};

static void
put(struct encoder *c, struct str s)
{
	if (c->err == OK && s.n > 0)
		c->err = c->sink->put(c->sink->ctx, s.p, s.n);
}

/* The message up to END as it is. */
static void
copy_to(struct encoder *c, uint64_t end)
{
	struct str s = { c->message.p + c->at, (size_t)(end - c->at) };

	if (c->err == OK && has_nul(s))
		c->err = ERR_UNSUPPORTED;
	put(c, s);
	c->at = end;
}

static struct str
body_of(const struct encoder *c, const struct mime_part *part)
{
	return (struct str){ c->message.p + part->body_start, (size_t)part->body_size };
}

/*
 * May PART be put into base64?  Not what has an encoding; not what RFC 2046
 * wants in 7bit (section 5.2); and not the only part that mime.h makes of a
 * multipart without a delimiter, which has no header to say so.
 */
static bool
may_encode(const struct mime_part *part)
{
	struct decode d;

	return decode_init(&d, part->encoding) == OK && d.kind == DECODE_NONE &&
	    !str_ieq(part->type, STR("multipart")) && !str_ieq(part->type, STR("message")) &&
	    !(part->parent != NULL && part->parent->kind == MIME_MULTIPART &&
	    part->header_start == part->parent->body_start);
}

/* PART's header, its label changed. */
static void
put_header(struct encoder *c, const struct mime_part *part)
{
	struct str header = { c->message.p + part->header_start, (size_t)part->header_size };
	struct str name, raw;
	bool mime = part->parent != NULL;

	while (c->err == OK && mime_next_field(&header, &name, &raw)) {
		mime = mime || str_ieq(name, STR("mime-version"));
		if (str_ieq(name, STR("content-transfer-encoding")))
			c->at += raw.n;
		else
			copy_to(c, c->at + raw.n);
	}
	if (!mime)
		put(c, STR("MIME-Version: 1.0\r\n"));
	put(c, STR("Content-Transfer-Encoding: base64\r\n\r\n"));
	c->at = part->body_start;
}

/* Lines with CRLF between them; what ends the last one is not the part's. */
static void
put_base64(struct encoder *c, struct str body)
{
	bool first = true;

	while (c->err == OK && body.n > 0) {
		buf_reset(&c->text);
		while (body.n > 0 && c->text.n < PIECE) {
			struct str line = str_slice(body, 0, LINE);

			if (!first)
				buf_adds(&c->text, "\r\n");
			b64_encode(line, &c->text);
			body = str_slice(body, line.n, body.n);
			first = false;
		}
		put(c, buf_str(&c->text));
	}
}

static void
encode_leaf(struct encoder *c, const struct mime_part *part)
{
	if (!has_nul(body_of(c, part)))
		return;
	if (!may_encode(part)) {
		c->err = ERR_UNSUPPORTED;
		return;
	}
	copy_to(c, part->header_start);
	put_header(c, part);
	put_base64(c, body_of(c, part));
	c->at = part->body_start + part->body_size;
	if (c->at == c->message.n)
		put(c, STR("\r\n"));
}

static const struct mime_part *
next_part(const struct mime_part *p)
{
	if (p->child != NULL)
		return p->child;
	while (p != NULL && p->next == NULL)
		p = p->parent;
	return p != NULL ? p->next : NULL;
}

enum err
binary_encode(struct str message, const struct binary_sink *sink)
{
	struct encoder c = { .message = message, .sink = sink, .text = BUF_INIT };
	struct arena *arena = arena_new(TREE_MAX);
	struct mime_part *root;

	c.err = mime_parse(arena, message, &root);
	for (const struct mime_part *p = root; c.err == OK && p != NULL; p = next_part(p))
		if (p->kind == MIME_LEAF)
			encode_leaf(&c, p);
	if (c.err == OK)
		copy_to(&c, message.n);
	buf_free(&c.text);
	arena_free(arena);
	return c.err;
}
