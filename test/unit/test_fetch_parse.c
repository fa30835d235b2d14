/* FETCH's arguments, from strings. */
#include "imap/imapd/proto/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static enum err
parse(const char *text, bool uid, struct fetch_req **req, struct parser *p)
{
	void *out = NULL;
	enum err e;

	parser_init(p, str_c(text), arena);
	p->uid = uid;
	e = grammar_parse(p, REQ_FETCH, &out);
	*req = out;
	return e;
}

/* The request in a shorter form: "FLAGS UID BODY[1]<0> ..." */
static void
render(const struct fetch_req *req, struct buf *b)
{
	static const char *const names[] = {
		[FETCH_UID] = "UID ", [FETCH_FLAGS] = "FLAGS ",
		[FETCH_INTERNALDATE] = "INTERNALDATE ", [FETCH_SIZE] = "SIZE ",
		[FETCH_ENVELOPE] = "ENVELOPE ", [FETCH_BODY] = "BODY ",
		[FETCH_BODYSTRUCTURE] = "BODYSTRUCTURE ",
	};

	buf_reset(b);
	for (const struct fetch_item *i = req->items; i; i = i->next)
		if (i->op == FETCH_SECTION)
			buf_add_str(b, i->section.label);
		else
			buf_adds(b, names[i->op]);
	if (b->n > 0)
		buf_truncate(b, b->n - 1);
}

static void
test_items(void **state)
{
	static const struct {
		const char *text, *items;
		bool uid, seen;
	} rows[] = {
		{ " 1 FLAGS", "FLAGS", false, false },
		{ " 1 (flags)", "FLAGS", false, false },
		{ " 1:* ALL", "FLAGS INTERNALDATE SIZE ENVELOPE", false, false },
		{ " 1:* fast", "FLAGS INTERNALDATE SIZE", false, false },
		{ " 1:* FULL", "FLAGS INTERNALDATE SIZE ENVELOPE BODY", true, false },
		{ " 1 (UID BODYSTRUCTURE BODY)", "UID BODYSTRUCTURE BODY", true, false },
		{ " 1 (FLAGS FLAGS)", "FLAGS", false, false },
		{ " 1 RFC822", "RFC822", false, true },
		{ " 1 RFC822.HEADER", "RFC822.HEADER", false, false },
		{ " 1 RFC822.TEXT", "RFC822.TEXT", false, true },
		{ " 1 BODY[]", "BODY[]", false, true },
		{ " 1 BODY.PEEK[]", "BODY[]", false, false },
		{ " 1 (BODY[TEXT] BODY.PEEK[HEADER])", "BODY[TEXT] BODY[HEADER]", false, true },
		{ " 1 body.peek[1.2.text]<10.20>", "BODY[1.2.TEXT]<10>", false, false },
		{ " 1 BODY.PEEK[3.MIME]", "BODY[3.MIME]", false, false },
		{ " 1 BODY.PEEK[header.fields (From \"To\")]",
		    "BODY[HEADER.FIELDS (From To)]", false, false },
		{ " 1 BODY.PEEK[4.HEADER.FIELDS.NOT (\"a\\\\b\")]",
		    "BODY[4.HEADER.FIELDS.NOT (\"a\\\\b\")]", false, false },
		{ " 1 BODY.PEEK[HEADER.FIELDS ({4}\r\nDATE)]",
		    "BODY[HEADER.FIELDS (DATE)]", false, false },
		{ " 1 (BODY.PEEK[]<0.9> BODY.PEEK[]<0.8>)", "BODY[]<0> BODY[]<0>", false, false },
	};
	struct buf b = BUF_INIT, want = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
		struct fetch_req *req;
		struct parser p;
		bool uid = i % 2;

		assert_int_equal(parse(rows[i / 2].text, uid, &req, &p), OK);
		render(req, &b);
		buf_reset(&want);
		/* "UID FETCH" adds the UID in front. */
		if (uid)
			buf_adds(&want, "UID ");
		buf_adds(&want, rows[i / 2].items + (uid && rows[i / 2].uid
		    && rows[i / 2].items[0] == 'U' ? 4 : 0));
		assert_string_equal(b.p, want.p);
		assert_int_equal(req->sets_seen, rows[i / 2].seen);
	}
	buf_free(&b);
	buf_free(&want);
}

static void
test_needs(void **state)
{
	static const struct {
		const char *text;
		bool body;
		unsigned cache;
	} rows[] = {
		{ " 1 (UID FLAGS INTERNALDATE RFC822.SIZE)", false, 0 },
		{ " 1 ENVELOPE", false, 1 << CACHE_ENVELOPE },
		{ " 1 (BODY BODYSTRUCTURE)", false, 1 << CACHE_BODY | 1 << CACHE_BODYSTRUCTURE },
		{ " 1 BODY[HEADER.FIELDS (FROM SUBJECT)]", false, 1 << CACHE_HEADERS },
		{ " 1 BODY[HEADER.FIELDS (FROM X-UNUSUAL)]", true, 0 },
		{ " 1 BODY[HEADER.FIELDS.NOT (FROM)]", true, 0 },
		{ " 1 BODY[1.HEADER.FIELDS (FROM)]", true, 1 << CACHE_SECTIONS },
		{ " 1 BODY[1]", true, 1 << CACHE_SECTIONS },
		{ " 1 BODY[]", true, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fetch_req *req;
		struct parser p;

		assert_int_equal(parse(rows[i].text, false, &req, &p), OK);
		assert_int_equal(req->needs_body, rows[i].body);
		assert_int_equal(req->needs_cache, rows[i].cache);
	}
}

static void
test_section(void **state)
{
	struct fetch_req *req;
	struct parser p;

	(void)state;
	assert_int_equal(parse(" 1 BODY[2.13.HEADER.FIELDS.NOT (a b)]<7.11>", false, &req, &p), OK);
	const struct fetch_section *s = &req->items->section;

	assert_int_equal(s->parts, 2);
	assert_int_equal(s->part[0], 2);
	assert_int_equal(s->part[1], 13);
	assert_int_equal(s->what, SECTION_FIELDS_NOT);
	assert_int_equal(s->fields, 2);
	assert_true(str_eq(s->field[1], STR("b")));
	assert_true(s->partial);
	assert_int_equal(s->offset, 7);
	assert_int_equal(s->length, 11);
}

static void
test_refused(void **state)
{
	static const char *const rows[] = {
		"", " ", " 1", " 1 ", " 0 FLAGS", " x FLAGS", " 1  FLAGS", " 1 FLAGS ",
		" 1 FLAG", " 1 ()", " 1 (FLAGS", " 1 (FLAGS )", " 1 (FLAGS,UID)", " 1 (ALL)",
		" 1 FLAGS UID", " 1 (FLAGS) x", " 1 BODY[", " 1 BODY[1", " 1 BODY[1.]",
		" 1 BODY[0]", " 1 BODY[01]", " 1 BODY[MIME]", " 1 BODY[1.FOO]", " 1 BODY[TEXT.1]",
		" 1 BODY[HEADER.FIELDS]", " 1 BODY[HEADER.FIELDS ()]",
		" 1 BODY[HEADER.FIELDS (a b]", " 1 BODY[HEADER.FIELDS (\"a b\")]",
		" 1 BODY[HEADER.FIELDS ({3}\r\na\rb)]", " 1 BODY[]<1>", " 1 BODY[]<1.0>",
		" 1 BODY[]<1.5", " 1 BODY[]<-1.5>", " 1 RFC822[]", " 1 RFC822.PEEK",
		" 1 BODY.PEEK", " 1 BODY[4294967296]", " 1 BODYSTRUCTURE[]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fetch_req *req;
		struct parser p;

		if (parse(rows[i], false, &req, &p) != ERR_SYNTAX)
			fail_msg("accepted: \"%s\"", rows[i]);
		assert_non_null(p.expected);
	}
}

static void
test_limits(void **state)
{
	struct buf b = BUF_INIT;
	struct fetch_req *req;
	struct parser p;

	(void)state;
	buf_adds(&b, " 1 BODY[1");
	for (int i = 1; i < SECTION_MAX_DEPTH; i++)
		buf_adds(&b, ".1");
	buf_adds(&b, "]");
	assert_int_equal(parse(b.p, false, &req, &p), OK);
	buf_truncate(&b, b.n - 1);
	buf_adds(&b, ".1]");
	assert_int_equal(parse(b.p, false, &req, &p), ERR_LIMIT);
	assert_string_equal(p.too_big, "too many part numbers");

	buf_reset(&b);
	buf_adds(&b, " 1 (FLAGS");
	for (unsigned i = 1; i <= FETCH_MAX_ITEMS; i++)
		buf_printf(&b, " BODY[%u]", i);
	buf_adds(&b, ")");
	assert_int_equal(parse(b.p, false, &req, &p), ERR_LIMIT);
	assert_string_equal(p.too_big, "too many data items");
	buf_free(&b);
}

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
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
		cmocka_unit_test_setup_teardown(test_items, setup, teardown),
		cmocka_unit_test_setup_teardown(test_needs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_section, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
