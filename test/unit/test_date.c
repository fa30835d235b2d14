/* test_date.c - Date fields (imap/mime/date.c) */
#include "imap/mime/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *value;
	int64_t seconds;
	int zone;
} dates[] = {
	{ "Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360 },
	{ "Tue, 1 Jul 2003 10:52:37 +0200", 1057049557, 120 },
	{ "Thu, 13 Feb 1969 23:32:54 -0330", -27723426, -210 },
	{ "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n"
	    "               -0330 (Newfoundland Time)", -27723480, -210 },
	{ "21 Nov 97 09:55:06 GMT", 880106106, 0 },
	{ "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, -360 },
	{ "1 Jan 1970 00:00 +0000", 0, 0 },
	{ "29 Feb 2000 12:00:00 +0000", 951825600, 0 },
	{ "31 Dec 9999 23:59:60 +0000", 253402300800, 0 },
	{ "1 Jan 0001 00:00:00 +0000", -62135596800, 0 },
	/* obsolete years and zones */
	{ "1 Jan 00 00:00:00 UT", 946684800, 0 },
	{ "1 Jan 49 00:00:00 UT", 2493072000, 0 },
	{ "1 Jan 50 00:00:00 UT", -631152000, 0 },
	{ "1 Jan 100 00:00:00 UT", 946684800, 0 },
	{ "1 Jan 2000 00:00:00 EST", 946702800, -300 },
	{ "1 Jan 2000 00:00:00 pdt", 946710000, -420 },
	{ "1 Jan 2000 00:00:00 Z", 946684800, 0 },
	{ "1 Jan 2000 00:00:00 XYZ", 946684800, 0 },
	{ "1 Jan 2000 00:00:00 GMT+0100", 946681200, 60 },
	{ "1 Jan 2000 00:00:00 +0100 (CET)", 946681200, 60 },
	{ "1 Jan 2000 00:00:00 -0000", 946684800, 0 },
	{ "1 Jan 2000 00:00:00 +01:00", 946681200, 60 },
	{ "1 Jan 2000 00:00:00 +1", 946681200, 60 },
	{ "1 Jan 2000 00:00:00 +9999", 946684800, 0 },
	/* other orders and forms */
	{ "Thu Nov 24 18:22:48 1986", 533240568, 0 },
	{ "Wed Nov 12 10:01:02 PST 2003", 1068660062, -480 },
	{ "Wednesday, 12-Nov-03 10:01:02 PST", 1068660062, -480 },
	{ "12-Nov-2003 10:01:02 -0800", 1068660062, -480 },
	{ "November 12, 2003 10:01:02 AM -0800", 1068660062, -480 },
	{ "12 Nov 2003 10:01:02 PM -0800", 1068703262, -480 },
	{ "12 Nov 2003 12:00:00 AM", 1068595200, 0 },
	{ "2003-11-12T10:01:02-08:00", 1068660062, -480 },
	{ "2003-11-12 18:01:02.123Z", 1068660062, 0 },
	{ "11/12/2003 18:01:02", 1068660062, 0 },
	{ "30/11/03 18:01:02", 1070215262, 0 },
	{ "12 Nov 2003", 1068595200, 0 },
	{ "Mon,12Nov2003 10:01:02-0800", 1068660062, -480 },
	/* RFC 5256 section 2.2: no such time, no such zone */
	{ "12 Nov 2003 25:00:00", 1068595200, 0 },
	{ "12 Nov 2003 10:60 -0800", 1068624000, -480 },
	{ "12 Nov 2003 10:00:61 PM", 1068595200, 0 },
	{ "12 Nov 2003 10:01:02 +2400", 1068631262, 0 },
	{ "12 Nov 2003 10:01:02 +2359", 1068544922, 1439 },
};

static void
test_dates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
		int64_t seconds;
		int zone;

		if (!mime_parse_date(str_c(dates[i].value), &seconds, &zone))
			fail_msg("no date: %s", dates[i].value);
		if (seconds != dates[i].seconds || zone != dates[i].zone)
			fail_msg("%s: %lld %d", dates[i].value,
			    (long long)seconds, zone);
	}
}

static const char *const nonsense[] = {
	"", " ", "today", "Mon", "12 Nov", "Nov 2003", "12 2003", "32 Nov 2003",
	"0 Nov 2003", "12 Foo 2003", "12 Nov 99999", "12 Nov 18446744073709551617",
	"(12 Nov 2003)", "(12 Nov 2003", "2003-13-01", "99/99/2003", "-", "+++",
	":::", "1:2:3",
};

static void
test_nonsense(void **state)
{
	int64_t seconds;
	int zone;

	(void)state;
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++)
		if (mime_parse_date(str_c(nonsense[i]), &seconds, &zone))
			fail_msg("a date: %s", nonsense[i]);
	assert_false(mime_parse_date(STR("12 N\0v 2003"), &seconds, &zone));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
