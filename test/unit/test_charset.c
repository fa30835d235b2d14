/* Character sets as mail labels them, folding, normalization. */
#include "lib/charset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* NULL: unknown. */
static const struct {
	const char *charset, *text, *utf8;
} rows[] = {
	{ "us-ascii", "plain", "plain" },
	{ "US-ASCII", "a\xe4z", "a\xef\xbf\xbdz" },
	{ "ansi_x3.4-1968", "plain", "plain" },
	{ "utf-8", "\xc3\xa4\xe2\x82\xac", "ä€" },
	{ "UTF8", "a\xc3", "a\xef\xbf\xbd" },
	{ "utf-8", "\xe2\x82(\xff)", "\xef\xbf\xbd(\xef\xbf\xbd)" },
	{ "unicode-1-1-utf-8", "ä", "ä" },
	{ "iso-8859-1", "\xe4\x80", "ä€" },	/* windows-1252 in fact */
	{ "ISO_8859-1:1987", "\xe4", "ä" },
	{ "latin1", "\xe4", "ä" },
	{ "iso8859-1", "\xe4", "ä" },
	{ "iso-8859-2", "\xb1", "ą" },
	{ "iso-8859-15", "\xa4", "€" },
	{ "iso-8859-8-i", "\xf9\xec\xe5\xed", "שלום" },
	{ "windows-1251", "\xcf\xf0\xe8", "При" },
	{ "cp1251", "\xcf\xf0\xe8", "При" },
	{ "x-cp1251", "\xcf\xf0\xe8", "При" },
	{ "cp-850", "\x84", "ä" },
	{ "cp850", "\x84", "ä" },
	{ "ibm850", "\x84", "ä" },
	{ "cp65001", "ä", "ä" },
	{ "koi8-r", "\xf0\xd2\xc9", "При" },
	{ "koi8-u", "\xa4", "є" },
	{ "gb2312", "\xc4\xe3\xba\xc3", "你好" },
	{ "GBK", "\xc4\xe3\xba\xc3", "你好" },
	{ "gb18030", "\xc4\xe3\xba\xc3", "你好" },
	{ "hz-gb-2312", "~{Dc:C~}", "你好" },
	{ "big5", "\xa7\x41\xa6\x6e", "你好" },
	{ "shift_jis", "\x93\xfa\x96\x7b", "日本" },
	{ "x-sjis", "\x93\xfa\x96\x7b", "日本" },
	{ "iso-2022-jp", "\x1b$BF|K\\\x1b(B!", "日本!" },
	{ "euc-jp", "\xc6\xfc\xcb\xdc", "日本" },
	{ "ks_c_5601-1987", "\xc7\xd1\xb1\xdb", "한글" },
	{ "euc-kr", "\xc7\xd1\xb1\xdb", "한글" },
	{ "iso-2022-kr", "\x1b$)C\x0eGQ1[\x0f", "한글" },
	{ "tis-620", "\xa1", "ก" },
	{ "macintosh", "\x8a", "ä" },
	{ "utf-7", "A+AOQ-", "Aä" },
	{ " utf-8 ", "ä", "ä" },
	{ "x-unknown", "a", NULL },
	{ "unknown-8bit", "a", NULL },
	{ "", "a", NULL },
	{ "-", "a", NULL },
	{ "utf-8,version=1", "a", NULL },
	{ "../../etc/passwd", "a", NULL },
	{ "no such set", "a", NULL },
	{ "cp99999999999999999999", "a", NULL },
	{ "%s%s%s%n", "a", NULL },
};

static void
test_rows(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	/* Twice: the second time from the cache, or pushed out of it. */
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		size_t r = i % (sizeof(rows) / sizeof(rows[0]));
		struct str name = str_c(rows[r].charset);
		enum err e;

		buf_reset(&b);
		assert_int_equal(charset_known(name), rows[r].utf8 != NULL);
		e = charset_to_utf8(name, str_c(rows[r].text), &b);
		if (rows[r].utf8 == NULL) {
			assert_int_equal(e, ERR_CHARSET);
			assert_int_equal(b.n, 0);
		} else {
			assert_int_equal(e, OK);
			if (strcmp(b.p, rows[r].utf8) != 0)
				fail_msg("%s: %s", rows[r].charset, b.p);
		}
	}
	buf_free(&b);
}

static void
test_lines(void **state)
{
	static const char *const with[] = { "utf-8", "UTF8", "latin1", "euc-jp", "GB2312", "big5",
	    "shift_jis", "iso-2022-jp", "koi8-r", "us-ascii" };
	static const char *const without[] = { "utf-16", "utf_16", "csUnicode", "UTF 7", "utf-32le",
	    "ISO2022KR", "csISO2022KR", "hz-gb-2312", "IBM037", "csIBM037", "scsu", "x-unknown" };

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		if (!charset_has_lines(str_c(with[i])))
			fail_msg("%s", with[i]);
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (charset_has_lines(str_c(without[i])))
			fail_msg("%s", without[i]);
}

static void
test_wide(void **state)
{
	struct buf b = BUF_INIT;
	char long_name[2000];

	(void)state;
	assert_int_equal(charset_to_utf8(STR("utf-16"),
	    (struct str){ "\xfe\xff\0a\xd8\x3d\xde\0", 8 }, &b), OK);
	assert_string_equal(b.p, "a😀");
	buf_reset(&b);
	assert_int_equal(charset_to_utf8(STR("utf-16le"),
	    (struct str){ "a\0\x3d\xd8\0\xde\x3d\xd8", 8 }, &b), OK);
	assert_string_equal(b.p, "a😀\xef\xbf\xbd");
	buf_reset(&b);
	assert_int_equal(charset_to_utf8(STR("utf-16be"), (struct str){ "\0a\0", 3 }, &b), OK);
	assert_string_equal(b.p, "a\xef\xbf\xbd");
	buf_reset(&b);
	assert_int_equal(charset_to_utf8(STR("utf-8"), (struct str){ "a\0b", 3 }, &b), OK);
	assert_int_equal(b.n, 3);
	memset(long_name, 'x', sizeof(long_name));
	assert_false(charset_known((struct str){ long_name, sizeof(long_name) }));
	assert_false(charset_known((struct str){ "utf-8\0", 6 }));
	buf_free(&b);
}

/* More than one buffer's worth, with the pieces' ends everywhere. */
static void
test_long(void **state)
{
	struct buf in = BUF_INIT, out = BUF_INIT, want = BUF_INIT;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		buf_adds(&in, i % 7 == 0 ? "a\xc4\xe3" : "\xba\xc3");
		buf_adds(&want, i % 7 == 0 ? "a你" : "好");
	}
	assert_int_equal(charset_to_utf8(STR("gb2312"), buf_str(&in), &out), OK);
	assert_string_equal(out.p, want.p);
	buf_free(&in);
	buf_free(&out);
	buf_free(&want);
}

/* Every known set takes any bytes and gives valid UTF-8. */
static void
test_noise(void **state)
{
	struct buf out = BUF_INIT;
	char bytes[600];
	unsigned seed = 3;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int round = 0; rows[i].utf8 != NULL && round < 30; round++) {
			size_t n = sizeof(bytes) - (size_t)round;

			for (size_t k = 0; k < n; k++)
				bytes[k] = (char)((seed = seed * 1103515245 + 12345) >> 16);
			buf_reset(&out);
			assert_int_equal(charset_to_utf8(str_c(rows[i].charset),
			    (struct str){ bytes, n }, &out), OK);
			assert_true(utf8_valid(buf_str(&out)));
			charset_fold((struct str){ bytes, n }, &out);
			assert_true(utf8_valid(buf_str(&out)));
		}
	buf_free(&out);
}

static const struct {
	const char *a, *b;
	bool same;
} folds[] = {
	{ "hello", "HELLO", true },
	{ "Grüße", "GRÜßE", true },
	{ "ä", "a\xcc\x88", true },		/* composed and not */
	{ "Ä", "a\xcc\x88", true },
	{ "ß", "ss", false },			/* titlecase of one character is one */
	{ "ﬁn", "FIN", true },			/* a ligature is decomposed */
	{ "ａｂｃ", "ABC", true },		/* full-width */
	{ "при", "ПРИ", true },
	{ "ς", "Σ", true },
	{ "σ", "Σ", true },
	{ "①", "1", true },
	{ "가", "\xe1\x84\x80\xe1\x85\xa1", true },
	{ "ǆ", "ǅ", true },			/* titlecase, not upper case */
	{ "𐐨", "𐐀", true },			/* beyond the first plane */
	{ "a", "b", false },
	{ "\xff", "\xef\xbf\xbd", true },
};

static void
test_fold(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(folds) / sizeof(folds[0]); i++) {
		buf_reset(&a);
		buf_reset(&b);
		charset_fold(str_c(folds[i].a), &a);
		charset_fold(str_c(folds[i].b), &b);
		if (str_eq(buf_str(&a), buf_str(&b)) != folds[i].same)
			fail_msg("%s, %s: %s, %s", folds[i].a, folds[i].b, a.p, b.p);
	}
	buf_reset(&a);
	buf_reset(&b);
	for (int i = 0; i < 9000; i++)
		buf_adds(&a, "ﷺ");		/* decomposes into eighteen */
	charset_fold(buf_str(&a), &b);
	assert_int_equal(b.n, 9000 * 33);
	buf_free(&a);
	buf_free(&b);
}

/* All of ASCII, at each place of a run that is folded in larger pieces. */
static void
test_fold_ascii(void **state)
{
	char text[3 * 128], upper[3 * 128];
	struct buf folded = BUF_INIT;

	(void)state;
	for (int i = 0; i < 3 * 128; i++) {
		text[i] = (char)(i % 128);
		upper[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
	}
	for (size_t from = 0; from < 16; from++)
		for (size_t n = 0; n <= sizeof(text) - from; n++) {
			buf_reset(&folded);
			charset_fold((struct str){ text + from, n }, &folded);
			assert_int_equal(folded.n, n);
			if (n > 0)
				assert_memory_equal(folded.p, upper + from, n);
		}
	buf_free(&folded);
}

static void
test_nfc(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(utf8_nfc(STR("a\xcc\x88 z"), &b), OK);
	assert_string_equal(b.p, "ä z");
	buf_reset(&b);
	assert_int_equal(utf8_nfc(STR("ASCII"), &b), OK);
	assert_string_equal(b.p, "ASCII");
	buf_reset(&b);
	assert_int_equal(utf8_nfc(STR("\xf0\x9d\x85\xa0"), &b), OK);	/* grows */
	assert_int_equal(b.n, 12);
	buf_reset(&b);
	assert_int_equal(utf8_nfc(STR("\xed\xa0\x80"), &b), ERR_NAME);
	assert_int_equal(b.n, 0);
	for (int i = 0; i < 40000; i++)
		buf_adds(&b, "ä");
	assert_int_equal(utf8_nfc(buf_str(&b), &(struct buf)BUF_INIT), ERR_NAME);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_fold_ascii),
		cmocka_unit_test(test_nfc),
	};

	return cmocka_run_group_tests_name("charset", tests, NULL, NULL);
}
