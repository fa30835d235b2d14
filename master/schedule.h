/*
 * schedule.h - when an event of cyrus.conf is due
 *
 * period=MINUTES: at once and then every so often.  at=HHMM: each day at that
 * local time; if the clock jumps over it (summer time), just after the jump.
 * cron="MINUTE HOUR DAY MONTH WEEKDAY": whenever local time matches, as
 * crontab(5) has it: lists, ranges, steps, names, and a day matches if either
 * of two restricted day fields does.  Nothing at all: once, at start.
 */
#ifndef MASTER_SCHEDULE_H
#define MASTER_SCHEDULE_H

#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum schedule_kind {
	SCHEDULE_ONCE,
	SCHEDULE_PERIOD,
	SCHEDULE_AT,
	SCHEDULE_CRON,
};

struct schedule {
	enum schedule_kind kind;
	int period;		/* minutes */
	int at;			/* minutes after midnight */
	uint64_t minutes;	/* cron: one bit a value */
	uint32_t hours, days, months, weekdays;
	bool any_day, any_weekday;
};

/* "0400"; ERR_SYNTAX. */
enum err schedule_parse_at(struct str text, struct schedule *s) MUST_CHECK;

/* Five fields, or "@hourly", "@daily", "@weekly", "@monthly"; ERR_SYNTAX. */
enum err schedule_parse_cron(struct str text, struct schedule *s) MUST_CHECK;

/*
 * The first time after NOW at which it is due; for SCHEDULE_PERIOD counted
 * from NOW.  -1: never (SCHEDULE_ONCE; the 30th of February).
 */
time_t schedule_next(const struct schedule *s, time_t now);

#endif
