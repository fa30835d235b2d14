/* The rules of RFC 3501 section 9, each from a string. */
#include "imap/imapd/proto/message.h"
#include "imap/imapd/proto/parse_date.h"
#include "imap/imapd/proto/parse_flags.h"
#include "imap/store/mbox/mbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct arena *arena;

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new(16 * 1024 * 1024);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct parser
on(struct str in)
{
	struct parser p;
	parser_init(&p, in, arena);
	return p;
}

/* A rule that yields a string: what it takes, NULL: it must stay. */
struct string_row {
	const char *in;
	const char *want;
	size_t rest;			/* bytes left behind it */
};

static void
check_strings(bool (*rule)(struct parser *, struct str *), const struct string_row *row,
    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct parser p = on(str_c(row[i].in));
		struct str got = { NULL, 0 };
		bool ok = rule(&p, &got);
		if (row[i].want == NULL) {
			assert_false(ok);
			assert_int_equal(p.at, 0);
			assert_non_null(p.expected);
			continue;
		}
		assert_true(ok);
		assert_true(str_eq(got, str_c(row[i].want)));
		assert_int_equal(p.in.n - p.at, row[i].rest);
	}
}
#define CHECK(rule, rows)	check_strings((rule), (rows), sizeof(rows) / sizeof((rows)[0]))

static void
test_tag_and_atom(void **state)
{
	(void)state;
	static const struct string_row tags[] = {
		{ "a1 x", "a1", 2 }, { "A]B", "A]B", 0 }, { "a+b", "a", 2 },
		{ "+a", NULL, 0 }, { "", NULL, 0 }, { " a", NULL, 0 }, { "\x80", NULL, 0 },
	};
	static const struct string_row atoms[] = {
		{ "FETCH (", "FETCH", 2 }, { "a[b", "a[b", 0 }, { "a]b", "a", 2 },
		{ "a*", "a", 1 }, { "a\\", "a", 1 }, { "(", NULL, 0 }, { "\"a\"", NULL, 0 },
		{ "\x7f", NULL, 0 }, { "{3}", NULL, 0 },
	};
	CHECK(parse_tag, tags);
	CHECK(parse_atom, atoms);
}

static void
test_strings(void **state)
{
	(void)state;
	static const struct string_row quoted[] = {
		{ "\"a b\" x", "a b", 2 }, { "\"\"", "", 0 },
		{ "\"a\\\"b\\\\c\"", "a\"b\\c", 0 }, { "\"caf\xc3\xa9\"", "caf\xc3\xa9", 0 },
		{ "\"a", NULL, 0 }, { "\"a\\", NULL, 0 }, { "\"a\\b\"", NULL, 0 },
		{ "\"a\rb\"", NULL, 0 }, { "a", NULL, 0 },
	};
	static const struct string_row literal[] = {
		{ "{3}\r\nabcd", "abc", 1 }, { "{3+}\r\nabc", "abc", 0 },
		{ "{0}\r\n x", "", 2 }, { "{03}\r\nabc", "abc", 0 },
		{ "{4}\r\nabc", NULL, 0 }, { "{3}\nabc", NULL, 0 }, { "{}\r\n", NULL, 0 },
		{ "{-1}\r\n", NULL, 0 }, { "{3-}\r\nabc", NULL, 0 },
		{ "{99999999999999999999}\r\nabc", NULL, 0 },
	};
	static const struct string_row astring[] = {
		{ "a]b c", "a]b", 2 }, { "\"a b\"", "a b", 0 }, { "{1}\r\nx", "x", 0 },
		{ "%", NULL, 0 }, { "(a)", NULL, 0 }, { "\xc3\xa9", NULL, 0 },
	};
	static const struct string_row list_mailbox[] = {
		{ "% x", "%", 2 }, { "a*b%", "a*b%", 0 }, { "\"\"", "", 0 },
	};
	CHECK(parse_quoted, quoted);
	CHECK(parse_literal, literal);
	CHECK(parse_astring, astring);
	CHECK(parse_list_mailbox, list_mailbox);
}

static void
test_nul_and_nil(void **state)
{
	(void)state;
	struct str got;
	struct parser p = on(STR("{3}\r\na\0b"));
	assert_false(parse_literal(&p, &got));
	p = on(STR("\"a\0b\""));
	assert_false(parse_quoted(&p, &got));
	p = on(STR("nil)"));
	assert_true(parse_nstring(&p, &got));
	assert_null(got.p);
	p = on(STR("nilx"));
	assert_false(parse_nstring(&p, &got));
}

static void
test_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		bool is_number, is_nz, is_64;
		uint64_t value;
	} rows[] = {
		{ "0", true, false, true, 0 }, { "7x", true, true, true, 7 },
		{ "4294967295", true, true, true, UINT32_MAX },
		{ "4294967296", false, false, true, UINT64_C(4294967296) },
		{ "9223372036854775807", false, false, true, INT64_MAX },
		{ "9223372036854775808", false, false, false, 0 },
		{ "99999999999999999999999", false, false, false, 0 },
		{ "", false, false, false, 0 }, { "-1", false, false, false, 0 },
		{ "+1", false, false, false, 0 }, { "05", true, false, true, 5 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t n = 0;
		uint64_t n64 = 0;
		struct parser p = on(str_c(rows[i].in));
		assert_int_equal(parse_number(&p, &n), rows[i].is_number);
		assert_true(!rows[i].is_number || n == rows[i].value);
		p = on(str_c(rows[i].in));
		assert_int_equal(parse_nz_number(&p, &n), rows[i].is_nz);
		p = on(str_c(rows[i].in));
		assert_int_equal(parse_number64(&p, &n64), rows[i].is_64);
		assert_true(!rows[i].is_64 || n64 == rows[i].value);
	}
}

static void
test_sequence_set(void **state)
{
	(void)state;
	struct sequence_set set;
	struct parser p = on(STR("1,3:5,*,7:*,*:2,9:4294967295 x"));
	static const struct seq_range want[] = {
		{ 1, 1 }, { 3, 5 }, { 0, 0 }, { 7, 0 }, { 0, 2 }, { 9, UINT32_MAX },
	};
	assert_true(parse_sequence_set(&p, &set));
	assert_int_equal(set.count, 6);
	assert_memory_equal(set.range, want, sizeof(want));
	assert_true(parse_sp(&p));
	static const char *const bad[] = {
		"", "0", "1:0", "1,", ",1", "1:", "a", "1:4294967296", "-1", "01",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = on(str_c(bad[i]));
		assert_false(parse_sequence_set(&p, &set));
		assert_int_equal(p.at, 0);
		assert_int_equal(parse_failed(&p), ERR_SYNTAX);
	}
}

/* A hundred thousand ranges and no more. */
static void
test_sequence_set_limit(void **state)
{
	(void)state;
	struct sequence_set set;
	struct buf b = BUF_INIT;
	const unsigned max = parse_limits_default.ranges;
	for (unsigned i = 1; i <= max; i++)
		buf_printf(&b, "%s%u", i > 1 ? "," : "", i);
	struct parser p = on(buf_str(&b));
	assert_true(parse_sequence_set(&p, &set));
	assert_int_equal(set.count, max);
	buf_adds(&b, ",1");
	p = on(buf_str(&b));
	assert_false(parse_sequence_set(&p, &set));
	assert_int_equal(parse_failed(&p), ERR_LIMIT);
	assert_string_equal(p.too_big, "too many ranges in a sequence set");
	struct arena *small = arena_new(4096);
	parser_init(&p, (struct str){ b.p, b.n - 2 }, small);
	assert_false(parse_sequence_set(&p, &set));
	assert_int_equal(parse_failed(&p), ERR_LIMIT);
	arena_free(small);
	buf_free(&b);
}

static void
test_flags(void **state)
{
	(void)state;
	struct flag_list f;
	struct parser p = on(STR("(\\Seen $Junk \\DELETED foo) x"));
	assert_true(parse_flag_list(&p, &f));
	assert_int_equal(f.system, MSG_SEEN | MSG_DELETED);
	assert_int_equal(f.count, 2);
	assert_true(str_eq(f.keyword[0], STR("$Junk")));
	assert_true(str_eq(f.keyword[1], STR("foo")));
	p = on(STR("()"));
	assert_true(parse_flag_list(&p, &f));
	assert_int_equal(f.system, 0);
	p = on(STR("\\Draft a"));
	assert_true(parse_flags(&p, &f));
	assert_true(parse_end(&p));
	assert_int_equal(f.system, MSG_DRAFT);
	static const char *const bad[] = {
		"(\\Recent)", "(\\Foo)", "(a", "( a)", "(a )", "(a  b)", "(a(b))", "\\",
		"(\\)",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = on(str_c(bad[i]));
		assert_false(parse_flags(&p, &f));
		assert_int_equal(p.at, 0);
	}
}

static void
test_dates(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		bool good;
		int64_t seconds;
		int zone;
	} rows[] = {
		{ "\" 1-Jan-1970 00:00:00 +0000\"", true, 0, 0 },
		{ "\"17-Jul-1996 02:44:25 -0700\"", true, 837596665, -420 },
		{ "\"29-feb-2000 12:00:00 +0530\"", true, 951805800, 330 },
		{ "\"31-Dec-1969 23:59:59 +0000\"", true, -1, 0 },
		{ "\"30-Feb-2000 12:00:00 +0000\"", false, 0, 0 },
		{ "\"29-Feb-1900 12:00:00 +0000\"", false, 0, 0 },
		{ "\"1-Jan-1970 00:00:00 +0000\"", false, 0, 0 },
		{ "\"01-Jan-1970 24:00:00 +0000\"", false, 0, 0 },
		{ "\"01-Jan-1970 00:60:00 +0000\"", false, 0, 0 },
		{ "\"01-Jan-1970 00:00:00 0000\"", false, 0, 0 },
		{ "\"01-Jan-1970 00:00:00 +0000", false, 0, 0 },
		{ "\"01-Foo-1970 00:00:00 +0000\"", false, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct date_time t = { 0 };
		struct parser p = on(str_c(rows[i].in));
		assert_int_equal(parse_date_time(&p, &t), rows[i].good);
		if (!rows[i].good) {
			assert_int_equal(p.at, 0);
			continue;
		}
		assert_int_equal(t.seconds, rows[i].seconds);
		assert_int_equal(t.zone_minutes, rows[i].zone);
	}
	int64_t days;
	struct parser p = on(STR("1-Feb-1994"));
	assert_true(parse_date(&p, &days) && parse_end(&p));
	assert_int_equal(days, 8797);
	p = on(STR("\"01-Feb-1994\""));
	assert_true(parse_date(&p, &days) && parse_end(&p));
	p = on(STR("\"01-Feb-1994"));
	assert_false(parse_date(&p, &days));
}

static void
test_words(void **state)
{
	(void)state;
	struct parser p = on(STR("body[TEXT]"));
	assert_false(parse_word(&p, "BODYSTRUCTURE"));
	assert_true(parse_word(&p, "BODY"));
	p = on(STR("BODY.PEEK[]"));
	assert_false(parse_word(&p, "BODY"));
	assert_true(parse_word(&p, "BODY.PEEK"));
	p = on(STR("ALLX"));
	assert_false(parse_word(&p, "ALL"));
}

/* The text of a BAD names what was missing where the parser got furthest. */
static void
test_expected(void **state)
{
	(void)state;
	struct str s;
	uint32_t n;
	struct parser p = on(STR("abc (x"));
	assert_true(parse_atom(&p, &s) && parse_sp(&p));
	assert_false(parse_number(&p, &n));
	assert_false(parse_astring(&p, &s));
	assert_string_equal(p.expected, "an atom or a string");
	assert_int_equal(p.expected_at, 4);
	p.at = 0;
	assert_false(parse_expect(&p, "something before it"));
	assert_string_equal(p.expected, "an atom or a string");
}

/* APPEND's messages are not in the text; nothing may be read in their place. */
static void
test_messages(void **state)
{
	(void)state;
	struct str s;
	const struct message_literal message[] = {
		{ .at = 7, .size = 300 }, { .at = 14, .size = 5, .eight = true },
	}, *m;
	struct parser p = on(STR("{300}\r\n ~{5}\r\n x"));
	p.message = message;
	p.messages = 2;
	assert_false(parse_literal(&p, &s));
	assert_int_equal(p.at, 0);
	assert_true(parse_message(&p, &m));
	assert_ptr_equal(m, &message[0]);
	assert_true(parse_sp(&p) && parse_message(&p, &m));
	assert_ptr_equal(m, &message[1]);
	assert_true(parse_sp(&p) && parse_atom(&p, &s) && parse_end(&p));
	p = on(STR("{3}\r\nabc"));
	assert_false(parse_message(&p, &m));
	assert_int_equal(p.at, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tag_and_atom), cmocka_unit_test(test_strings),
		cmocka_unit_test(test_nul_and_nil), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sequence_set),
		cmocka_unit_test(test_sequence_set_limit), cmocka_unit_test(test_flags),
		cmocka_unit_test(test_dates), cmocka_unit_test(test_words),
		cmocka_unit_test(test_expected), cmocka_unit_test(test_messages),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
