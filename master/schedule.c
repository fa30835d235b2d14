#include "master/schedule.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
	DAY_MINUTES = 24 * 60,
	/* The 29th of February may be eight years away. */
	SEARCH_DAYS = 366 * 9,
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

enum err
schedule_parse_at(struct str text, struct schedule *s)
{
	if (text.n < 3 || text.n > 4)
		return ERR_SYNTAX;
	int hhmm = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (!is_digit(text.p[i]))
			return ERR_SYNTAX;
		hhmm = hhmm * 10 + (text.p[i] - '0');
	}
	if (hhmm / 100 > 23 || hhmm % 100 > 59)
		return ERR_SYNTAX;
	s->kind = SCHEDULE_AT;
	s->at = hhmm / 100 * 60 + hhmm % 100;
	return OK;
}

struct field {
	int min, max;
	const char *names;	/* three letters each, from MIN on; or NULL */
};

static const struct field fields[5] = {
	{ 0, 59, NULL },
	{ 0, 23, NULL },
	{ 1, 31, NULL },
	{ 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
	{ 0, 7, "sunmontuewedthufrisat" },
};

/* A number or a name, moved past. */
static bool
get_value(struct str *s, const struct field *f, int *value)
{
	int v = 0;
	size_t n = 0;
	for (; n < s->n && n < 3 && is_digit(s->p[n]); n++)
		v = v * 10 + (s->p[n] - '0');
	if (n == 0 && f->names != NULL && s->n >= 3) {
		for (size_t i = 0; f->names[i] != '\0'; i += 3) {
			if (strncasecmp(f->names + i, s->p, 3) == 0) {
				v = f->min + (int)i / 3;
				n = 3;
			}
		}
	}
	if (n == 0 || v < f->min || v > f->max)
		return false;
	s->p += n;
	s->n -= n;
	*value = v;
	return true;
}

static bool
skip_char(struct str *s, char c)
{
	if (s->n == 0 || *s->p != c)
		return false;
	s->p++;
	s->n--;
	return true;
}

/* range = ("*" / value ["-" value]) ["/" step] */
static bool
get_range(struct str *s, const struct field *f, uint64_t *bits)
{
	int from = f->min, to = f->max, step = 1;
	bool star = skip_char(s, '*');
	if (!star) {
		if (!get_value(s, f, &from))
			return false;
		to = from;
		if (skip_char(s, '-') && !get_value(s, f, &to))
			return false;
	}
	if (skip_char(s, '/')) {
		const struct field any = { 1, 99, NULL };
		if (!get_value(s, &any, &step))
			return false;
		if (!star && to == from)
			to = f->max;
	}
	if (from > to)
		return false;
	for (int v = from; v <= to; v += step)
		*bits |= UINT64_C(1) << v;
	return true;
}

static bool
get_field(struct str *s, const struct field *f, uint64_t *bits, bool *any)
{
	while (skip_char(s, ' ') || skip_char(s, '\t'))
		;
	*bits = 0;
	*any = s->n > 0 && *s->p == '*';
	do
		if (!get_range(s, f, bits))
			return false;
	while (skip_char(s, ','));
	return s->n == 0 || *s->p == ' ' || *s->p == '\t';
}

static const struct {
	struct str name, means;
} shorthands[] = {
	{ { "@hourly", 7 }, { "0 * * * *", 9 } },
	{ { "@daily", 6 }, { "0 0 * * *", 9 } },
	{ { "@weekly", 7 }, { "0 0 * * 0", 9 } },
	{ { "@monthly", 8 }, { "0 0 1 * *", 9 } },
};

enum err
schedule_parse_cron(struct str text, struct schedule *s)
{
	uint64_t bits[5];
	bool any[5];
	for (size_t i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++)
		if (str_ieq(text, shorthands[i].name))
			text = shorthands[i].means;
	for (int i = 0; i < 5; i++)
		if (!get_field(&text, &fields[i], &bits[i], &any[i]))
			return ERR_SYNTAX;
	while (skip_char(&text, ' ') || skip_char(&text, '\t'))
		;
	if (text.n > 0)
		return ERR_SYNTAX;
	s->kind = SCHEDULE_CRON;
	s->minutes = bits[0];
	s->hours = (uint32_t)bits[1];
	s->days = (uint32_t)bits[2];
	s->months = (uint32_t)bits[3];
	/* Sunday is 0 and 7. */
	s->weekdays = (uint32_t)(bits[4] | bits[4] >> 7);
	s->any_day = any[2];
	s->any_weekday = any[4];
	return OK;
}

static time_t
next_at(int minutes, time_t now)
{
	struct tm day;
	localtime_r(&now, &day);
	for (int add = 0; add < 3; add++) {
		struct tm tm = day;
		tm.tm_mday += add;
		tm.tm_hour = minutes / 60;
		tm.tm_min = minutes % 60;
		tm.tm_sec = 0;
		tm.tm_isdst = -1;
		time_t t = mktime(&tm);
		if (t > now)
			return t;
	}
	return now + DAY_MINUTES * 60;
}

static bool
day_matches(const struct schedule *s, const struct tm *tm)
{
	if (!(s->months >> (tm->tm_mon + 1) & 1))
		return false;
	bool day = s->days >> tm->tm_mday & 1;
	bool weekday = s->weekdays >> tm->tm_wday & 1;
	if (s->any_day || s->any_weekday)
		return day && weekday;
	return day || weekday;
}

/* Walks through real time, so that summer time needs no thought. */
static time_t
next_cron(const struct schedule *s, time_t now)
{
	time_t t = now - now % 60 + 60;
	time_t end = now + (time_t)SEARCH_DAYS * DAY_MINUTES * 60;
	while (t < end) {
		struct tm tm;
		localtime_r(&t, &tm);
		if (!day_matches(s, &tm) || !(s->hours >> tm.tm_hour & 1))
			t += (60 - tm.tm_min) * 60;
		else if (!(s->minutes >> tm.tm_min & 1))
			t += 60;
		else
			return t;
	}
	return -1;
}

time_t
schedule_next(const struct schedule *s, time_t now)
{
	switch (s->kind) {
	case SCHEDULE_ONCE:
		return -1;
	case SCHEDULE_PERIOD:
		return now + (time_t)s->period * 60;
	case SCHEDULE_AT:
		return next_at(s->at, now);
	case SCHEDULE_CRON:
		return next_cron(s, now);
	}
	return -1;
}
