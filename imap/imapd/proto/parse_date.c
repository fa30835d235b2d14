#include "imap/imapd/proto/parse_date.h"

#include <strings.h>

/* Exactly N digits. */
static bool
digits(struct parser *p, int n, int *v)
{
	size_t from = p->at;
	for (*v = 0; n > 0; n--) {
		int c = parse_next(p);
		if (c < '0' || c > '9') {
			p->at = from;
			return parse_expect(p, "a digit");
		}
		*v = *v * 10 + (c - '0');
		p->at++;
	}
	return true;
}

/* date-month = "Jan" / "Feb" / ... / "Dec" */
static bool
date_month(struct parser *p, int *month)
{
	static const char *const names[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec",
	};
	for (*month = 1; *month <= 12; ++*month)
		if (p->in.n - p->at >= 3
		    && strncasecmp(p->in.p + p->at, names[*month - 1], 3) == 0) {
			p->at += 3;
			return true;
		}
	return parse_expect(p, "a month");
}

/*
 * Days since 1970-01-01 in the Gregorian calendar: years begin in March, so
 * that the leap day is their last.
 */
static int64_t
days_of(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool
is_date(int year, int month, int day)
{
	static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day >= 1 && day <= length[month - 1] + (month == 2 && leap);
}

/* "-" date-month "-" date-year, after DAY */
static bool
rest_of_date(struct parser *p, int day, int64_t *days)
{
	int month, year;
	if (!parse_char(p, '-') || !date_month(p, &month) || !parse_char(p, '-')
	    || !digits(p, 4, &year))
		return false;
	if (!is_date(year, month, day))
		return parse_expect(p, "a day of the calendar");
	*days = days_of(year, month, day);
	return true;
}

/* date-day-fixed = (SP DIGIT) / 2DIGIT */
static bool
date_day_fixed(struct parser *p, int *day)
{
	if (!parse_peek(p, ' '))
		return digits(p, 2, day);
	p->at++;
	return digits(p, 1, day);
}

/* time = 2DIGIT ":" 2DIGIT ":" 2DIGIT ; zone = ("+" / "-") 4DIGIT */
static bool
time_and_zone(struct parser *p, int *seconds, int *zone)
{
	int h, m, s, z;
	if (!digits(p, 2, &h) || !parse_char(p, ':') || !digits(p, 2, &m)
	    || !parse_char(p, ':') || !digits(p, 2, &s) || !parse_sp(p))
		return false;
	bool minus = parse_peek(p, '-');
	if (!minus && !parse_peek(p, '+'))
		return parse_expect(p, "a zone such as +0100");
	p->at++;
	if (!digits(p, 4, &z))
		return false;
	if (h > 23 || m > 59 || s > 60 || z / 100 > 23 || z % 100 > 59)
		return parse_expect(p, "a time of the day");
	*seconds = h * 3600 + m * 60 + s;
	*zone = (z / 100 * 60 + z % 100) * (minus ? -1 : 1);
	return true;
}

/*
 * date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP
 *             zone DQUOTE
 */
bool
parse_date_time(struct parser *p, struct date_time *t)
{
	size_t from = p->at;
	int day, seconds = 0, zone = 0;
	int64_t days;
	if (parse_char(p, '"') && date_day_fixed(p, &day)
	    && rest_of_date(p, day, &days) && parse_sp(p)
	    && time_and_zone(p, &seconds, &zone) && parse_char(p, '"')) {
		t->seconds = days * 86400 + seconds - zone * 60;
		t->zone_minutes = zone;
		return true;
	}
	p->at = from;
	return parse_expect(p, "a date and time");
}

/* date-text = date-day "-" date-month "-" date-year ; date-day = 1*2DIGIT */
static bool
date_text(struct parser *p, int64_t *days)
{
	int day;
	return (digits(p, 2, &day) || digits(p, 1, &day))
	    && rest_of_date(p, day, days);
}

/* date = date-text / DQUOTE date-text DQUOTE */
bool
parse_date(struct parser *p, int64_t *days)
{
	size_t from = p->at;
	bool quoted = parse_peek(p, '"');
	p->at += quoted;
	if (date_text(p, days) && (!quoted || parse_char(p, '"')))
		return true;
	p->at = from;
	return parse_expect(p, "a date");
}
