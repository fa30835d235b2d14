/*
 * imap_assemble.c - see imap_assemble.h
 *
 * Each byte is looked at once, however small the pieces are in which a command
 * comes.  A line that does not fit is cut; what it ends with is kept all the
 * same, for it may announce a literal.
 *
 * Invariant: text holds at most MAX_COMMAND bytes.
 */
#include "imap/door/imap_assemble.h"

enum {
	MAX_COMMAND = 64 * 1024,
	MAX_SKIP = 64 * 1024 * 1024,	/* what is worth reading to drop it */
};

void
imap_assemble_reset(struct imap_door *d)
{
	d->at = AT_LINE;
	d->passed = d->left = 0;
	d->tail.n = 0;
	d->cut = false;
	d->refused = OK;
	d->problem = d->code = NULL;
}

static void
refuse(struct imap_door *d, enum err why, const char *code, const char *problem)
{
	if (d->refused != OK)
		return;
	d->refused = why;
	d->code = code;
	d->problem = problem;
}

/* The literal that a line announces: asked for, skipped, or the command's end. */
static enum assembled
begin_literal(struct imap_door *d, const struct announced *a, struct buf *out)
{
	size_t used = d->text.n + 2;	/* with the CRLF before its bytes */
	if (used > MAX_COMMAND)
		refuse(d, ERR_LIMIT, "TOOBIG", "Command too long");
	else if (a->size > MAX_COMMAND - used)
		refuse(d, ERR_LIMIT, "TOOBIG", "Literal too big");
	if (d->refused != OK && a->sync)
		return ASSEMBLE_WHOLE;
	if (d->refused != OK && a->size > MAX_SKIP) {
		buf_adds(out, "* BYE [TOOBIG] Literal too big even to be dropped\r\n");
		return ASSEMBLE_END;
	}
	d->left = a->size;
	d->at = d->refused != OK ? AT_SKIP : AT_LITERAL;
	if (d->refused == OK) {
		buf_adds(&d->text, "\r\n");
		if (a->sync)
			buf_adds(out, "+ go ahead\r\n");
	}
	return ASSEMBLE_MORE;
}

/* A line is whole. */
static enum assembled
end_line(struct imap_door *d, struct buf *out)
{
	struct announced a;
	bool response = d->at == AT_RESPONSE;
	if (d->cut)
		refuse(d, ERR_LIMIT, "TOOBIG", "Command too long");
	else
		line_chomp(&d->text);
	enum assembled result = response || !line_tail_announces(&d->tail, &a) ? ASSEMBLE_WHOLE
	    : begin_literal(d, &a, out);
	d->tail.n = 0;
	d->passed = 0;
	return result;
}

static enum assembled
take_line(struct imap_door *d, struct str in, size_t *used, struct buf *out)
{
	size_t lf = str_chr(in, '\n'), n = lf < in.n ? lf + 1 : in.n;
	size_t room = d->text.n < MAX_COMMAND ? MAX_COMMAND - d->text.n : 0;
	buf_add(&d->text, in.p, n < room ? n : room);
	d->cut |= n > room;
	line_tail_keep(&d->tail, in.p, n);
	*used = n;
	d->passed += n;
	if (lf < in.n)
		return end_line(d, out);
	if (d->passed > MAX_SKIP) {
		buf_adds(out, "* BYE [TOOBIG] Line too long even to be dropped\r\n");
		return ASSEMBLE_END;
	}
	return ASSEMBLE_MORE;
}

static void
take_literal(struct imap_door *d, struct str in, size_t *used)
{
	*used = in.n < d->left ? in.n : (size_t)d->left;
	if (d->at == AT_LITERAL)
		buf_add(&d->text, in.p, *used);
	d->left -= *used;
	if (d->left == 0)
		d->at = AT_LINE;
}

enum assembled
imap_assemble(struct imap_door *d, struct str in, size_t *used, struct buf *out)
{
	enum assembled result = ASSEMBLE_MORE;
	*used = 0;
	while (result == ASSEMBLE_MORE && *used < in.n) {
		struct str left = str_slice(in, *used, in.n);
		size_t n = 0;
		if (d->at == AT_LINE || d->at == AT_RESPONSE)
			result = take_line(d, left, &n, out);
		else
			take_literal(d, left, &n);
		*used += n;
	}
	return result;
}
