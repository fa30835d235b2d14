/* What the client sees of strings and errors. */
#include "imap/imapd/proto/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct buf out = BUF_INIT;
static struct stream *stream;
static struct reply reply;

static int
set_up(void **state)
{
	(void)state;
	stream = stream_mem(STR(""), &out);
	reply_init(&reply, stream);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	reply_fini(&reply);
	stream_close(stream);
	buf_free(&out);
	return 0;
}

static void
said(const char *want)
{
	assert_int_equal(stream_flush(stream), OK);
	assert_string_equal(out.p, want);
	buf_reset(&out);
}

static void
test_strings(void **state)
{
	(void)state;
	static const struct {
		struct str s;
		const char *astring, *string;
	} rows[] = {
		{ { "abc", 3 }, "abc", "\"abc\"" }, { { "", 0 }, "\"\"", "\"\"" },
		{ { "a b", 3 }, "\"a b\"", "\"a b\"" }, { { "nil", 3 }, "\"nil\"", "\"nil\"" },
		{ { "a\"\\", 3 }, "\"a\\\"\\\\\"", "\"a\\\"\\\\\"" },
		{ { "a%", 2 }, "\"a%\"", "\"a%\"" }, { { "a]", 2 }, "a]", "\"a]\"" },
		{ { "a\r\n", 3 }, "{3}\r\na\r\n", "{3}\r\na\r\n" },
		{ { "\xc3\xa9", 2 }, "{2}\r\n\xc3\xa9", "{2}\r\n\xc3\xa9" },
		{ { "a\0b", 3 }, "{5}\r\na\xef\xbf\xbd" "b", "{5}\r\na\xef\xbf\xbd" "b" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reply_astring(&reply, rows[i].s);
		said(rows[i].astring);
		reply_string(&reply, rows[i].s);
		said(rows[i].string);
	}
	reply_nstring(&reply, (struct str){ NULL, 0 });
	said("NIL");
	reply_number(&reply, UINT64_MAX);
	said("18446744073709551615");
	reply_number(&reply, 0);
	said("0");
}

static void
test_tagged(void **state)
{
	(void)state;
	static const struct {
		struct reply_tagged t;
		const char *want;
	} rows[] = {
		{ { { "a", 1 }, OK, false, NULL, NULL }, "a OK Completed\r\n" },
		{ { { "a", 1 }, OK, true, "X 1", NULL }, "a OK [X 1] Completed\r\n" },
		{ { { "a", 1 }, ERR_NOTFOUND, false, NULL, NULL },
		    "a NO [NONEXISTENT] Mailbox does not exist\r\n" },
		{ { { "a", 1 }, ERR_DENIED, false, "", "No" }, "a NO No\r\n" },
		{ { { "a", 1 }, ERR_SYNTAX, false, NULL, NULL }, "a BAD Invalid arguments\r\n" },
		{ { { "a", 1 }, ERR_LIMIT, true, "TOOBIG", "Long" }, "a BAD [TOOBIG] Long\r\n" },
		{ { { NULL, 0 }, ERR_SYNTAX, false, NULL, "Invalid tag" }, "* BAD Invalid tag\r\n" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reply_tagged(&reply, &rows[i].t);
		said(rows[i].want);
	}
}

/* Every error has words. */
static void
test_all_errors(void **state)
{
	(void)state;
	for (int e = OK; e <= ERR_UNSUPPORTED; e++) {
		const struct reply_error *r = reply_error_of((enum err)e);
		assert_non_null(r->text);
		assert_true(e == ERR_IO || r != reply_error_of(ERR_IO));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings), cmocka_unit_test(test_tagged),
		cmocka_unit_test(test_all_errors),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
