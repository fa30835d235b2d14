/* test_subj.c - header text, base subjects, ids (imap/mime/word.c, subj.c, msgid.c) */
#include "imap/mime/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *raw, *utf8;
} words[] = {
	{ "plain", "plain" },
	{ "", "" },
	{ "  a \r\n\tb\r\n c  ", "a \tb c" },
	/* RFC 2047 section 8 */
	{ "=?ISO-8859-1?Q?a?=", "a" },
	{ "=?ISO-8859-1?Q?a?= b", "a b" },
	{ "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab" },
	{ "=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab" },
	{ "=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab" },
	{ "=?ISO-8859-1?Q?a_b?=", "a b" },
	{ "=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b" },
	{ "=?US-ASCII?Q?Keith_Moore?= <m@x>", "Keith Moore <m@x>" },
	{ "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
	    " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
	    "If you can read this you understand the example." },
	{ "=?iso-8859-1?q?=E9t=E9?=", "\xc3\xa9t\xc3\xa9" },
	{ "=?utf-8?b?w6l0w6k=?=", "\xc3\xa9t\xc3\xa9" },
	{ "=?utf-8*en?q?x?=", "x" },
	/* broken ones */
	{ "=?utf-8?b?w6l0w6k?=", "\xc3\xa9t\xc3\xa9" },
	{ "=?utf-8?q?a b?=", "a b" },
	{ "x=?utf-8?q?a?=y", "xay" },
	{ "=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "\xc3\xa9" },
	{ "=?utf-8?b?w6?= =?utf-8?b?qQ==?=", "\xc3\xa9" },
	{ "=?utf-8?q?=C3?=", "\xef\xbf\xbd" },
	{ "=?utf-8?q?" "?=", "" },
	{ "=?utf-8?q?=?=", "=" },
	{ "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
	{ "=?utf-8?q?a", "=?utf-8?q?a" },
	{ "=?utf-8?q", "=?utf-8?q" },
	{ "=??q?a?=", "=??q?a?=" },
	{ "=?=?utf-8?q?a?=", "=?a" },
	{ "=?no-such-charset?q?=41?= b", "=?no-such-charset?q?=41?= b" },
	{ "=?utf-8?q?a?= =?no-such?q?b?=", "a=?no-such?q?b?=" },
	{ "=?no-such?q?caf\xe9?=", "=?no-such?q?caf\xc3\xa9?=" },
	{ "=?utf-8?q?a?= =?", "a =?" },
	{ "caf\xc3\xa9", "caf\xc3\xa9" },
	{ "caf\xe9", "caf\xc3\xa9" },
};

static void
test_words(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		mime_decode_header(str_c(words[i].raw), &out);
		assert_string_equal(out.p, words[i].utf8);
		buf_reset(&out);
	}
	mime_decode_header(STR("=?x?\0?a?="), &out);
	assert_int_equal(out.n, 9);
	buf_free(&out);
}

static const struct {
	const char *raw, *base;
	bool is_reply;
} subjects[] = {
	{ "", "", false },
	{ "hello", "hello", false },
	{ "  hello\t \r\n  world ", "hello world", false },
	{ "Re: hello", "hello", true },
	{ "RE:hello", "hello", true },
	{ "Re : hello", "hello", true },
	{ "Fw: hello", "hello", true },
	{ "Fwd: hello", "hello", true },
	{ "Fwdx: hello", "Fwdx: hello", false },
	{ "Re hello", "Re hello", false },
	{ "Reply: hello", "Reply: hello", false },
	{ "Re: Fwd: re: hello", "hello", true },
	{ "Re[2]: hello", "hello", true },
	{ "Re [list]: hello", "hello", true },
	{ "[list] hello", "hello", false },
	{ "[a][b] hello", "hello", false },
	{ "[a] Re: [b] Fwd: hello", "hello", true },
	{ "[a] [b] Re: hello", "hello", true },
	{ "[list]", "[list]", false },
	{ "[a] [b]", "[b]", false },
	{ "Re: [list]", "[list]", true },
	{ "[a]re:", "", true },
	{ "Re:", "", true },
	{ "hello (fwd)", "hello", true },
	{ "hello (Fwd) (fwd) ", "hello", true },
	{ "hello (fwd) x", "hello (fwd) x", false },
	{ "[fwd: hello]", "hello", true },
	{ "[Fwd: Re: hello (fwd)]", "hello", true },
	{ "Re: [fwd: [fwd: hello]]", "hello", true },
	{ "[fwd: hello] (fwd)", "hello", true },
	{ "[fwd: hello", "[fwd: hello", false },
	{ "[fwd:]", "", true },
	{ "[a [b] hello", "[a [b] hello", false },
	{ "=?utf-8?q?Re=3A_h=C3=A9?=", "h\xc3\xa9", true },
	{ "=?utf-8?q?=5Bx=5D?= y", "y", false },
};

static void
test_subjects(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++) {
		bool is_reply;

		mime_base_subject(str_c(subjects[i].raw), &out, &is_reply);
		assert_string_equal(out.p, subjects[i].base);
		assert_int_equal(is_reply, subjects[i].is_reply);
		buf_reset(&out);
	}
	buf_free(&out);
}

/* Time must not grow with the square: each of these would take minutes. */
static void
test_hostile(void **state)
{
	static const char *const units[] = {
		"[a]", "re:", "[fwd:", "(fwd)", "=?", "=?a?q?", "=?a?q?x", "[", "]",
		"=?utf-8?q?x?= ", "\"", "(", "\\\"", "@[", "<", "@", "a:", "<@a:", " .", "\"a\"@b,",
	};
	struct arena *arena = arena_new(64 << 20);
	struct buf raw = BUF_INIT, out = BUF_INIT;
	struct str *ids;
	bool is_reply;

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		buf_reset(&raw);
		while (raw.n < 1 << 20)
			buf_adds(&raw, units[i]);
		mime_base_subject(buf_str(&raw), &out, &is_reply);
		mime_parse_addresses(arena, buf_str(&raw));
		mime_parse_msgids(arena, buf_str(&raw), &ids);
	}
	buf_free(&raw);
	buf_free(&out);
	arena_free(arena);
}

static const struct {
	const char *value, *ids;
} msgids[] = {
	{ "<a@b>", "a@b" },
	{ "", "" },
	{ "<a@b><c@d>\r\n\t<e@f> ", "a@b|c@d|e@f" },
	{ "Your message of Monday <a@b>", "a@b" },
	{ "\"Joe's\" text", "" },
	{ "<\"a\"@b>", "a@b" },
	{ "< a (x) @ b >", "a@b" },
	{ "<\"a b\"@c>", "a b@c" },
	{ "<a@b", "" },
	{ "<a<b@c>", "b@c" },
	{ "<>", "" },
	{ "a@b> <c@d>", "c@d" },
	{ "<no-at>", "no-at" },
	{ "<\"a@b>", "\"a@b" },
};

static void
test_msgids(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(msgids) / sizeof(*msgids); i++) {
		struct arena *arena = arena_new(1 << 16);
		struct str *ids;
		size_t n = mime_parse_msgids(arena, str_c(msgids[i].value), &ids);

		for (size_t k = 0; k < n; k++) {
			buf_adds(&out, k == 0 ? "" : "|");
			buf_add_str(&out, ids[k]);
		}
		assert_string_equal(out.p, msgids[i].ids);
		buf_reset(&out);
		arena_free(arena);
	}
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_msgids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
