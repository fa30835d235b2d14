/* UTF-8 and the modified UTF-7 of mailbox names. */
#include "lib/utf7.h"
#include "lib/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* One text, one name. */
static const struct {
	const char *utf8, *name;
} pairs[] = {
	{ "", "" },
	{ "INBOX", "INBOX" },
	{ "a b~!\"", "a b~!\"" },
	{ "&", "&-" },
	{ "a&b&&c", "a&-b&-&-c" },
	{ "~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },	/* RFC 3501 */
	{ "Entwürfe", "Entw&APw-rfe" },
	{ "ä", "&AOQ-" },
	{ "ää", "&AOQA5A-" },
	{ "äää", "&AOQA5ADk-" },
	{ "ä&ä", "&AOQ-&-&AOQ-" },
	{ "ä-ä", "&AOQ--&AOQ-" },
	{ "€", "&IKw-" },
	{ "😀", "&2D3eAA-" },
	{ "x😀y", "x&2D3eAA-y" },
	{ "\xf4\x8f\xbf\xbd", "&2,,f,Q-" },
};

static void
test_pairs(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		buf_reset(&b);
		utf7_encode(str_c(pairs[i].utf8), &b);
		assert_string_equal(b.p, pairs[i].name);
		buf_reset(&b);
		assert_int_equal(utf7_decode(str_c(pairs[i].name), &b), OK);
		assert_string_equal(b.p, pairs[i].utf8);
	}
	buf_free(&b);
}

/* Nothing but the right encoding; each for one reason. */
static const char *const wrong[] = {
	"\xc3\xa4",		/* 8-bit */
	"a\tb", "a\nb", "a\x7f",	/* controls */
	"&", "a&", "&AOQ",	/* does not end */
	"&AGE-",		/* "a" needs no base64 */
	"&ACY-",		/* nor has & */
	"&AOQ-&AOQ-",		/* one run would do */
	"&AOQ=-",		/* padding */
	"&AO/k-",		/* "/" of plain base64 */
	"&AOR-",		/* bits left over */
	"&AOQA-",		/* a whole digit left over */
	"&AO-",			/* half a unit */
	"&A-",
	"&2D0-",		/* high surrogate alone */
	"&3gA-",		/* low surrogate alone */
	"&2D0A5A-",		/* high surrogate and no low one */
	"&3gDYPQ-",		/* the wrong way round */
	"&AAA-",		/* NUL */
	"&AAo-", "&AH8-", "&AIU-",	/* controls in disguise */
	"&AOQ a-",
};

static void
test_wrong(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_adds(&b, "kept");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (utf7_decode(str_c(wrong[i]), &b) != ERR_NAME)
			fail_msg("%s was taken", wrong[i]);
		assert_string_equal(b.p, "kept");
	}
	assert_int_equal(utf7_decode((struct str){ "a\0b", 3 }, &b), ERR_NAME);
	buf_free(&b);
}

/* What decodes is the one name of its text. */
static void
test_one_name(void **state)
{
	static const char likely[] = "&&&--AOQDk2gx,+";
	struct buf name = BUF_INIT, text = BUF_INIT, again = BUF_INIT;
	unsigned seed = 7, taken = 0;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		buf_reset(&name);
		buf_reset(&text);
		buf_reset(&again);
		for (unsigned i = 0; i < 1 + (unsigned)round % 9; i++) {
			seed = seed * 1103515245 + 12345;
			buf_addc(&name, likely[(seed >> 16) % (sizeof(likely) - 1)]);
		}
		if (utf7_decode(buf_str(&name), &text) != OK)
			continue;
		taken++;
		assert_true(utf8_valid(buf_str(&text)));
		utf7_encode(buf_str(&text), &again);
		assert_string_equal(again.p, name.p);
	}
	assert_true(taken > 100);
	buf_free(&name);
	buf_free(&text);
	buf_free(&again);
}

static const struct {
	const char *bytes;
	const char *codes;	/* as %x, "!" before what is broken */
} sequences[] = {
	{ "a", "61" },
	{ "\xc2\x80", "80" },
	{ "\xdf\xbf", "7ff" },
	{ "\xe0\xa0\x80", "800" },
	{ "\xed\x9f\xbf", "d7ff" },
	{ "\xee\x80\x80", "e000" },
	{ "\xef\xbf\xbf", "ffff" },
	{ "\xf0\x90\x80\x80", "10000" },
	{ "\xf4\x8f\xbf\xbf", "10ffff" },
	{ "\x80", "!fffd" },
	{ "\xc0\x80", "!fffd !fffd" },
	{ "\xc1\xbf", "!fffd !fffd" },
	{ "\xc3", "!fffd" },
	{ "\xc3(", "!fffd 28" },
	{ "\xe0\x80\x80", "!fffd !fffd !fffd" },
	{ "\xed\xa0\x80", "!fffd !fffd !fffd" },	/* a surrogate */
	{ "\xe2\x82", "!fffd" },
	{ "\xe2\x82(", "!fffd 28" },
	{ "\xf0\x8f\xbf\xbf", "!fffd !fffd !fffd !fffd" },
	{ "\xf4\x90\x80\x80", "!fffd !fffd !fffd !fffd" },
	{ "\xf0\x9f\x98", "!fffd" },
	{ "\xf5\x80", "!fffd !fffd" },
	{ "\xff", "!fffd" },
};

static void
test_sequences(void **state)
{
	struct buf codes = BUF_INIT, back = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		struct str s = str_c(sequences[i].bytes);
		bool all = true;
		uint32_t code;

		buf_reset(&codes);
		buf_reset(&back);
		while (s.n > 0) {
			bool good = utf8_next(&s, &code);

			all = all && good;
			buf_printf(&codes, "%s%s%x", codes.n > 0 ? " " : "",
			    good ? "" : "!", code);
			utf8_add(&back, code);
		}
		assert_string_equal(codes.p, sequences[i].codes);
		assert_int_equal(utf8_valid(str_c(sequences[i].bytes)), all);
		assert_true(utf8_valid(buf_str(&back)));
		if (all)
			assert_string_equal(back.p, sequences[i].bytes);
	}
	utf8_add(&back, 0xd800);
	utf8_add(&back, 0x110000);
	assert_true(str_ends(buf_str(&back), STR("\xef\xbf\xbd\xef\xbf\xbd")));
	assert_true(utf8_valid(STR("0123456789abcde\xc3\xa4 0123456789")));
	assert_false(utf8_valid(STR("0123456789abcde\xc3")));
	assert_int_equal(utf8_ascii_prefix(STR("0123456789abcde\xc3\xa4")), 15);
	buf_free(&codes);
	buf_free(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_one_name),
		cmocka_unit_test(test_sequences),
	};

	return cmocka_run_group_tests_name("utf7", tests, NULL, NULL);
}
