/*
 * imap.c - an IMAP client that counts instead of reading
 *
 * Input is taken line by line.  A line that ends in "{N}" is followed by N
 * bytes, which are skipped as they come, and by the rest of the response,
 * which is a line again but says nothing about what the response is.
 */
#include "test/bench/imap.h"

#include <stdio.h>
#include <string.h>

static void
say(struct imap *c, enum imap_event event)
{
	c->heard(c, event);
}

/* "{12}" or "{12+}" at the end of a line that is still open. */
static bool
ends_in_literal(struct str line, uint64_t *n)
{
	if (line.n < 3 || line.p[line.n - 1] != '}')
		return false;
	size_t open = str_rchr(line, '{');
	if (open == line.n)
		return false;
	return str_to_u64(str_slice(line, open + 1, line.n - 1), n);
}

static void
note_capabilities(struct imap *c, struct str line)
{
	static const struct { const char *name; unsigned bit; } known[] = {
		{ "SORT", IMAP_SORT }, { "MOVE", IMAP_MOVE },
		{ "LITERAL+", IMAP_LITERAL_PLUS }, { "IDLE", IMAP_IDLE },
		{ "THREAD=REFERENCES", IMAP_REFERENCES },
		{ "THREAD=ORDEREDSUBJECT", IMAP_ORDEREDSUBJECT },
		{ "THREAD=REFS", IMAP_REFS }, { "QRESYNC", IMAP_QRESYNC },
		{ "LIST-STATUS", IMAP_LIST_STATUS },
	};
	struct str word;

	c->capabilities = 0;
	while (str_next_word(&line, &word)) {
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			if (str_ieq(word, str_c(known[i].name)))
				c->capabilities |= known[i].bit;
	}
}

/* NAMESPACE ((prefix separator) ...) ...: the first is ours. */
static void
note_prefix(struct imap *c, struct str line)
{
	size_t open = str_chr(line, '"') + 1;
	struct str rest = str_slice(line, open, line.n);
	size_t n = str_chr(rest, '"');

	c->prefix[0] = '\0';
	if (str_istarts(line, STR("((\"")) && n < rest.n && n < sizeof c->prefix)
		snprintf(c->prefix, sizeof c->prefix, "%.*s", (int)n, rest.p);
}

static uint64_t
count_words(struct str s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == ' ' && i + 1 < s.n;
	return n;
}

/* Of THREAD: as many as there are runs of digits. */
static uint64_t
count_numbers(struct str s)
{
	uint64_t n = 0;
	bool inside = false;

	for (size_t i = 0; i < s.n; i++) {
		bool digit = s.p[i] >= '0' && s.p[i] <= '9';

		n += digit && !inside;
		inside = digit;
	}
	return n;
}

/* "OK [UIDVALIDITY 12] Ok": what a client keeps until it comes back. */
static void
note_code(struct str line, const char *name, uint64_t *value)
{
	struct str word, number;

	if (*value != 0 || !str_next_word(&line, &word) || !str_next_word(&line, &word) ||
	    word.p[0] != '[' || !str_ieq(str_slice(word, 1, word.n), str_c(name)) ||
	    !str_next_word(&line, &number))
		return;
	(void)str_to_u64(str_slice(number, 0, str_chr(number, ']')), value);
}

static void
note_text(struct imap *c, struct str kind, struct str rest, struct str line)
{
	if (str_ieq(kind, STR("SEARCH")) || str_ieq(kind, STR("SORT"))) {
		c->tally.hits += count_words(rest);
	} else if (str_ieq(kind, STR("THREAD"))) {
		c->tally.hits += count_numbers(rest);
	} else if (str_ieq(kind, STR("STATUS"))) {
		c->tally.statuses++;
	} else if (str_ieq(kind, STR("CAPABILITY"))) {
		note_capabilities(c, rest);
	} else if (str_ieq(kind, STR("NAMESPACE"))) {
		note_prefix(c, str_trim(rest));
	} else if (str_ieq(kind, STR("OK"))) {
		note_code(line, "UIDVALIDITY", &c->uidvalidity);
		note_code(line, "HIGHESTMODSEQ", &c->modseq);
	}
}

static void
note_untagged(struct imap *c, struct str line)
{
	struct str first, rest = line;
	uint64_t number;

	if (!str_next_word(&rest, &first))
		return;
	if (!str_to_u64(first, &number)) {
		note_text(c, first, rest, line);
		return;
	}
	if (str_istarts(rest, STR(" FETCH "))) {
		c->tally.fetches++;
	} else if (str_ieq(rest, STR(" EXPUNGE"))) {
		c->tally.expunges++;
		c->exists -= c->exists > 0;
	} else if (str_ieq(rest, STR(" EXISTS"))) {
		c->exists = number;
		say(c, IMAP_EXISTS);
	}
}

static void
note_tagged(struct imap *c, struct str line)
{
	struct str tag, status, rest = line;
	uint64_t number;

	if (!str_next_word(&rest, &tag) || !str_next_word(&rest, &status) ||
	    tag.p[0] != 'a' || !str_to_u64(str_slice(tag, 1, tag.n), &number) ||
	    number != c->tag) {
		run_fail(c->conn.run, "unexpected: %.*s", STR_ARG(line));
		return;
	}
	snprintf(c->last, sizeof c->last, "%.*s", STR_ARG(line));
	if (str_ieq(status, STR("OK")))
		say(c, IMAP_OK);
	else if (str_ieq(status, STR("NO")))
		say(c, IMAP_NO);
	else
		run_fail(c->conn.run, "%s", c->last);
}

static void
note_line(struct imap *c, struct str line)
{
	if (c->tag == 0 && str_istarts(line, STR("* OK"))) {
		c->tag = 1;
		say(c, IMAP_GREETED);
	} else if (str_starts(line, STR("* "))) {
		note_untagged(c, str_slice(line, 2, line.n));
	} else if (str_starts(line, STR("+"))) {
		say(c, IMAP_PLUS);
	} else {
		note_tagged(c, line);
	}
}

static void
received(struct conn *conn)
{
	struct imap *c = conn->ctx;
	size_t at = 0;

	while (at < conn->in.n && conn->run->failure[0] == '\0') {
		struct str rest = str_slice(buf_str(&conn->in), at, conn->in.n);
		if (c->literal_left > 0) {
			size_t n = rest.n < c->literal_left ? rest.n : c->literal_left;
			c->literal_left -= n;
			c->tally.literal_bytes += n;
			at += n;
			continue;
		}
		const char *end = memchr(rest.p, '\n', rest.n);
		if (end == NULL)
			break;
		at += (size_t)(end - rest.p) + 1;
		struct str line = { rest.p, (size_t)(end - rest.p) };
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		bool first = !c->in_response;
		c->in_response = ends_in_literal(line, &c->literal_left);
		if (first)
			note_line(c, line);
		if (conn->fd < 0)
			return;
	}
	buf_consume(&conn->in, at);
}

static void
closed(struct conn *conn)
{
	say(conn->ctx, IMAP_CLOSED);
}

void
imap_init(struct imap *c, struct run *run,
    void (*heard)(struct imap *, enum imap_event), void *ctx)
{
	*c = (struct imap){ .heard = heard, .ctx = ctx };
	conn_init(&c->conn, run, received, closed, c);
}

void
imap_open(struct imap *c)
{
	c->tag = 0;
	c->literal_left = 0;
	c->uidvalidity = c->modseq = 0;
	c->in_response = false;
	conn_open(&c->conn, c->conn.run->params->imap);
}

void
imap_close(struct imap *c)
{
	conn_close(&c->conn);
}

static void
start_command(struct imap *c, struct str command, struct buf *b)
{
	c->tally = (struct imap_tally){ 0 };
	buf_printf(b, "a%u %.*s", ++c->tag, STR_ARG(command));
}

void
imap_send(struct imap *c, struct str command)
{
	struct buf b = BUF_INIT;

	start_command(c, command, &b);
	buf_adds(&b, "\r\n");
	conn_send(&c->conn, b.p, b.n);
	buf_free(&b);
}

void
imap_send_text(struct imap *c, const char *command)
{
	imap_send(c, str_c(command));
}

void
imap_append(struct imap *c, struct str command, struct str message)
{
	bool at_once = (c->capabilities & IMAP_LITERAL_PLUS) != 0;
	struct buf b = BUF_INIT;

	start_command(c, command, &b);
	buf_printf(&b, " {%zu%s}\r\n", message.n, at_once ? "+" : "");
	if (at_once) {
		buf_add_str(&b, message);
		buf_adds(&b, "\r\n");
	}
	conn_send(&c->conn, b.p, b.n);
	buf_free(&b);
}

void
imap_send_raw(struct imap *c, struct str bytes)
{
	conn_send(&c->conn, bytes.p, bytes.n);
}

void
imap_login(struct imap *c, unsigned n)
{
	const struct params *p = c->conn.run->params;
	struct buf b = BUF_INIT;

	buf_adds(&b, "LOGIN ");
	run_user(p, n, &b);
	buf_printf(&b, " %s", p->password);
	imap_send(c, buf_str(&b));
	buf_free(&b);
}
