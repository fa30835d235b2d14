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

#include <string.h>

enum {
	MAX_COMMAND = 64 * 1024,
	MAX_SKIP = 64 * 1024 * 1024,	/* what is worth reading to drop it */
};

/* What the end of a line announces. */
struct announced {
	uint64_t size;
	bool sync;			/* waits for our go-ahead */
};

void
imap_assemble_reset(struct imap_door *d)
{
	d->at = AT_LINE;
	d->passed = d->left = 0;
	d->tail_n = 0;
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

/* Keeps the last bytes of a line that comes in pieces. */
static void
keep_tail(struct imap_door *d, const char *p, size_t n)
{
	const size_t size = sizeof(d->tail);
	if (n >= size) {
		memcpy(d->tail, p + n - size, size);
		d->tail_n = size;
		return;
	}
	size_t keep = d->tail_n < size - n ? d->tail_n : size - n;
	memmove(d->tail, d->tail + d->tail_n - keep, keep);
	memcpy(d->tail + keep, p, n);
	d->tail_n = keep + n;
}

/* Does the line end in "{" number ["+"] "}", before its CRLF or LF? */
static bool
find_literal(const struct imap_door *d, struct announced *a)
{
	const char *p = d->tail;
	size_t n = d->tail_n;
	n -= n > 0 && p[n - 1] == '\n';
	n -= n > 0 && p[n - 1] == '\r';
	if (n < 3 || p[n - 1] != '}')
		return false;
	n--;
	a->sync = p[n - 1] != '+';
	n -= !a->sync;
	size_t from = n;
	while (from > 0 && p[from - 1] >= '0' && p[from - 1] <= '9')
		from--;
	if (from == n || from == 0 || p[from - 1] != '{')
		return false;
	a->size = 0;
	for (; from < n; from++) {
		unsigned digit = (unsigned)(p[from] - '0');
		if (a->size > (UINT64_MAX - digit) / 10) {
			a->size = UINT64_MAX;
			break;
		}
		a->size = a->size * 10 + digit;
	}
	return true;
}

static void
chomp(struct buf *b)
{
	if (b->n > 0 && b->p[b->n - 1] == '\n')
		buf_truncate(b, b->n - 1);
	if (b->n > 0 && b->p[b->n - 1] == '\r')
		buf_truncate(b, b->n - 1);
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
		chomp(&d->text);
	enum assembled result = response || !find_literal(d, &a) ? ASSEMBLE_WHOLE
	    : begin_literal(d, &a, out);
	d->tail_n = 0;
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
	keep_tail(d, in.p, n);
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
