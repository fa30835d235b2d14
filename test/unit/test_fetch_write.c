/* FETCH's answers for messages that exist only in this file. */
#include "imap/imapd/message/fetch.h"
#include "imap/imapd/proto/grammar.h"
#include "imap/disk/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char simple[] =
    "From: Fred <fred@example.org>\r\nSubject: Hi\r\nX-Odd: 1\r\n"
    "Date: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\nHello\r\n";

static const char nested[] =
    "Subject: outer\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/html\r\n\r\n<p>one</p>\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\n"
    "From: inner@example.org\r\nSubject: inner\r\n"
    "Content-Type: multipart/alternative; boundary=c\r\n\r\n"
    "--c\r\n\r\nfirst\r\n--c\r\nContent-Type: text/html\r\n\r\nsecond\r\n--c--\r\n"
    "--b--\r\n";

enum { GONE = 3, NO_TABLE = 4 };	/* sequence numbers with a fault */

static struct buf entry = BUF_INIT;
static unsigned bodies;			/* calls of mbox_body() */

static struct str
message_bytes(uint32_t seq)
{
	return seq == 1 ? (struct str){ simple, sizeof simple - 1 }
	    : (struct str){ nested, sizeof nested - 1 };
}

const char *
mbox_keyword(struct mbox *m, unsigned i)
{
	(void)m;
	return i == 0 ? "$Work" : NULL;
}

enum err
mbox_message(struct mbox *m, uint32_t seq, struct message *msg)
{
	struct str bytes = message_bytes(seq);
	const char *end = strstr(bytes.p, "\r\n\r\n");

	(void)m;
	*msg = (struct message){ .uid = seq * 10, .flags = MSG_SEEN, .size = bytes.n,
	    .keywords = { { 1, 0 } }, .internaldate = 760686745, .zone_minutes = -480,
	    .header_size = (uint32_t)(end - bytes.p) + 4 };
	return OK;
}

enum err
mbox_cache(struct mbox *m, uint32_t seq, enum cache_item item, struct str *s)
{
	static const uint8_t guid[32];
	struct cache_facts facts;

	(void)m;
	if (seq == GONE)
		return ERR_NOTFOUND;
	buf_reset(&entry);
	assert_int_equal(cache_build(message_bytes(seq), guid, &entry, &facts), OK);
	*s = cache_get(buf_str(&entry), item);
	if (seq == NO_TABLE && item == CACHE_SECTIONS)
		*s = STR("");
	return OK;
}

bool
mbox_has_cache(struct mbox *m, uint32_t seq)
{
	(void)m;
	return seq != NO_TABLE;
}

enum err
mbox_body(struct mbox *m, uint32_t seq, struct str *s)
{
	(void)m;
	bodies++;
	if (seq == GONE)
		return ERR_NOTFOUND;
	*s = message_bytes(seq);
	return OK;
}

struct row {
	uint32_t seq;
	const char *items, *answer;
};

static void
check(const struct row *row, bool with_flags)
{
	static const struct keywords told = { { UINT64_MAX, UINT64_MAX } };
	struct arena *arena = arena_new(1 << 20);
	struct buf out = BUF_INIT, args = BUF_INIT;
	struct stream *s = stream_mem(STR(""), &out);
	struct fetch_writer *w = fetch_writer_new(NULL, &told, s);
	struct parser p;
	void *req;

	buf_printf(&args, " 1 %s", row->items);
	parser_init(&p, buf_str(&args), arena);
	assert_int_equal(grammar_parse(&p, REQ_FETCH, &req), OK);
	assert_int_equal(fetch_write(w, req, row->seq, with_flags),
	    row->answer ? OK : ERR_NOTFOUND);
	assert_int_equal(stream_flush(s), OK);
	assert_string_equal(out.p, row->answer ? row->answer : "");
	fetch_writer_free(w);
	stream_close(s);
	buf_free(&out);
	buf_free(&args);
	arena_free(arena);
}

static void
check_all(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(&rows[i], false);
}
#define CHECK_ALL(rows)	check_all((rows), sizeof(rows) / sizeof(rows)[0])

static void
test_simple(void **state)
{
	static const struct row rows[] = {
		{ 1, "(UID FLAGS)", "* 1 FETCH (UID 10 FLAGS (\\Seen $Work))\r\n" },
		{ 1, "INTERNALDATE",
		    "* 1 FETCH (INTERNALDATE \" 7-Feb-1994 21:52:25 -0800\")\r\n" },
		{ 1, "RFC822.SIZE", "* 1 FETCH (RFC822.SIZE 101)\r\n" },
		{ 1, "ENVELOPE", "* 1 FETCH (ENVELOPE (\"Mon, 7 Feb 1994 21:52:25 -0800\" \"Hi\" "
		    "((\"Fred\" NIL \"fred\" \"example.org\")) "
		    "((\"Fred\" NIL \"fred\" \"example.org\")) "
		    "((\"Fred\" NIL \"fred\" \"example.org\")) NIL NIL NIL NIL NIL))\r\n" },
		{ 1, "(UID BODY)", "* 1 FETCH (UID 10 BODY (\"text\" \"plain\" "
		    "(\"charset\" \"us-ascii\") NIL NIL \"7bit\" 7 1))\r\n" },
	};

	(void)state;
	bodies = 0;
	CHECK_ALL(rows);
	assert_int_equal(bodies, 0);
}

static void
test_sections(void **state)
{
	static const struct row rows[] = {
		{ 1, "RFC822.TEXT", "* 1 FETCH (RFC822.TEXT {7}\r\nHello\r\n)\r\n" },
		{ 1, "(BODY[TEXT] UID)", "* 1 FETCH (BODY[TEXT] {7}\r\nHello\r\n UID 10)\r\n" },
		{ 1, "BODY[1]", "* 1 FETCH (BODY[1] {7}\r\nHello\r\n)\r\n" },
		{ 1, "BODY[2]", "* 1 FETCH (BODY[2] NIL)\r\n" },
		{ 1, "BODY[]<0.4>", "* 1 FETCH (BODY[]<0> {4}\r\nFrom)\r\n" },
		{ 1, "BODY[TEXT]<3.100>", "* 1 FETCH (BODY[TEXT]<3> {4}\r\nlo\r\n)\r\n" },
		{ 1, "BODY[TEXT]<7.1>", "* 1 FETCH (BODY[TEXT]<7> {0}\r\n)\r\n" },
		{ 1, "BODY[]<4294967295.4294967295>",
		    "* 1 FETCH (BODY[]<4294967295> {0}\r\n)\r\n" },
		{ 1, "BODY[HEADER.FIELDS (subject none)]",
		    "* 1 FETCH (BODY[HEADER.FIELDS (subject none)] {15}\r\nSubject: Hi\r\n\r\n)\r\n" },
		{ 1, "BODY[HEADER.FIELDS (X-ODD)]",
		    "* 1 FETCH (BODY[HEADER.FIELDS (X-ODD)] {12}\r\nX-Odd: 1\r\n\r\n)\r\n" },
		{ 1, "BODY[HEADER.FIELDS.NOT (from date subject)]",
		    "* 1 FETCH (BODY[HEADER.FIELDS.NOT (from date subject)] {12}\r\n"
		    "X-Odd: 1\r\n\r\n)\r\n" },
		{ 1, "BODY[HEADER.FIELDS (none)]",
		    "* 1 FETCH (BODY[HEADER.FIELDS (none)] {2}\r\n\r\n)\r\n" },
	};

	(void)state;
	CHECK_ALL(rows);
}

/* RFC 3501 6.4.5; with the table of parts (2) and by looking for them (4). */
static void
test_parts(void **state)
{
	static const struct {
		const char *section, *value;
	} rows[] = {
		{ "1", "{10}\r\n<p>one</p>" },
		{ "1.MIME", "{27}\r\nContent-Type: text/html\r\n\r\n" },
		{ "1.TEXT", "NIL" },
		{ "1.HEADER", "NIL" },
		{ "2.MIME", "{32}\r\nContent-Type: message/rfc822\r\n\r\n" },
		{ "2.HEADER.FIELDS (SUBJECT)", "{18}\r\nSubject: inner\r\n\r\n" },
		{ "2.HEADER.FIELDS.NOT (CONTENT-TYPE)",
		    "{43}\r\nFrom: inner@example.org\r\nSubject: inner\r\n\r\n" },
		{ "2.1", "{5}\r\nfirst" },
		{ "2.1.MIME", "{2}\r\n\r\n" },
		{ "2.2", "{6}\r\nsecond" },
		{ "2.3", "NIL" },
		{ "3", "NIL" },
		{ "1.1", "NIL" },
	};
	struct buf items = BUF_INIT, answer = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
		struct row row = { i % 2 ? NO_TABLE : 2, NULL, NULL };

		buf_reset(&items);
		buf_reset(&answer);
		buf_printf(&items, "BODY.PEEK[%s]", rows[i / 2].section);
		buf_printf(&answer, "* %u FETCH (BODY[%s] %s)\r\n", row.seq,
		    rows[i / 2].section, rows[i / 2].value);
		row.items = items.p;
		row.answer = answer.p;
		check(&row, false);
	}
	buf_free(&items);
	buf_free(&answer);
}

/* "the flags ... SHOULD be included" when \Seen was set by the command. */
static void
test_with_flags(void **state)
{
	static const struct row added = { 1, "BODY[TEXT]",
	    "* 1 FETCH (FLAGS (\\Seen $Work) BODY[TEXT] {7}\r\nHello\r\n)\r\n" };
	static const struct row asked = { 1, "FLAGS", "* 1 FETCH (FLAGS (\\Seen $Work))\r\n" };

	(void)state;
	check(&added, true);
	check(&asked, true);
}

/* Nothing is written of a message whose file is gone. */
static void
test_gone(void **state)
{
	static const struct row rows[] = {
		{ GONE, "(FLAGS BODY[])", NULL },
		{ GONE, "(UID ENVELOPE)", NULL },
		{ GONE, "UID", "* 3 FETCH (UID 30)\r\n" },
	};

	(void)state;
	CHECK_ALL(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_with_flags),
		cmocka_unit_test(test_gone),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_free(&entry);
	return failed;
}
