/* SEARCH's arguments, from strings, and how they fit a mailbox. */
#include "imap/imapd/message/search_resolve.h"
#include "imap/imapd/proto/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static uint32_t view_count;		/* messages with UIDs 10, 20, ... */

uint32_t
mbox_count(const struct mbox *m)
{
	(void)m;
	return view_count;
}

uint32_t
mbox_uid(struct mbox *m, uint32_t seq)
{
	(void)m;
	return seq * 10;
}

uint32_t
mbox_seq_from_uid(struct mbox *m, uint32_t uid)
{
	uint32_t seq = (uint32_t)(((uint64_t)uid + 9) / 10);

	(void)m;
	return seq > view_count ? view_count + 1 : seq < 1 ? 1 : seq;
}

static void render(const struct search_key *key, struct buf *b);

static void
render_children(const char *name, const struct search_key *key, struct buf *b)
{
	buf_adds(b, name);
	for (const struct search_key *k = key->child; k; k = k->next) {
		if (k != key->child)
			buf_addc(b, ' ');
		render(k, b);
	}
	buf_addc(b, ')');
}

static void
render_text(const char *name, const struct search_key *key, struct buf *b)
{
	buf_adds(b, name);
	if (key->name.p) {
		buf_addc(b, ':');
		buf_add_str(b, key->name);
	}
	buf_addc(b, '=');
	buf_add_str(b, key->text);
}

static void
render_ranges(const char *name, const struct search_key *key, struct buf *b)
{
	buf_adds(b, name);
	for (size_t i = 0; i < key->ranges; i++)
		buf_printf(b, "%s%u:%u", i ? "," : "", key->range[i].first, key->range[i].last);
}

static void
render_number(const char *name, const struct search_key *key, struct buf *b)
{
	buf_printf(b, "%s%lld", name, (long long)(int64_t)key->number);
}

static void
render(const struct search_key *key, struct buf *b)
{
	switch (key->op) {
	case SEARCH_ALL: buf_adds(b, "all"); break;
	case SEARCH_AND: render_children("(", key, b); break;
	case SEARCH_OR: render_children("or(", key, b); break;
	case SEARCH_NOT: render_children("not(", key, b); break;
	case SEARCH_FUZZY: render_children("fuzzy(", key, b); break;
	case SEARCH_FILTER: render_text("filter", key, b); break;
	case SEARCH_SAVED: buf_adds(b, "$"); break;
	case SEARCH_SEQ: render_ranges("#", key, b); break;
	case SEARCH_UID: render_ranges("uid#", key, b); break;
	case SEARCH_FLAG: buf_printf(b, "flag%u", key->flag); break;
	case SEARCH_KEYWORD: render_text("keyword", key, b); break;
	case SEARCH_RECENT: buf_adds(b, "recent"); break;
	case SEARCH_LARGER: render_number(">", key, b); break;
	case SEARCH_SMALLER: render_number("<", key, b); break;
	case SEARCH_BEFORE: render_number("before", key, b); break;
	case SEARCH_ON: render_number("on", key, b); break;
	case SEARCH_SINCE: render_number("since", key, b); break;
	case SEARCH_SENTBEFORE: render_number("sentbefore", key, b); break;
	case SEARCH_SENTON: render_number("senton", key, b); break;
	case SEARCH_SENTSINCE: render_number("sentsince", key, b); break;
	case SEARCH_HEADER: render_text("header", key, b); break;
	case SEARCH_BODY: render_text("body", key, b); break;
	case SEARCH_TEXT: render_text("text", key, b); break;
	case SEARCH_YOUNGER: render_number("younger", key, b); break;
	case SEARCH_OLDER: render_number("older", key, b); break;
	case SEARCH_SAVEDBEFORE: render_number("savedbefore", key, b); break;
	case SEARCH_SAVEDON: render_number("savedon", key, b); break;
	case SEARCH_SAVEDSINCE: render_number("savedsince", key, b); break;
	case SEARCH_MODSEQ: render_number("modseq", key, b); break;
	case SEARCH_ANNOTATION:
		buf_printf(b, "annotation%u:", key->flag);
		buf_add_str(b, key->name);
		buf_addc(b, '=');
		buf_add_str(b, key->text);
		break;
	case SEARCH_GUID: buf_printf(b, "guid%zu", key->text.n); break;
	}
}

static enum err
parse(const char *text, struct search_req **req, struct parser *p)
{
	void *out = NULL;
	enum err e;

	parser_init(p, str_c(text), arena);
	e = grammar_parse(p, REQ_SEARCH, &out);
	*req = out;
	return e;
}

static void
test_keys(void **state)
{
	static const struct {
		const char *text, *tree;
	} rows[] = {
		{ " ALL", "(all)" },
		{ " 1:3,5,*", "(#1:3,5:5,0:0)" },
		{ " uid 7:*", "(uid#7:0)" },
		{ " answered deleted draft flagged seen", "(flag2 flag8 flag16 flag4 flag1)" },
		{ " UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN",
		    "(not(flag2) not(flag8) not(flag16) not(flag4) not(flag1))" },
		{ " RECENT OLD NEW", "(recent not(recent) (recent not(flag1)))" },
		{ " KEYWORD $Work UNKEYWORD x", "(keyword=$Work not(keyword=x))" },
		{ " FROM \"a b\" to c CC d bcc e SUBJECT {3}\r\nf)g",
		    "(header:FROM=a b header:TO=c header:CC=d header:BCC=e header:SUBJECT=f)g)" },
		{ " HEADER X-Y \"\"", "(header:X-Y=)" },
		{ " BODY a TEXT b", "(body=a text=b)" },
		{ " LARGER 5 SMALLER 4294967295", "(>5 <4294967295)" },
		{ " BEFORE 1-Jan-1970 ON \"02-Jan-1970\" SINCE 31-Dec-1969", "(before0 on1 since-1)" },
		{ " SENTBEFORE 29-Feb-2000 SENTON 7-feb-1994 SENTSINCE 1-Mar-1970",
		    "(sentbefore11016 senton8803 sentsince59)" },
		{ " ANNOTATION /comment value \"a b\" ANNOTATION * Value.Priv NIL"
		    " ANNOTATION \"/%/x\" value.shared ~{3}\r\n\xff)(",
		    "(annotation3:/comment=a b annotation5:*= annotation2:/%/x=\xff)()" },
		{ " NOT NOT SEEN", "(not(not(flag1)))" },
		{ " OR SEEN OR 1 (DRAFT ALL)", "(or(flag1 or(#1:1 (flag16 all))))" },
		{ " (((ALL)))", "((((all))))" },
		{ " OR FLAGGED SEEN UNSEEN", "(or(flag4 flag1) not(flag1))" },
		{ " $ UID $,", NULL },
		{ " $ UID $", "($ $)" },
		{ " YOUNGER 5 OLDER 4294967295", "(younger5 older4294967295)" },
		{ " YOUNGER 0", NULL },
		{ " FUZZY FROM a", "(fuzzy(header:FROM=a))" },
		{ " FUZZY (1 ALL) NOT FUZZY SEEN", "(fuzzy((#1:1 all)) not(fuzzy(flag1)))" },
		{ " MODSEQ 620162338", "(modseq620162338)" },
		{ " MODSEQ 9223372036854775807", "(modseq9223372036854775807)" },
		{ " MODSEQ 9223372036854775808", NULL },
		{ " MODSEQ \"/flags/\\\\draft\" all 620162338", "(modseq620162338)" },
		{ " MODSEQ \"/flags/x\" shared 0", "(modseq0)" },
		{ " MODSEQ \"/flags/x\" 7", NULL },
		{ " MODSEQ all 7", NULL },
		{ " SAVEDBEFORE 1-Jan-1970 SAVEDON 2-Jan-1970 SAVEDSINCE 3-Jan-1970 SAVEDATESUPPORTED",
		    "(savedbefore0 savedon1 savedsince2 all)" },
		{ " FILTER on-the-road NOT FILTER x", "(filter:on-the-road= not(filter:x=))" },
		{ " FILTER a/b", NULL },
		{ " FILTER", NULL },
		{ " FILTER \"a\"", NULL },
		{ " RETURN () ALL", "(all)" },
		{ " RETURN (MIN max Count SAVE) ALL", "(all)" },
		{ " RETURN (PARTIAL 1:5 MIN) ALL", "(all)" },
		{ " RETURN (PARTIAL -1:-5) CHARSET UTF-8 ALL", "(all)" },
		{ " RETURN (PARTIAL 1:-5) ALL", NULL },
		{ " RETURN (PARTIAL -1:5) ALL", NULL },
		{ " RETURN (PARTIAL 0:5) ALL", NULL },
		{ " RETURN (PARTIAL 5) ALL", NULL },
		{ " RETURN (PARTIAL 1:5 PARTIAL 6:9) ALL", NULL },
		{ " RETURN (PARTIAL 1:5 ALL) ALL", NULL },
		{ " RETURN (RELEVANCY) ALL", NULL },
		{ " RETURN (RELEVANCY) FUZZY ALL", "(fuzzy(all))" },
		{ " RETURN (NONSENSE) ALL", NULL },
		{ " RETURN MIN ALL", NULL },
		{ " RETURN (MIN)", NULL },
		{ " CHARSET utf-8 SUBJECT \xc3\xa4", NULL },
		{ " CHARSET UTF-8 SUBJECT \"\xc3\xa4\"", "(header:SUBJECT=\xc3\xa4)" },
		{ " CHARSET ISO-8859-1 SUBJECT {1}\r\n\xe4", "(header:SUBJECT=\xc3\xa4)" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct search_req *req;
		struct parser p;

		assert_int_equal(parse(rows[i].text, &req, &p), rows[i].tree ? OK : ERR_SYNTAX);
		if (!rows[i].tree)
			continue;
		buf_reset(&b);
		render(req->key, &b);
		assert_string_equal(b.p, rows[i].tree);
	}
	buf_free(&b);
}

static void
test_refused(void **state)
{
	static const char *const rows[] = {
		"", " ", " FOO", " ALL ", " ALL  SEEN", " (ALL", " ALL)", " ()", " ( ALL)",
		" NOT", " OR ALL", " OR ALL ", " FROM", " FROM ", " LARGER -1", " LARGER x",
		" SMALLER 9223372036854775808", " ON 32-Jan-2000", " ON 29-Feb-1999", " ON 1-Foo-2000",
		" ON 1-Jan-99", " ON \"1-Jan-1999", " 0", " 1:", " 1,,2", " UID", " UID x",
		" KEYWORD \\Seen", " KEYWORD \"a\"", " HEADER a", " CHARSET", " CHARSET utf-8",
		" CHARSET utf-8 ", " ALLX", " UNALL",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct search_req *req;
		struct parser p;

		if (parse(rows[i], &req, &p) != ERR_SYNTAX)
			fail_msg("accepted: \"%s\"", rows[i]);
		assert_non_null(p.expected);
	}
}

/* An unknown charset is NO, but only if the command is well-formed. */
static void
test_charset(void **state)
{
	struct search_req *req;
	struct parser p;

	(void)state;
	assert_int_equal(parse(" CHARSET x-odd SUBJECT a", &req, &p), ERR_CHARSET);
	assert_int_equal(parse(" CHARSET x-odd SUBJECT", &req, &p), ERR_SYNTAX);
}

static void
test_limits(void **state)
{
	struct buf b = BUF_INIT;
	struct search_req *req;
	struct parser p;

	(void)state;
	buf_addc(&b, ' ');
	for (unsigned i = 1; i < parse_limits_default.nesting; i++)
		buf_adds(&b, "NOT ");
	buf_adds(&b, "ALL");
	assert_int_equal(parse(b.p, &req, &p), OK);
	buf_truncate(&b, b.n - 3);
	buf_adds(&b, "NOT ALL");
	assert_int_equal(parse(b.p, &req, &p), ERR_LIMIT);
	assert_string_equal(p.too_big, "arguments nested too deeply");

	buf_reset(&b);
	for (unsigned i = 0; i < parse_limits_default.search_keys; i++)
		buf_adds(&b, " ALL");
	assert_int_equal(parse(b.p, &req, &p), ERR_LIMIT);
	assert_string_equal(p.too_big, "too many search keys");
	buf_free(&b);
}

static void
test_resolve(void **state)
{
	static const struct {
		uint32_t count;
		const char *text;
		enum err e;
		const char *tree;
	} rows[] = {
		{ 4, " 2:*", OK, "(#2:4)" },
		{ 4, " *:2,1", OK, "(#1:4)" },
		{ 4, " UID 15:25,40", OK, "(#2:2,4:4)" },
		{ 4, " UID 900:*", OK, "(#4:4)" },
		{ 4, " UID 41:50", OK, "(#)" },
		{ 4, " NOT (OR 5 ALL)", OK, "(not((or(# all))))" },
		{ 4, " NOT $", OK, "(not(#2:3))" },
		{ 4, " UID $", OK, "(#2:3)" },
		{ 1, " $", OK, "(#)" },
		{ 0, " UID 1:*", OK, "(#)" },
		{ 0, " 1:*", OK, "(#)" },
	};
	struct uidset saved = UIDSET_INIT;
	struct buf b = BUF_INIT;

	(void)state;
	uidset_add(&saved, 15, 30);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct search_req *req;
		struct parser p;

		view_count = rows[i].count;
		assert_int_equal(parse(rows[i].text, &req, &p), OK);
		assert_int_equal(search_resolve(arena, NULL, &saved, req->key), rows[i].e);
		if (rows[i].e != OK)
			continue;
		buf_reset(&b);
		render(req->key, &b);
		assert_string_equal(b.p, rows[i].tree);
	}
	uidset_free(&saved);
	buf_free(&b);
}

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(1 << 24);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_charset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resolve, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
