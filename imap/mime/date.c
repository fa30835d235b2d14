/*
 * date.c - when a message says that it was written
 *
 * RFC 5322 section 3.3 with the obsolete forms of section 4.3, and by the same
 * walk over words and numbers asctime() ("Thu Nov 24 18:22:48 1986"), ISO 8601,
 * RFC 850 ("24-Nov-86") and dates with slashes.  What a word is decides its
 * place, not where it stands: weekdays are ignored, a number with a colon is
 * the time, four digits are the year, the first small number is the day.
 */
#include "imap/mime/lex.h"
#include "imap/mime/mime.h"

#include <string.h>

struct date {
	int day, month, year;		/* 0, 0, -1: not seen yet */
	int hour, minute, second;
	bool has_time, is_pm, is_am;
	int zone;			/* minutes east of Greenwich */
};

enum { MAX_WORDS = 40, MAX_YEAR = 9999 };

/* The zones of RFC 5322 section 4.3 and others that are still written so. */
static const struct {
	char name[5];
	int minutes;
} zones[] = {
	{ "EDT", -240 }, { "EST", -300 }, { "CDT", -300 }, { "CST", -360 },
	{ "MDT", -360 }, { "MST", -420 }, { "PDT", -420 }, { "PST", -480 },
	{ "BST", 60 }, { "WEST", 60 }, { "CET", 60 }, { "MET", 60 },
	{ "CEST", 120 }, { "MEST", 120 }, { "EET", 120 }, { "EEST", 180 },
	{ "MSK", 180 }, { "JST", 540 }, { "KST", 540 }, { "AEST", 600 },
	{ "AEDT", 660 }, { "NZST", 720 }, { "NZDT", 780 },
};

/* Moves past the digits and gives their value, at most 99999, and their count. */
static int
number(struct lex *l, int *digits)
{
	int v = 0;

	*digits = 0;
	for (; l->p < l->end && *l->p >= '0' && *l->p <= '9'; l->p++) {
		if (v <= MAX_YEAR)
			v = v * 10 + (*l->p - '0');
		(*digits)++;
	}
	return v;
}

static bool
at_digit(const struct lex *l)
{
	return l->p < l->end && *l->p >= '0' && *l->p <= '9';
}

/* ":" and digits, with white space and comments around; else not moved. */
static bool
colon_number(struct lex *l, int *v)
{
	struct lex next = *l;
	int digits;

	lex_cfws(&next, NULL);
	if (!lex_at(&next, ':'))
		return false;
	next.p++;
	lex_cfws(&next, NULL);
	if (!at_digit(&next))
		return false;
	*v = number(&next, &digits);
	*l = next;
	return true;
}

/* ":" minute [":" second ["." fraction]], behind the hour */
static bool
time_of_day(struct lex *l, int hour, struct date *d)
{
	int digits;

	if (d->has_time || !colon_number(l, &d->minute))
		return false;
	d->has_time = true;
	d->hour = hour;
	colon_number(l, &d->second);
	if (lex_at(l, '.') || lex_at(l, ',')) {
		struct lex fraction = *l;

		fraction.p++;
		if (at_digit(&fraction)) {
			number(&fraction, &digits);
			*l = fraction;
		}
	}
	return true;
}

/* zone = ("+" / "-") 4DIGIT, or with a colon, or the hours alone */
static void
numeric_zone(struct lex *l, struct date *d)
{
	int sign = *l->p++ == '-' ? -1 : 1, digits, v, minutes = 0;

	v = number(l, &digits);
	if (digits == 4) {
		minutes = v % 100;
		v /= 100;
	} else if (digits > 2) {
		return;
	} else if (lex_at(l, ':')) {
		l->p++;
		minutes = number(l, &digits);
	}
	if (v < 24 && minutes < 60)
		d->zone = sign * (v * 60 + minutes);
}

/* obs-year: 50-99 and three digits are of the last century */
static int
full_year(int year, int digits)
{
	if (digits >= 4)
		return year;
	if (digits == 3 || year >= 50)
		return year + 1900;
	return year + 2000;
}

/* The second number of a date with slashes is the day, if it can be. */
static void
slashes(struct lex *l, int first, struct date *d)
{
	int digits, second, year;

	l->p++;
	second = number(l, &digits);
	d->month = first <= 12 ? first : second;
	d->day = first <= 12 ? second : first;
	if (lex_at(l, '/')) {
		l->p++;
		year = number(l, &digits);
		d->year = full_year(year, digits);
	}
}

/* "-MM-DD" behind the year */
static void
iso_date(struct lex *l, int year, struct date *d)
{
	int digits;

	d->year = year;
	l->p++;
	d->month = number(l, &digits);
	if (lex_at(l, '-')) {
		l->p++;
		d->day = number(l, &digits);
	}
}

static void
numeric(struct lex *l, struct date *d)
{
	int digits, v = number(l, &digits);
	struct lex next = *l;

	if (next.p < next.end)
		next.p++;
	if (time_of_day(l, v, d))
		return;
	if (lex_at(l, '/') && d->month == 0 && at_digit(&next))
		slashes(l, v, d);
	else if (digits == 4 && lex_at(l, '-') && d->month == 0 && at_digit(&next))
		iso_date(l, v, d);
	else if (digits <= 2 && d->day == 0)
		d->day = v;
	else if (d->year < 0)
		d->year = full_year(v, digits);
}

static bool
is_word(struct str word, const char *name)
{
	return str_ieq(word, str_c(name));
}

static void
alphabetic(struct lex *l, struct date *d)
{
	static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	const char *start = l->p;
	struct str word;

	while (l->p < l->end && ((*l->p | 0x20) >= 'a' && (*l->p | 0x20) <= 'z'))
		l->p++;
	word = (struct str){ start, (size_t)(l->p - start) };
	for (int i = 0; i < 12 && word.n >= 3 && d->month == 0; i++)
		if (str_ieq((struct str){ start, 3 },
		    (struct str){ months + 3 * i, 3 })) {
			d->month = i + 1;
			return;
		}
	for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++)
		if (d->has_time && is_word(word, zones[i].name))
			d->zone = zones[i].minutes;
	d->is_am = d->is_am || is_word(word, "am");
	d->is_pm = d->is_pm || is_word(word, "pm");
}

/* Days from 1970-01-01 in the Gregorian calendar; MONTH from 1. */
static int64_t
days_from_civil(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year
	    - 719468;
}

static bool
is_possible(const struct date *d)
{
	return d->day >= 1 && d->day <= 31 && d->month >= 1 && d->month <= 12
	    && d->year >= 0 && d->year <= MAX_YEAR;
}

/*
 * "If the time zone is invalid, the date and time SHOULD be treated as UTC.  If
 * the time is also invalid, the time SHOULD be treated as 00:00:00" (RFC 5256
 * section 2.2).
 */
static void
mend_time(struct date *d)
{
	if (d->hour > 24 || d->minute > 59 || d->second > 60)
		d->hour = d->minute = d->second = 0;
	else if (d->is_pm && d->hour < 12)
		d->hour += 12;
	else if (d->is_am && d->hour == 12)
		d->hour = 0;
}

bool
mime_parse_date(struct str value, int64_t *unix_seconds, int *zone_minutes)
{
	struct date d = { .year = -1 };
	struct lex l = lex_of(value);

	for (int i = 0; i < MAX_WORDS && l.p < l.end; i++) {
		lex_cfws(&l, NULL);
		if (l.p == l.end)
			break;
		if (at_digit(&l))
			numeric(&l, &d);
		else if ((*l.p == '+' || *l.p == '-') && d.has_time)
			numeric_zone(&l, &d);
		else if ((*l.p | 0x20) >= 'a' && (*l.p | 0x20) <= 'z')
			alphabetic(&l, &d);
		else
			l.p++;
	}
	if (!is_possible(&d))
		return false;
	mend_time(&d);
	*unix_seconds = days_from_civil(d.year, d.month, d.day) * 86400
	    + d.hour * 3600 + d.minute * 60 + d.second - d.zone * 60;
	*zone_minutes = d.zone;
	return true;
}
