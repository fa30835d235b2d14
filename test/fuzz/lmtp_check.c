/* lmtp_check.c - see lmtp_check.h */
#include "test/fuzz/lmtp_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
fail(const struct lmtp_check *c, const char *wanted)
{
	size_t from = c->got_at < 300 ? 0 : c->got_at - 300;

	fprintf(stderr, "FUZZ: expected %s at byte %zu:\n%.*s<HERE>%.*s\n", wanted, c->got_at,
	    (int)(c->got_at - from), c->got.p + from,
	    (int)(c->got.n - c->got_at), c->got.p + c->got_at);
	abort();
}

/* --- replies --- */

struct reply {
	int code;
	struct str text;		/* of the last line */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "2.1.5 Ok": the class is the reply's. */
static void
check_enhanced(const struct lmtp_check *c, struct str text, char class)
{
	size_t i = 2, digits = 0;

	if (text.n < 6 || text.p[0] != class || text.p[1] != '.')
		fail(c, "an enhanced status code of the same class");
	for (int part = 0; part < 2; part++, i++) {
		for (digits = 0; i < text.n && is_digit(text.p[i]); i++)
			digits++;
		if (digits == 0 || digits > 3 || i == text.n
		    || text.p[i] != (part == 0 ? '.' : ' '))
			fail(c, "class.subject.detail");
	}
}

/* One line "CODE-TEXT" or "CODE TEXT"; true: it is the last one. */
static bool
reply_line(struct lmtp_check *c, struct reply *r, bool enhanced)
{
	struct str rest = str_slice(c->got, c->got_at, c->got.n);
	size_t end = str_find(rest, STR("\r\n"));
	int code;

	if (end == rest.n || end < 4)
		fail(c, "a line of a reply");
	for (int i = 0; i < 3; i++)
		if (!is_digit(rest.p[i]))
			fail(c, "three digits");
	code = (rest.p[0] - '0') * 100 + (rest.p[1] - '0') * 10 + rest.p[2] - '0';
	if (code < 200 || code > 559 || (r->code != 0 && r->code != code))
		fail(c, "one code in all lines of a reply");
	if (rest.p[3] != ' ' && rest.p[3] != '-')
		fail(c, "a space or a hyphen");
	for (size_t i = 4; i < end; i++)
		if (rest.p[i] < ' ' || rest.p[i] == 0x7f)
			fail(c, "printable text");
	r->code = code;
	r->text = str_slice(rest, 4, end);
	if (enhanced && code / 100 != 3)
		check_enhanced(c, r->text, rest.p[0]);
	c->got_at += end + 2;
	return rest.p[3] == ' ';
}

static struct reply
take_reply(struct lmtp_check *c, bool enhanced)
{
	struct reply r = { .code = 0 };

	while (!reply_line(c, &r, enhanced))
		continue;
	if (r.code == 221 || r.code == 421)
		c->ended = true;
	return r;
}

/* --- what the client sent, as it must be stored --- */

static struct str
take_rest_of(struct str *s, size_t n)
{
	struct str taken = str_slice(*s, 0, n);

	*s = str_slice(*s, n, s->n);
	return taken;
}

/* Lines end in LF or CRLF; the last one may have no end. */
static void
store_form(struct str in, bool dots, bool munge, struct buf *out)
{
	bool header = true;

	while (in.n > 0) {
		size_t n = str_chr(in, '\n');
		struct str line = take_rest_of(&in, n);

		if (n < line.n + in.n)
			(void)take_rest_of(&in, 1);
		if (in.p > line.p + line.n && line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (dots && line.n > 0 && line.p[0] == '.')
			line = str_slice(line, 1, line.n);
		header = header && line.n > 0;
		for (size_t i = 0; i < line.n; i++)
			buf_addc(out, header && munge && (line.p[i] & 0x80) ? 'X' : line.p[i]);
		buf_adds(out, "\r\n");
	}
}

static void
accept(struct lmtp_check *c, struct str raw, bool dots, unsigned copies)
{
	struct lmtp_accepted *a = &c->accepted[c->count];

	if (copies == 0)
		return;
	if (c->count == LMTP_CHECK_MESSAGES)
		fail(c, "fewer messages");
	c->count++;
	*a = (struct lmtp_accepted){ .bytes = BUF_INIT, .copies = copies };
	store_form(raw, dots, c->munge, &a->bytes);
}

/* One reply for each recipient; how many have it now? */
static unsigned
answers(struct lmtp_check *c)
{
	unsigned copies = 0;

	for (unsigned i = 0; i < c->recipients; i++) {
		struct reply r = take_reply(c, true);

		copies += r.code == 250
		    && !str_ends(r.text, STR("duplicate suppressed"));
	}
	return copies;
}

static void
reset(struct lmtp_check *c)
{
	c->recipients = 0;
	buf_reset(&c->chunks);
}

/* --- commands --- */

static struct str
unsent(const struct lmtp_check *c)
{
	return str_slice(c->sent, c->sent_at, c->sent.n);
}

/* Up to CRLF "." CRLF; the CRLF may be that of the command.  False: no end. */
static bool
data(struct lmtp_check *c)
{
	struct str rest = unsent(c);
	size_t end = 0;

	if (!str_starts(rest, STR(".\r\n"))) {
		end = str_find(rest, STR("\r\n.\r\n"));
		if (end == rest.n)
			return false;
		end += 2;
	}
	c->sent_at += end + 3;
	accept(c, str_slice(rest, 0, end), true, answers(c));
	reset(c);
	return true;
}

/* False: the session has ended, or its input. */
static bool
bdat(struct lmtp_check *c, struct str args)
{
	struct str rest = unsent(c), tail;
	uint64_t size = 0;
	size_t i = 0;
	bool last;

	for (; i < args.n && is_digit(args.p[i]) && size < UINT64_MAX / 20; i++)
		size = size * 10 + (uint64_t)(args.p[i] - '0');
	while (i < args.n && is_digit(args.p[i]))
		i++;
	tail = str_slice(args, i, args.n);
	last = str_ieq(tail, STR(" LAST"));
	if (i == 0 || (tail.n > 0 && !last)) {
		/* Or it came behind too many errors and was not read any more. */
		if (take_reply(c, true).code != 501 && !c->ended)
			fail(c, "501 and the end for what is no chunk");
		return false;
	}
	if (size > rest.n)
		return false;
	c->sent_at += size;
	if (c->recipients == 0) {
		(void)take_reply(c, true);
		return true;
	}
	buf_add_str(&c->chunks, str_slice(rest, 0, size));
	if (last) {
		accept(c, buf_str(&c->chunks), false, answers(c));
		reset(c);
	} else if (take_reply(c, true).code != 250) {
		reset(c);
	}
	return true;
}

/* The client's answers to 334. */
static bool
auth(struct lmtp_check *c, struct reply r)
{
	while (r.code == 334) {
		struct str rest = unsent(c);
		size_t end = str_chr(rest, '\n');

		if (end == rest.n)
			return false;
		c->sent_at += end + 1;
		r = take_reply(c, true);
	}
	return true;
}

static bool
is_too_long(struct str line)
{
	return line.n + 1 > 4096;
}

/* False: the session has ended, or its input. */
static bool
one_command(struct lmtp_check *c)
{
	struct str rest = unsent(c), verb, line;
	size_t end = str_chr(rest, '\n');
	bool odd;

	if (end == rest.n)
		return false;
	c->sent_at += end + 1;
	line = str_slice(rest, 0, end);
	odd = is_too_long(line) || str_chr(line, '\0') < line.n;
	while (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	verb = take_rest_of(&line, str_chr(line, ' '));
	while (line.n > 0 && line.p[0] == ' ')
		line = str_slice(line, 1, line.n);
	while (line.n > 0 && line.p[line.n - 1] == ' ')
		line.n--;
	if (!odd && str_ieq(verb, STR("BDAT")))
		return bdat(c, line);

	struct reply r = take_reply(c, !str_ieq(verb, STR("LHLO"))
	    || c->got.p[c->got_at] != '2');

	if (r.code == 354)
		return str_ieq(verb, STR("DATA")) && data(c);
	if (r.code == 250 && str_ieq(verb, STR("RCPT")))
		c->recipients++;
	if (r.code == 250 && (str_ieq(verb, STR("LHLO")) || str_ieq(verb, STR("RSET"))))
		reset(c);
	if (r.code == 250 && str_ieq(verb, STR("MAIL")) && c->recipients > 0)
		fail(c, "no second sender");
	return r.code != 334 || auth(c, r);
}

void
lmtp_check(struct lmtp_check *c)
{
	if (c->got.n == 0)
		return;
	if (take_reply(c, false).code != 220)
		fail(c, "220");
	while (!c->ended && one_command(c))
		continue;
	/* "Too many errors" comes after the reply to the last of them. */
	if (!c->ended && c->got_at < c->got.n)
		(void)take_reply(c, true);
	if (c->got_at < c->got.n)
		fail(c, "no reply without a command");
	buf_free(&c->chunks);
}

/* --- the store --- */

/* Return-Path, and Received with two lines more. */
static bool
is_trace(struct str s)
{
	static const char *const starts[] = {
		"Return-Path: <", "Received: from ", "\tby mail.example (Chapar) with ", "\t",
	};

	for (int i = 0; i < 4; i++) {
		size_t end = str_find(s, STR("\r\n"));

		if (end == s.n || !str_starts(s, str_c(starts[i])))
			return false;
		s = str_slice(s, end + 2, s.n);
	}
	return s.n == 0;
}

void
lmtp_check_stored(struct lmtp_check *c, size_t checks, struct str message)
{
	for (size_t k = 0; k < checks; k++)
		for (size_t i = 0; i < c[k].count; i++) {
			struct lmtp_accepted *a = &c[k].accepted[i];

			if (a->copies == 0 || !str_ends(message, buf_str(&a->bytes)) || !is_trace(
			    str_slice(message, 0, message.n - a->bytes.n)))
				continue;
			a->copies--;
			return;
		}
	fprintf(stderr, "FUZZ: nobody was told that this is stored:\n%.*s", STR_ARG(message));
	abort();
}

void
lmtp_check_end(struct lmtp_check *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct str bytes = buf_str(&c->accepted[i].bytes);

		if (c->accepted[i].copies > 0) {
			fprintf(stderr, "FUZZ: acknowledged, but not stored:\n%.*s", STR_ARG(bytes));
			abort();
		}
		buf_free(&c->accepted[i].bytes);
	}
}
