/* Search programs over a mailbox that exists only in this file. */
#include "imap/store/search/search.h"
#include "imap/store/search/search_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fake {
	uint32_t uid, flags;
	int keyword;			/* bit, or -1 */
	uint64_t size;
	int64_t internaldate;
	int zone;
	int64_t sentdate;
	const char *header, *body;
};

enum { D = 86400 };

static const struct fake mail[] = {
	/* 1970-01-11 in UTC and where it was written */
	{ 3, MSG_SEEN, -1, 100, 10 * D + 5, 0, 10 * D + 5,
	    "From: Ann <ann@example.org>\r\nSubject: Lunch\r\n at noon\r\n"
	    "Date: Sun, 11 Jan 1970 00:00:05 +0000\r\n\r\n", "Hello World\r\n" },
	/* the internal date's day is the 10th in its own zone, the Date's the 12th */
	{ 7, MSG_FLAGGED | MSG_DELETED, 0, 2000, 10 * D + 5, -60, 10 * D + 23 * 3600,
	    "From: Bob <bob@example.org>\r\nSubject: =?utf-8?q?M=C3=BCller?=\r\n"
	    "Date: Mon, 12 Jan 1970 01:00:00 +0200\r\nX-Spam: yes\r\n"
	    "Content-Type: text/plain; charset=iso-8859-1\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
	    "Stra=DFe und =\r\nWeg\r\n" },
	{ 9, 0, 70, 3000, 20 * D, 0, 20 * D,
	    "Subject: pictures\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
	    "preamble secret\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nw4RwZmVsIGF1ZiBCaXJuZW4=\r\n"
	    "--b\r\nContent-Type: image/png; name=holiday.png\r\n\r\nraw bytes\r\n"
	    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner one\r\n\r\ninner text\r\n"
	    "--b--\r\n" },
};
enum { MAILS = sizeof mail / sizeof mail[0] };

static char bytes[4096];

uint32_t
mbox_count(const struct mbox *m)
{
	(void)m;
	return MAILS;
}

uint32_t
mbox_uid(struct mbox *m, uint32_t seq)
{
	(void)m;
	return mail[seq - 1].uid;
}

uint32_t
mbox_seq_from_uid(struct mbox *m, uint32_t uid)
{
	uint32_t seq = 1;

	(void)m;
	while (seq <= MAILS && mail[seq - 1].uid < uid)
		seq++;
	return seq;
}

const char *
mbox_keyword(struct mbox *m, unsigned i)
{
	(void)m;
	return i == 0 ? "$Junk" : i == 70 ? "$Work" : NULL;
}

enum err
mbox_message(struct mbox *m, uint32_t seq, struct message *msg)
{
	const struct fake *f = &mail[seq - 1];

	(void)m;
	*msg = (struct message){ .uid = f->uid, .flags = f->flags, .size = f->size,
	    .internaldate = f->internaldate, .zone_minutes = f->zone,
	    .sentdate = f->sentdate, .savedate = (29 + seq) * D, .recent = seq == MAILS, .modseq = seq,
	    .header_size = (uint32_t)strlen(f->header) };
	if (f->keyword >= 0)
		msg->keywords.w[f->keyword / 64] |= UINT64_C(1) << (f->keyword % 64);
	return OK;
}

bool
cache_has_header(struct str name)
{
	return !str_ieq(name, STR("X-Spam"));
}

enum err
mbox_cache(struct mbox *m, uint32_t seq, enum cache_item item, struct str *s)
{
	(void)m;
	assert_int_equal(item, CACHE_HEADERS);
	*s = str_c(mail[seq - 1].header);
	s->n -= 2;
	return OK;
}

/* None has annotations. */
enum err
mbox_annots(struct mbox *m, const struct annots **a)
{
	static const struct annots none = { .n = 0 };

	(void)m;
	*a = &none;
	return OK;
}

bool
mbox_sees_annot(const struct mbox *m, const struct annot *one)
{
	(void)m;
	return one->owner.n == 0;
}

enum err
mbox_body(struct mbox *m, uint32_t seq, struct str *s)
{
	size_t n = strlen(mail[seq - 1].header), more = strlen(mail[seq - 1].body);

	(void)m;
	assert_true(n + more < sizeof bytes);
	memcpy(bytes, mail[seq - 1].header, n);
	memcpy(bytes + n, mail[seq - 1].body, more);
	*s = (struct str){ bytes, n + more };
	return OK;
}

static struct search_how how = { .now = 21 * D, .collation = COLLATE_UNICODE_CASEMAP };

/* The numbers that KEY finds, as bits: 1, 2, 4. */
static unsigned
found(struct search_key key)
{
	struct arena *arena = arena_new(1 << 20);
	uint32_t *seqs;
	size_t n;
	unsigned bits = 0;

	search_prepare(arena, &how, &key);
	assert_int_equal(search_run(NULL, arena, &how, &key, &seqs, &n), OK);
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || seqs[i] > seqs[i - 1]);
		bits |= 1u << (seqs[i] - 1);
	}
	arena_free(arena);
	return bits;
}

#define KEY(...)	((struct search_key){ __VA_ARGS__ })
#define TEXT(o, s)	KEY(.op = (o), .text = { s, sizeof(s) - 1 })
#define HEADER(f, s)	KEY(.op = SEARCH_HEADER, .name = { f, sizeof(f) - 1 }, \
			    .text = { s, sizeof(s) - 1 })
#define NUMBER(o, n)	KEY(.op = (o), .number = (n))

static void
test_index(void **state)
{
	(void)state;
	assert_int_equal(found(KEY(.op = SEARCH_ALL)), 7);
	assert_int_equal(found(KEY(.op = SEARCH_FLAG, .flag = MSG_SEEN)), 1);
	assert_int_equal(found(KEY(.op = SEARCH_RECENT)), 4);
	assert_int_equal(found(TEXT(SEARCH_KEYWORD, "$junk")), 2);
	assert_int_equal(found(TEXT(SEARCH_KEYWORD, "$work")), 4);
	assert_int_equal(found(TEXT(SEARCH_KEYWORD, "none")), 0);
	assert_int_equal(found(NUMBER(SEARCH_LARGER, 2000)), 4);
	assert_int_equal(found(NUMBER(SEARCH_SMALLER, 2000)), 1);
	assert_int_equal(found(NUMBER(SEARCH_MODSEQ, 2)), 6);
	assert_int_equal(found(NUMBER(SEARCH_YOUNGER, D)), 0);
	assert_int_equal(found(NUMBER(SEARCH_YOUNGER, D + 1)), 4);
	assert_int_equal(found(NUMBER(SEARCH_OLDER, D)), 7);
	assert_int_equal(found(NUMBER(SEARCH_OLDER, D + 1)), 3);
	assert_int_equal(found(NUMBER(SEARCH_SAVEDON, 30)), 1);
	assert_int_equal(found(NUMBER(SEARCH_SAVEDBEFORE, 31)), 1);
	assert_int_equal(found(NUMBER(SEARCH_SAVEDSINCE, 31)), 6);
}

/* RFC 3501 6.4.4: "disregarding time and timezone". */
static void
test_dates(void **state)
{
	(void)state;
	assert_int_equal(found(NUMBER(SEARCH_ON, 10)), 1);
	assert_int_equal(found(NUMBER(SEARCH_ON, 9)), 2);
	assert_int_equal(found(NUMBER(SEARCH_BEFORE, 10)), 2);
	assert_int_equal(found(NUMBER(SEARCH_SINCE, 10)), 5);
	assert_int_equal(found(NUMBER(SEARCH_SENTON, 10)), 1);
	assert_int_equal(found(NUMBER(SEARCH_SENTON, 11)), 2);
	assert_int_equal(found(NUMBER(SEARCH_SENTBEFORE, 11)), 1);
	assert_int_equal(found(NUMBER(SEARCH_SENTSINCE, 11)), 6);
	assert_int_equal(found(NUMBER(SEARCH_SENTON, 20)), 4);
}

static void
test_sets(void **state)
{
	struct search_range uids[] = { { 9, 400 }, { 1, 3 }, { 2, 4 } };
	struct search_range seqs[] = { { 2, 2 } };
	struct search_key set = KEY(.op = SEARCH_UID, .range = uids, .ranges = 3);
	struct search_key two = KEY(.op = SEARCH_SEQ, .range = seqs, .ranges = 1);

	(void)state;
	assert_int_equal(found(set), 5);
	assert_int_equal(found(two), 2);
	assert_int_equal(found(KEY(.op = SEARCH_UID)), 0);
	assert_int_equal(found(KEY(.op = SEARCH_NOT, .child = &two)), 5);
	assert_int_equal(found(KEY(.op = SEARCH_AND, .child = &two)), 2);
}

static void
test_operators(void **state)
{
	struct search_key body = TEXT(SEARCH_TEXT, "lunch");
	struct search_key flag = KEY(.op = SEARCH_FLAG, .flag = MSG_FLAGGED, .next = NULL);
	struct search_key all = KEY(.op = SEARCH_ALL);

	(void)state;
	body.next = &flag;
	assert_int_equal(found(KEY(.op = SEARCH_OR, .child = &body)), 3);
	body.next = &all;
	all.next = NULL;
	body.text = STR("lunch");
	assert_int_equal(found(KEY(.op = SEARCH_AND, .child = &body)), 1);
	/* Operands were put in order of cost. */
	assert_ptr_equal(all.next, &body);
	assert_null(body.next);
	assert_int_equal(found(KEY(.op = SEARCH_AND)), 7);
	assert_int_equal(found(KEY(.op = SEARCH_OR)), 0);
}

static void
test_headers(void **state)
{
	(void)state;
	assert_int_equal(found(HEADER("from", "EXAMPLE.org")), 3);
	assert_int_equal(found(HEADER("From", "ann@")), 1);
	assert_int_equal(found(HEADER("Subject", "lunch at NOON")), 1);
	assert_int_equal(found(HEADER("Subject", "m\xc3\x9cLLer")), 2);
	assert_int_equal(found(HEADER("Subject", "Subject")), 0);
	assert_int_equal(found(HEADER("X-Spam", "")), 2);
	assert_int_equal(found(HEADER("X-Spam", "no")), 0);
	assert_int_equal(found(HEADER("Sub", "")), 0);
}

static void
test_text(void **state)
{
	(void)state;
	assert_int_equal(found(TEXT(SEARCH_BODY, "hello world")), 1);
	assert_int_equal(found(TEXT(SEARCH_BODY, "lunch")), 0);
	assert_int_equal(found(TEXT(SEARCH_TEXT, "lunch at")), 1);
	assert_int_equal(found(TEXT(SEARCH_BODY, "stra\xc3\x9f""e")), 2);
	assert_int_equal(found(TEXT(SEARCH_BODY, "und weg")), 2);
	assert_int_equal(found(TEXT(SEARCH_TEXT, "m\xc3\xbcller")), 2);
	assert_int_equal(found(TEXT(SEARCH_BODY, "\xc3\x84PFEL")), 4);
	assert_int_equal(found(TEXT(SEARCH_BODY, "inner one")), 4);
	assert_int_equal(found(TEXT(SEARCH_BODY, "inner text")), 4);
	assert_int_equal(found(TEXT(SEARCH_BODY, "holiday.png")), 0);
	assert_int_equal(found(TEXT(SEARCH_TEXT, "holiday.png")), 4);
	assert_int_equal(found(TEXT(SEARCH_BODY, "raw bytes")), 0);
	assert_int_equal(found(TEXT(SEARCH_BODY, "")), 7);
}

/* --- other comparators --- */

static void
test_collation(void **state)
{
	(void)state;
	how.collation = COLLATE_OCTET;
	assert_int_equal(found(HEADER("From", "EXAMPLE.org")), 0);
	assert_int_equal(found(HEADER("From", "example.org")), 3);
	assert_int_equal(found(TEXT(SEARCH_BODY, "hello world")), 0);
	assert_int_equal(found(TEXT(SEARCH_BODY, "Hello World")), 1);
	how.collation = COLLATE_ASCII_CASEMAP;
	assert_int_equal(found(TEXT(SEARCH_BODY, "hello world")), 1);
	assert_int_equal(found(TEXT(SEARCH_TEXT, "M\xc3\x9cLLER")), 0);
	assert_int_equal(found(TEXT(SEARCH_TEXT, "M\xc3\xbcLLER")), 2);
	how.collation = COLLATE_UNICODE_CASEMAP;
}

/* --- candidates --- */

static enum err
candidates(void *ctx, struct mbox *m, const struct search_key *key, struct uidset *uids)
{
	(void)m;
	(void)key;
	if (ctx == NULL)
		return ERR_UNSUPPORTED;
	uidset_copy(uids, ctx);
	return OK;
}

static void
test_candidates(void **state)
{
	struct uidset all = UIDSET_INIT, some = UIDSET_INIT, none = UIDSET_INIT;
	struct search_source source = { candidates, NULL };

	(void)state;
	uidset_add(&all, 1, 400);
	uidset_add(&some, 2, 3);
	uidset_add(&some, 9, 9);
	how.source = &source;
	assert_int_equal(found(NUMBER(SEARCH_SMALLER, 2500)), 3);	/* has no answer */
	source.ctx = &all;
	assert_int_equal(found(NUMBER(SEARCH_SMALLER, 2500)), 3);	/* and is exact */
	source.ctx = &some;
	assert_int_equal(found(NUMBER(SEARCH_SMALLER, 2500)), 1);
	assert_int_equal(found(KEY(.op = SEARCH_ALL)), 5);
	source.ctx = &none;
	assert_int_equal(found(KEY(.op = SEARCH_ALL)), 0);
	how.source = NULL;
	uidset_free(&all);
	uidset_free(&some);
}

static void
test_filter(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	struct search_key key = NUMBER(SEARCH_SMALLER, 2500);
	uint32_t seqs[] = { 3, 2, 1 };
	size_t n;

	(void)state;
	search_prepare(arena, &how, &key);
	assert_int_equal(search_filter(NULL, arena, &how, &key, seqs, 3, &n), OK);
	assert_int_equal(n, 2);
	assert_int_equal(seqs[0], 2);
	assert_int_equal(seqs[1], 1);
	arena_free(arena);
}

/* --- one message, many ways to write it --- */

static const struct {
	const char *head, *body, *needle;
	bool found;
} ways[] = {
	/* RFC 2231 */
	{ "Content-Disposition: attachment; filename*=utf-8''M%C3%BCller.pdf", "", "m\xc3\xbcller.pdf", true },
	{ "Content-Type: application/x; name*0*=iso-8859-1'de'M%FC; name*1=ller", "", "m\xc3\xbcller", true },
	{ "Content-Disposition: inline; filename*1=ler; filename*0=mul", "", "muller", true },
	/* HTML */
	{ "Content-Type: text/html; charset=utf-8", "<p>M<b>&uuml;</b>ller</p>", "m\xc3\xbcller", true },
	{ "Content-Type: text/html; charset=utf-8", "<p class=muller>x</p>", "muller", false },
	{ "Content-Type: text/html; charset=utf-8", "one<br>\r\n  two", "one\ntwo", true },
	{ "Content-Type: text/html", "one\r\n  two", "one two", true },
	/* labels that are wrong */
	{ "Content-Type: text/plain; charset=iso-8859-1", "M\xc3\xbcller", "m\xc3\xbcller", true },
	{ "Content-Type: text/plain; charset=utf-8", "M\xfcller", "m\xc3\xbcller", true },
	{ "Content-Type: text/plain; charset=utf-8", "M\xfcller \xc3\xa4", "\xc3\xa4", true },
	{ "Content-Type: text/plain; charset=iso-2022-jp", "M\xc3\xbcller", "m\xc3\xbcller", true },
	{ "Content-Type: text/plain; charset=us-ascii", "M\xfcller", "m\xc3\xbcller", true },
	{ "Content-Type: text/plain; charset=x-nonsense", "M\xc3\xbcller", "m\xc3\xbcller", true },
	{ "Content-Type: text/html; charset=utf-8", "<b>M\xfcller</b>", "m\xc3\xbcller", true },
	/* normalization */
	{ "Content-Type: text/plain; charset=utf-8", "Mu\xcc\x88ller", "m\xc3\xbcller", true },
	{ "Content-Type: text/plain; charset=utf-8", "M\xc3\xbcller", "mu\xcc\x88ller", true },
	{ "Content-Type: text/plain; charset=utf-8", "\xef\xac\x81le", "FILE", true },
	/* character sets */
	{ "Content-Type: text/plain; charset=utf-7", "M+APw-ller", "m\xc3\xbcller", true },
	{ "Content-Type: text/plain; charset=iso-2022-jp", "\x1b$BF|K\\\x1b(B", "\xe6\x97\xa5\xe6\x9c\xac", true },
	{ "Content-Type: text/plain; charset=gb18030", "\xd6\xd0\xce\xc4", "\xe4\xb8\xad\xe6\x96\x87", true },
	{ "Content-Type: text/plain; charset=gb2312", "\xd6\xd0\xce\xc4", "\xe4\xb8\xad\xe6\x96\x87", true },
	{ "Subject: =?utf-8?b?TcM=?= =?utf-8?b?vGxsZXI=?=", "", "m\xc3\xbcller", true },
	{ "Subject: =?utf-8?q?M=C3=BC?=\r\n =?utf-8?q?ller?=", "", "m\xc3\xbcller", true },
	{ "Subject: =?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "", "\xe6\x97\xa5\xe6\x9c\xac", true },
};

static void
test_ways(void **state)
{
	struct search_text *t = search_text_new(COLLATE_UNICODE_CASEMAP);

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		struct buf message = BUF_INIT, needle = BUF_INIT;

		buf_printf(&message, "%s\r\n\r\n%s", ways[i].head, ways[i].body);
		collate_key(COLLATE_UNICODE_CASEMAP, str_c(ways[i].needle), &needle);
		search_text_next(t);
		if (search_text_message(t, buf_str(&message), true, buf_str(&needle))
		    != ways[i].found)
			fail_msg("row %zu: %s", i, message.p);
		buf_free(&message);
		buf_free(&needle);
	}
	search_text_free(t);
}

/* A match is found wherever in a long body it lies. */
static void
test_pieces(void **state)
{
	static const char head[] = "Content-Type: text/plain\r\n\r\n";
	struct search_text *t = search_text_new(COLLATE_UNICODE_CASEMAP);
	struct buf message = BUF_INIT;

	(void)state;
	for (size_t before = 65000; before < 66000; before++) {
		buf_reset(&message);
		buf_adds(&message, head);
		memset(buf_reserve(&message, before), 'x', before);
		message.n += before;
		buf_adds(&message, "needle and thread\r\n");
		search_text_next(t);
		assert_true(search_text_message(t, buf_str(&message), false, STR("NEEDLE AND")));
		assert_false(search_text_message(t, buf_str(&message), false, STR("NEEDLES")));
	}
	search_text_free(t);
	buf_free(&message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_operators),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_collation),
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
