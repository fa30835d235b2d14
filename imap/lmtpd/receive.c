/* receive.c - from the wire to the form in which messages are stored */
#include "imap/lmtpd/receive.h"

#include <string.h>

void
receiver_init(struct receiver *r, struct blob *b, bool dots, uint64_t max, bool munge)
{
	*r = (struct receiver){ .blob = b, .dots = dots, .max = max, .munge = munge,
	    .state = LINE_START, .crlf_before = true, .line_empty = true };
}

static void
emit(struct receiver *r, const char *p, size_t n)
{
	r->size += n;
	if (r->max > 0 && r->size > r->max)
		r->too_big = true;
	if (r->blob == NULL || r->too_big || r->has_nul || r->err != OK || n == 0)
		return;
	r->err = blob_write(r->blob, p, n);
}

/* A piece of a header line: looks for 8-bit characters, replaces them. */
static void
emit_header(struct receiver *r, const char *p, size_t n)
{
	size_t start = 0;

	for (size_t i = 0; i < n; i++) {
		if (((unsigned char)p[i] & 0x80) == 0)
			continue;
		r->has_8bit_header = true;
		if (!r->munge)
			break;
		emit(r, p + start, i - start);
		emit(r, "X", 1);
		start = i + 1;
	}
	emit(r, p + start, n - start);
}

/* Text within a line, no CR or LF in it but CRs that stand alone. */
static void
text(struct receiver *r, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (memchr(p, '\0', n) != NULL)
		r->has_nul = true;
	r->line_empty = false;
	if (r->in_body)
		emit(r, p, n);
	else
		emit_header(r, p, n);
}

static void
end_line(struct receiver *r, bool crlf)
{
	emit(r, "\r\n", 2);
	if (r->line_empty)
		r->in_body = true;
	r->line_empty = true;
	r->crlf_before = crlf;
	r->state = LINE_START;
}

/* One byte in a state that is not IN_LINE. */
static void
step(struct receiver *r, char c)
{
	switch (r->state) {
	case LINE_START:
		if (r->dots && c == '.') {
			r->state = AFTER_DOT;
			return;
		}
		break;
	case AFTER_DOT:
		if (c == '\r' && r->crlf_before) {
			r->state = AFTER_DOT_CR;
			return;
		}
		/* The dot was stuffing: it is dropped. */
		break;
	case AFTER_DOT_CR:
		if (c == '\n') {
			r->done = true;
			return;
		}
		text(r, "\r", 1);
		break;
	case AFTER_CR:
		if (c == '\n') {
			end_line(r, true);
			return;
		}
		text(r, "\r", 1);
		break;
	case IN_LINE:
		break;
	}
	if (c == '\r') {
		r->state = AFTER_CR;
	} else if (c == '\n') {
		end_line(r, false);
	} else {
		text(r, &c, 1);
		r->state = IN_LINE;
	}
}

/* The run of ordinary bytes at P. */
static size_t
plain_run(const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);
	size_t run = lf != NULL ? (size_t)(lf - p) : n;

	const char *cr = memchr(p, '\r', run);

	return cr != NULL ? (size_t)(cr - p) : run;
}

size_t
receiver_take(struct receiver *r, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && !r->done) {
		if (r->state == IN_LINE) {
			size_t run = plain_run(p + i, n - i);

			text(r, p + i, run);
			i += run;
			/* The common end of a line in one go. */
			if (n - i >= 2 && p[i] == '\r' && p[i + 1] == '\n') {
				end_line(r, true);
				i += 2;
			}
			if (i == n || r->state == LINE_START)
				continue;
		}
		step(r, p[i++]);
	}
	return i;
}

void
receiver_end(struct receiver *r)
{
	if (r->state == AFTER_CR)
		text(r, "\r", 1);
	/* A last line without an end gets one. */
	if (!r->line_empty)
		end_line(r, false);
	r->state = LINE_START;
}
