/* Flags and dates as IMAP writes them. */
#include "imap/imapd/proto/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

const char *
mbox_keyword(struct mbox *m, unsigned i)
{
	(void)m;
	return i == 3 ? "$Work" : i == 64 ? "Later" : NULL;
}

static void
test_flags(void **state)
{
	static const struct {
		struct message msg;
		struct keywords told;
		const char *text;
	} rows[] = {
		{ { .flags = 0 }, { { 8, 1 } }, "()" },
		{ { .flags = MSG_SEEN }, { { 8, 1 } }, "(\\Seen)" },
		{ { .flags = MSG_SYSTEM_FLAGS, .recent = true }, { { 8, 1 } },
		    "(\\Recent \\Answered \\Flagged \\Deleted \\Draft \\Seen)" },
		{ { .keywords = { { 8, 1 } } }, { { 8, 1 } }, "($Work Later)" },
		{ { .keywords = { { 8, 1 } } }, { { 8, 0 } }, "($Work)" },
		{ { .keywords = { { 16, 0 } } }, { { 16, 0 } }, "()" },
	};
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_reset(&b);
		format_flags(NULL, &rows[i].msg, &rows[i].told, &b);
		assert_string_equal(b.p, rows[i].text);
	}
	buf_free(&b);
}

static void
test_date_time(void **state)
{
	static const struct {
		int64_t seconds;
		int zone;
		const char *text;
	} rows[] = {
		{ 0, 0, "\" 1-Jan-1970 00:00:00 +0000\"" },
		{ 760686745, -480, "\" 7-Feb-1994 21:52:25 -0800\"" },
		{ 951782399, 0, "\"28-Feb-2000 23:59:59 +0000\"" },
		{ 951782400, 0, "\"29-Feb-2000 00:00:00 +0000\"" },
		{ 951782400, 330, "\"29-Feb-2000 05:30:00 +0530\"" },
		{ -1, 0, "\"31-Dec-1969 23:59:59 +0000\"" },
		{ INT64_MAX, 0, "\" 1-Jan-1970 00:00:00 +0000\"" },
		{ 0, 6000, "\" 1-Jan-1970 00:00:00 +0000\"" },
	};
	struct format_day day = { 0 };
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_reset(&b);
		format_date_time(&day, rows[i].seconds, rows[i].zone, &b);
		assert_string_equal(b.p, rows[i].text);
	}
	buf_free(&b);
}

/* Against libc's calendar, a day at a time and some odd steps. */
static void
test_calendar(void **state)
{
	struct format_day day = { 0 };
	struct buf b = BUF_INIT;

	(void)state;
	for (int64_t t = -3000000000; t < 9000000000; t += 86400 * 13 + 7919) {
		time_t clock = t;
		struct tm tm;
		char want[64];

		gmtime_r(&clock, &tm);
		strftime(want, sizeof want, "\"%e-%b-%Y %H:%M:%S +0000\"", &tm);
		buf_reset(&b);
		format_date_time(&day, t, 0, &b);
		assert_string_equal(b.p, want);
	}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_date_time),
		cmocka_unit_test(test_calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
