/* format.c - flags and dates as IMAP writes them (RFC 3501 section 9) */
#include "imap/imapd/proto/format.h"

#include <string.h>

enum { DAY = 24 * 60 * 60, ZONE_MAX = 99 * 60 + 59 };

static const char months[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

static const struct {
	uint32_t flag;
	struct str text;
} system_flags[] = {
	{ MSG_ANSWERED, { "\\Answered ", 10 } },
	{ MSG_FLAGGED, { "\\Flagged ", 9 } },
	{ MSG_DELETED, { "\\Deleted ", 9 } },
	{ MSG_DRAFT, { "\\Draft ", 7 } },
	{ MSG_SEEN, { "\\Seen ", 6 } },
};

static void
format_keywords(struct mbox *m, const struct keywords *k, const struct keywords *told,
    struct buf *out)
{
	for (unsigned w = 0; w < MBOX_KEYWORDS / 64; w++) {
		for (uint64_t bits = k->w[w] & told->w[w]; bits != 0; bits &= bits - 1) {
			unsigned i = w * 64 + (unsigned)__builtin_ctzll(bits);
			const char *name = mbox_keyword(m, i);

			if (name) {
				buf_adds(out, name);
				buf_addc(out, ' ');
			}
		}
	}
}

void
format_flags(struct mbox *m, const struct message *msg, const struct keywords *told,
    struct buf *out)
{
	buf_addc(out, '(');
	if (msg->recent)
		buf_add(out, "\\Recent ", 8);
	for (size_t i = 0; i < sizeof system_flags / sizeof system_flags[0]; i++)
		if (msg->flags & system_flags[i].flag)
			buf_add_str(out, system_flags[i].text);
	format_keywords(m, &msg->keywords, told, out);
	if (out->p[out->n - 1] == ' ')
		buf_truncate(out, out->n - 1);
	buf_addc(out, ')');
}

/*
 * The civil calendar counted in years that begin in March, so that the leap
 * day is the last of its year; eras are 400 years of 146097 days.
 */
static void
date_of_days(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

static void
put_digits(char *to, int n, int64_t value)
{
	for (; n > 0; n--, value /= 10)
		to[n - 1] = (char)('0' + value % 10);
}

static void
format_day(int64_t days, char text[12])
{
	int64_t year;
	int month, day;

	date_of_days(days, &year, &month, &day);
	put_digits(text, 2, day);
	if (text[0] == '0')
		text[0] = ' ';
	text[2] = text[6] = '-';
	memcpy(text + 3, months[month - 1], 3);
	/* The grammar has four digits: other years cannot be said. */
	put_digits(text + 7, 4, year < 0 ? 0 : year > 9999 ? 9999 : year);
	text[11] = '\0';
}

void
format_date_time(struct format_day *last, int64_t seconds, int zone_minutes,
    struct buf *out)
{
	if (zone_minutes > ZONE_MAX || zone_minutes < -ZONE_MAX)
		zone_minutes = 0;
	/* Beyond any calendar: also keeps the sum from overflowing. */
	if (seconds > INT64_C(253402300799) || seconds < INT64_C(-62167219200))
		seconds = 0;

	int64_t local = seconds + (int64_t)zone_minutes * 60;
	int64_t day = (local >= 0 ? local : local - (DAY - 1)) / DAY;
	int time = (int)(local - day * DAY);
	int zone = zone_minutes < 0 ? -zone_minutes : zone_minutes;
	char *to = buf_reserve(out, 28);

	if (last->text[0] == '\0' || last->day != day) {
		format_day(day, last->text);
		last->day = day;
	}
	to[0] = to[27] = '"';
	memcpy(to + 1, last->text, 11);
	to[12] = to[21] = ' ';
	put_digits(to + 13, 2, time / 3600);
	put_digits(to + 16, 2, time / 60 % 60);
	put_digits(to + 19, 2, time % 60);
	to[15] = to[18] = ':';
	to[22] = zone_minutes < 0 ? '-' : '+';
	put_digits(to + 23, 2, zone / 60);
	put_digits(to + 25, 2, zone % 60);
	out->n += 28;
	out->p[out->n] = '\0';
}
