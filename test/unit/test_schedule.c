/* When events are due: at=, cron=, and what summer time does to them. */
#include "master/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static time_t
at(const char *text)
{
	struct tm tm = { .tm_isdst = -1 };
	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return mktime(&tm);
}

static void
expect(const struct schedule *s, const char *now, const char *due)
{
	char text[32];
	struct tm tm;
	time_t t = schedule_next(s, at(now));
	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	assert_string_equal(text, due);
}

static void
test_at(void **state)
{
	(void)state;
	static const struct {
		const char *at, *now, *due;
	} rows[] = {
		{ "0400", "2026-11-21 03:59:59", "2026-11-21 04:00:00" },
		{ "0400", "2026-11-21 04:00:00", "2026-11-22 04:00:00" },
		{ "400", "2026-12-31 23:00:00", "2027-01-01 04:00:00" },
		{ "2359", "2026-02-28 23:59:30", "2026-03-01 23:59:00" },
		/* Berlin: 02:30 does not exist on this day. */
		{ "0230", "2026-03-29 01:59:00", "2026-03-29 03:30:00" },
		{ "0230", "2026-03-29 12:00:00", "2026-03-30 02:30:00" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct schedule s = { 0 };
		assert_int_equal(schedule_parse_at(str_c(rows[i].at), &s), OK);
		expect(&s, rows[i].now, rows[i].due);
	}
	static const char *const bad[] = { "", "4", "2400", "0060", "04:00", "-100", "04000" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct schedule s = { 0 };
		assert_int_equal(schedule_parse_at(str_c(bad[i]), &s), ERR_SYNTAX);
	}
}

static void
test_cron(void **state)
{
	(void)state;
	static const struct {
		const char *cron, *now, *due;
	} rows[] = {
		{ "* * * * *", "2026-11-21 03:59:59", "2026-11-21 04:00:00" },
		{ "*/15 * * * *", "2026-11-21 04:00:00", "2026-11-21 04:15:00" },
		{ "5 4 * * *", "2026-11-21 04:05:00", "2026-11-22 04:05:00" },
		{ "0 0 1 jan *", "2026-11-21 04:05:00", "2027-01-01 00:00:00" },
		{ "0 22 * * 1-5", "2026-11-20 22:00:00", "2026-11-23 22:00:00" },
		{ "0 0 * * sun", "2026-11-21 10:00:00", "2026-11-22 00:00:00" },
		{ "0 0 * * 7", "2026-11-21 10:00:00", "2026-11-22 00:00:00" },
		{ "30 4 1,15 * 5", "2026-11-21 10:00:00", "2026-11-27 04:30:00" },
		{ "30 4 1,15 * 5", "2026-11-28 10:00:00", "2026-12-01 04:30:00" },
		{ "0 12 29 2 *", "2026-11-21 10:00:00", "2028-02-29 12:00:00" },
		{ "10-30/10,45 6 * * *", "2026-11-21 06:30:00", "2026-11-21 06:45:00" },
		{ "50/5 * * * *", "2026-11-21 06:30:00", "2026-11-21 06:50:00" },
		{ "@daily", "2026-11-21 06:30:00", "2026-11-22 00:00:00" },
		/* Real time: after 01:59 comes 03:00. */
		{ "*/10 * * * *", "2026-03-29 01:55:00", "2026-03-29 03:00:00" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct schedule s = { 0 };
		assert_int_equal(schedule_parse_cron(str_c(rows[i].cron), &s), OK);
		expect(&s, rows[i].now, rows[i].due);
	}
	static const char *const bad[] = {
		"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
		"* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "a * * * *",
		"1, * * * *", "*x * * * *", "@never",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct schedule s = { 0 };
		assert_int_equal(schedule_parse_cron(str_c(bad[i]), &s), ERR_SYNTAX);
	}
}

static void
test_never_and_period(void **state)
{
	(void)state;
	struct schedule s = { 0 };
	assert_int_equal(schedule_next(&s, 1000), -1);
	assert_int_equal(schedule_parse_cron(STR("0 0 30 2 *"), &s), OK);
	assert_int_equal(schedule_next(&s, at("2026-11-21 10:00:00")), -1);
	s = (struct schedule){ .kind = SCHEDULE_PERIOD, .period = 30 };
	assert_int_equal(schedule_next(&s, 1000), 2800);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at),
		cmocka_unit_test(test_cron),
		cmocka_unit_test(test_never_and_period),
	};
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
