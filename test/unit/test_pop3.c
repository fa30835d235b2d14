/* test_pop3.c - the parts of pop3d that need no store: lines, headers, ids */
#include "imap/door/pop3_reply.h"
#include "imap/pop3d/ascii.h"
#include "imap/pop3d/send.h"
#include "imap/pop3d/uidl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
assert_str(struct str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p, want, got.n);
}

/* --- lines --- */

static void
test_send(void **state)
{
	static const struct {
		const char *header, *body, *sent;
	} rows[] = {
		{ "", "", ".\r\n" },
		{ "A: b\r\n\r\n", "", "A: b\r\n\r\n.\r\n" },
		{ "A: b", "", "A: b\r\n.\r\n" },
		{ ".: b\r\n\r\n", ".\r\n..\r\n.x", "..: b\r\n\r\n..\r\n...\r\n..x\r\n.\r\n" },
		{ "A:\r\n\r\n", "x.\r\n.", "A:\r\n\r\nx.\r\n..\r\n.\r\n" },
		{ "A:\r\n\r\n", "a\n.\n", "A:\r\n\r\na\n..\n\r\n.\r\n" },
		{ "A:\r\n\r\n", "a\r.\r\n", "A:\r\n\r\na\r.\r\n.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf sent = BUF_INIT;
		struct stream *s = stream_mem(STR(""), &sent);

		send_lines(s, str_c(rows[i].header), str_c(rows[i].body));
		assert_int_equal(stream_flush(s), OK);
		assert_string_equal(sent.p, rows[i].sent);
		stream_close(s);
		buf_free(&sent);
	}
}

static void
test_top(void **state)
{
	struct str body = STR("a\r\nb\r\nc");

	(void)state;
	assert_str(send_top(body, 0), "");
	assert_str(send_top(body, 1), "a\r\n");
	assert_str(send_top(body, 2), "a\r\nb\r\n");
	assert_str(send_top(body, 3), "a\r\nb\r\nc");
	assert_str(send_top(body, UINT64_MAX), "a\r\nb\r\nc");
	assert_str(send_top(STR(""), 5), "");
}

/* --- headers --- */

static void
test_ascii(void **state)
{
	static const struct {
		const char *header, *want;	/* NULL: as it is */
	} rows[] = {
		{ "Subject: plain\r\n\r\n", NULL },
		{ "Subject: \xc3\xa4\r\n\r\n", "Subject: =?UTF-8?B?w6Q=?=\r\n\r\n" },
		/* The space between two words is in them. */
		{ "Subject: \xc3\xa4 \xc3\xb6 x\r\n", "Subject: =?UTF-8?B?w6Qgw7Y=?= x\r\n" },
		{ "Subject: \xc3\xa4, x\r\n", "Subject: =?UTF-8?B?w6Qs?= x\r\n" },
		{ "To: \xc3\xa4, x <a@b>\r\n", "To: =?UTF-8?B?w6Q=?=, x <a@b>\r\n" },
		{ "Subject: \xc3\xa4\r\n \xc3\xb6\r\n",
		    "Subject: =?UTF-8?B?w6Q=?=\r\n =?UTF-8?B?IMO2?=\r\n" },
		{ "Subject: a\r\n \xc3\xb6\r\n", "Subject: a\r\n =?UTF-8?B?w7Y=?=\r\n" },
		{ "To: \xc3\xa4,\r\n \xc3\xb6\r\n", "To: =?UTF-8?B?w6Q=?=,\r\n =?UTF-8?B?w7Y=?=\r\n" },
		{ "Subject: \xfc\r\n", "Subject: \xfc\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf got = BUF_INIT;

		assert_int_equal(ascii_header(str_c(rows[i].header), &got), rows[i].want != NULL);
		if (rows[i].want != NULL)
			assert_string_equal(got.p, rows[i].want);
		buf_free(&got);
	}
}

static void
test_uidl(void **state)
{
	static const char *const want[] = {
		"4294967295.1", "1", "00000001ffffffff", "4294967295-1",
	};

	(void)state;
	for (int format = 0; format < 4; format++) {
		struct buf id = BUF_INIT;

		uidl_put(&id, format, UINT32_MAX, 1);
		assert_string_equal(id.p, want[format]);
		buf_free(&id);
	}
}

/* What nobody has translated stays as it is. */
static void
test_languages(void **state)
{
	(void)state;
	assert_string_equal(pop3_text(LANGUAGE_GERMAN, "Bye"), "Auf Wiedersehen");
	assert_string_equal(pop3_text(LANGUAGE_ENGLISH, "Bye"), "Bye");
	assert_string_equal(pop3_text(LANGUAGE_GERMAN, "Back at noon"), "Back at noon");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_top),
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_uidl),
		cmocka_unit_test(test_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
