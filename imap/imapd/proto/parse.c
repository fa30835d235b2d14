/*
 * The rules stand in the order of the header, each under its ABNF from RFC
 * 3501 section 9 (corrected as in RFC 9051 where they differ).  Deliberately
 * looser than the grammar, because clients are: 8-bit bytes are taken in
 * quoted strings (passwords, searches); nothing else is.
 */
#include "imap/imapd/proto/parse.h"
#include "imap/store/mbox.h"

#include <string.h>
#include <strings.h>

enum {					/* classes of bytes */
	C_ATOM = 1,			/* ATOM-CHAR */
	C_RESP = 2,			/* resp-specials: "]" */
	C_WILD = 4,			/* list-wildcards: "%" and "*" */
	C_WORD = 8,			/* letters, digits, ".", "-", "_" */
};

static unsigned
class_of(unsigned char c)
{
	if (c <= ' ' || c >= 127 || strchr("(){\"\\", c) != NULL)
		return 0;
	if (c == ']')
		return C_RESP;
	if (c == '%' || c == '*')
		return C_WILD;
	if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')
	    || c == '.' || c == '-' || c == '_')
		return C_ATOM | C_WORD;
	return C_ATOM;
}

bool
is_atom_char(unsigned char c)
{
	return class_of(c) & C_ATOM;
}

bool
is_astring_char(unsigned char c)
{
	return class_of(c) & (C_ATOM | C_RESP);
}

void
parser_init(struct parser *p, struct str in, struct arena *arena)
{
	*p = (struct parser){ .in = in, .arena = arena };
}

enum err
parse_failed(const struct parser *p)
{
	return p->err != OK ? p->err : ERR_SYNTAX;
}

bool
parse_expect(struct parser *p, const char *what)
{
	if (p->expected == NULL || p->at >= p->expected_at) {
		p->expected = what;
		p->expected_at = p->at;
	}
	return false;
}

/* The next byte, -1 at the end and where APPEND's message would begin. */
static int
next_byte(const struct parser *p)
{
	if (p->at >= p->in.n || (p->has_blob && p->at == p->blob_at))
		return -1;
	return (unsigned char)p->in.p[p->at];
}

/* Memory of the command, or NULL with p->err set. */
static void *
take(struct parser *p, size_t n)
{
	void *m = arena_alloc(p->arena, n);
	if (m == NULL)
		p->err = ERR_LIMIT;
	return m;
}

bool
parse_at_end(const struct parser *p)
{
	return p->at == p->in.n;
}

bool
parse_end(struct parser *p)
{
	return parse_at_end(p) || parse_expect(p, "the end of the command");
}

bool
parse_peek(const struct parser *p, char c)
{
	return next_byte(p) == (unsigned char)c;
}

bool
parse_sp(struct parser *p)
{
	if (!parse_peek(p, ' '))
		return parse_expect(p, "a space");
	p->at++;
	return true;
}

/* What parse_char() says it misses. */
static const char *
name_of(char c)
{
	switch (c) {
	case '(': return "\"(\"";
	case ')': return "\")\"";
	case '[': return "\"[\"";
	case ']': return "\"]\"";
	case '<': return "\"<\"";
	case '>': return "\">\"";
	case '.': return "\".\"";
	default: return "another character";
	}
}

bool
parse_char(struct parser *p, char c)
{
	if (!parse_peek(p, c))
		return parse_expect(p, name_of(c));
	p->at++;
	return true;
}

bool
parse_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);
	if (n > p->in.n - p->at
	    || strncasecmp(p->in.p + p->at, word, n) != 0
	    || (p->at + n < p->in.n
	    && (class_of((unsigned char)p->in.p[p->at + n]) & C_WORD)))
		return parse_expect(p, word);
	p->at += n;
	return true;
}

/* 1*<a byte of these classes, but EXCEPT> */
static bool
run_of(struct parser *p, unsigned classes, int except, struct str *s)
{
	size_t from = p->at;
	int c;
	while ((c = next_byte(p)) >= 0 && c != except
	    && (class_of((unsigned char)c) & classes))
		p->at++;
	*s = (struct str){ p->in.p + from, p->at - from };
	return s->n > 0;
}

/* tag = 1*<any ASTRING-CHAR except "+"> */
bool
parse_tag(struct parser *p, struct str *tag)
{
	return run_of(p, C_ATOM | C_RESP, '+', tag) || parse_expect(p, "a tag");
}

/* atom = 1*ATOM-CHAR */
bool
parse_atom(struct parser *p, struct str *atom)
{
	return run_of(p, C_ATOM, -1, atom) || parse_expect(p, "an atom");
}

/* number64 = 1*DIGIT ; (0 <= n <= 9,223,372,036,854,775,807) */
bool
parse_number64(struct parser *p, uint64_t *n)
{
	size_t from = p->at;
	uint64_t v = 0;
	int c;
	while ((c = next_byte(p)) >= '0' && c <= '9') {
		if (v > (INT64_MAX - (uint64_t)(c - '0')) / 10) {
			p->at = from;
			return parse_expect(p, "a number less than 2^63");
		}
		v = v * 10 + (uint64_t)(c - '0');
		p->at++;
	}
	*n = v;
	return p->at > from || parse_expect(p, "a number");
}

/* number = 1*DIGIT ; (0 <= n < 4,294,967,296) */
bool
parse_number(struct parser *p, uint32_t *n)
{
	size_t from = p->at;
	uint64_t v;
	if (!parse_number64(p, &v))
		return false;
	if (v > UINT32_MAX) {
		p->at = from;
		return parse_expect(p, "a number less than 2^32");
	}
	*n = (uint32_t)v;
	return true;
}

/* nz-number = digit-nz *DIGIT */
bool
parse_nz_number(struct parser *p, uint32_t *n)
{
	size_t from = p->at;
	if (parse_peek(p, '0'))
		return parse_expect(p, "a number that does not begin with 0");
	if (!parse_number(p, n)) {
		p->at = from;
		return false;
	}
	return true;
}

/* The bytes of a quoted string without its backslashes, *end at its DQUOTE. */
static bool
scan_quoted(struct parser *p, size_t *end, size_t *escapes)
{
	size_t at = p->at + 1;
	*escapes = 0;
	for (; at < p->in.n && p->in.p[at] != '"'; at++) {
		char c = p->in.p[at];
		if (c == '\0' || c == '\r' || c == '\n')
			break;
		if (c != '\\')
			continue;
		at++;
		if (at >= p->in.n || (p->in.p[at] != '"' && p->in.p[at] != '\\')) {
			at = p->in.n;
			break;
		}
		++*escapes;
	}
	*end = at;
	return at < p->in.n && p->in.p[at] == '"';
}

/*
 * quoted = DQUOTE *QUOTED-CHAR DQUOTE
 * QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials
 */
bool
parse_quoted(struct parser *p, struct str *s)
{
	size_t end, escapes;
	if (!parse_peek(p, '"'))
		return parse_expect(p, "a quoted string");
	if (!scan_quoted(p, &end, &escapes))
		return parse_expect(p, "a quoted string without CR, LF and NUL");
	const char *from = p->in.p + p->at + 1;
	size_t n = end - p->at - 1;
	*s = (struct str){ from, n };
	if (escapes > 0) {
		char *to = take(p, n - escapes + 1);
		if (to == NULL)
			return false;
		*s = (struct str){ to, n - escapes };
		for (size_t i = 0; i < n; i++) {
			if (from[i] == '\\')
				i++;
			*to++ = from[i];
		}
	}
	p->at = end + 1;
	return true;
}

/* "{" number ["+"] "}" CRLF, the beginning of a literal. */
static bool
literal_head(struct parser *p, uint64_t *n)
{
	size_t from = p->at;
	if (parse_char(p, '{') && parse_number64(p, n)) {
		if (parse_peek(p, '+'))
			p->at++;
		if (p->in.n - p->at >= 3
		    && memcmp(p->in.p + p->at, "}\r\n", 3) == 0) {
			p->at += 3;
			return true;
		}
	}
	p->at = from;
	return parse_expect(p, "a literal");
}

/* literal = "{" number ["+"] "}" CRLF *CHAR8 ; CHAR8 = %x01-ff */
bool
parse_literal(struct parser *p, struct str *s)
{
	size_t from = p->at;
	uint64_t n = 0;
	if (!literal_head(p, &n))
		return false;
	if (p->has_blob && p->at == p->blob_at) {
		p->at = from;
		return parse_expect(p, "something shorter than a message");
	}
	if (n > p->in.n - p->at || memchr(p->in.p + p->at, 0, n) != NULL) {
		p->at = from;
		return parse_expect(p, "a literal without NUL");
	}
	*s = (struct str){ p->in.p + p->at, n };
	p->at += n;
	return true;
}

bool
parse_blob(struct parser *p, uint64_t *size)
{
	size_t from = p->at;
	uint64_t n;
	if (!literal_head(p, &n))
		return false;
	if (!p->has_blob || p->at != p->blob_at) {
		p->at = from;
		return parse_expect(p, "a message literal");
	}
	p->has_blob = false;		/* it has been passed */
	*size = p->blob_size;
	return true;
}

/* string = quoted / literal */
bool
parse_string(struct parser *p, struct str *s)
{
	if (parse_peek(p, '{'))
		return parse_literal(p, s);
	if (parse_peek(p, '"'))
		return parse_quoted(p, s);
	return parse_expect(p, "a string");
}

/* nstring = string / nil */
bool
parse_nstring(struct parser *p, struct str *s)
{
	if (parse_string(p, s))
		return true;
	*s = (struct str){ NULL, 0 };
	return parse_word(p, "NIL");
}

/* astring = 1*ASTRING-CHAR / string */
bool
parse_astring(struct parser *p, struct str *s)
{
	if (run_of(p, C_ATOM | C_RESP, -1, s))
		return true;
	if (parse_peek(p, '"') || parse_peek(p, '{'))
		return parse_string(p, s);
	return parse_expect(p, "an atom or a string");
}

/* mailbox = "INBOX" / astring */
bool
parse_mailbox(struct parser *p, struct str *s)
{
	return parse_astring(p, s) || parse_expect(p, "a mailbox name");
}

/*
 * list-mailbox = 1*list-char / string
 * list-char = ATOM-CHAR / list-wildcards / resp-specials
 */
bool
parse_list_mailbox(struct parser *p, struct str *s)
{
	if (run_of(p, C_ATOM | C_RESP | C_WILD, -1, s))
		return true;
	if (parse_peek(p, '"') || parse_peek(p, '{'))
		return parse_string(p, s);
	return parse_expect(p, "a mailbox pattern");
}

/* seq-number = nz-number / "*" */
static bool
seq_number(struct parser *p, uint32_t *n)
{
	*n = 0;
	if (parse_peek(p, '*')) {
		p->at++;
		return true;
	}
	return parse_nz_number(p, n);
}

/* seq-range = seq-number ":" seq-number */
static bool
seq_number_or_range(struct parser *p, struct seq_range *r)
{
	if (!seq_number(p, &r->first))
		return parse_expect(p, "a message number or \"*\"");
	r->last = r->first;
	if (!parse_peek(p, ':'))
		return true;
	p->at++;
	return seq_number(p, &r->last);
}

/* How many commas are ahead in a sequence set, for its size. */
static size_t
count_commas(const struct parser *p)
{
	size_t n = 0;
	for (size_t i = p->at; i < p->in.n; i++) {
		char c = p->in.p[i];
		if (c == ',')
			n++;
		else if (c != ':' && c != '*' && (c < '0' || c > '9'))
			break;
	}
	return n;
}

/* sequence-set = (seq-number / seq-range) *("," (seq-number / seq-range)) */
bool
parse_sequence_set(struct parser *p, struct sequence_set *set)
{
	size_t from = p->at, n = count_commas(p) + 1;
	if (n > PARSE_MAX_RANGES)
		return parse_expect(p, "a sequence set of at most 100000 ranges");
	set->count = 0;
	set->range = take(p, n * sizeof(*set->range));
	if (set->range == NULL)
		return false;
	for (;;) {
		if (!seq_number_or_range(p, &set->range[set->count++])) {
			p->at = from;
			return false;
		}
		if (!parse_peek(p, ','))
			return true;
		p->at++;
	}
}

static const struct {
	const char *name;
	uint32_t flag;
} system_flags[] = {
	{ "Answered", MSG_ANSWERED }, { "Flagged", MSG_FLAGGED },
	{ "Deleted", MSG_DELETED }, { "Seen", MSG_SEEN }, { "Draft", MSG_DRAFT },
};

/* flag-keyword = atom */
bool
parse_flag_keyword(struct parser *p, struct str *keyword)
{
	return parse_atom(p, keyword) || parse_expect(p, "a keyword");
}

/*
 * flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" /
 *        flag-keyword / flag-extension
 * flag-extension = "\" atom, of which we know none
 */
static bool
flag(struct parser *p, struct flag_list *flags, size_t room)
{
	if (!parse_peek(p, '\\')) {
		if (flags->count == room)
			return parse_expect(p, "at most 256 flags");
		if (!parse_flag_keyword(p, &flags->keyword[flags->count]))
			return false;
		flags->count++;
		return true;
	}
	p->at++;
	for (size_t i = 0; i < sizeof(system_flags) / sizeof(system_flags[0]); i++)
		if (parse_word(p, system_flags[i].name)) {
			flags->system |= system_flags[i].flag;
			return true;
		}
	p->at--;
	return parse_expect(p, "a flag that may be set");
}

/* flag *(SP flag) until CLOSE (-1: the end of the flags) */
static bool
flags_until(struct parser *p, struct flag_list *flags, int close)
{
	size_t from = p->at;
	*flags = (struct flag_list){ 0 };
	flags->keyword = take(p, PARSE_MAX_FLAGS * sizeof(*flags->keyword));
	if (flags->keyword == NULL)
		return false;
	if (close >= 0 && parse_peek(p, (char)close)) {
		p->at++;
		return true;
	}
	while (flag(p, flags, PARSE_MAX_FLAGS)) {
		if (close >= 0 && parse_peek(p, (char)close)) {
			p->at++;
			return true;
		}
		if (close < 0 && parse_at_end(p))
			return true;
		if (!parse_sp(p))
			break;
	}
	p->at = from;
	return false;
}

/* flag-list = "(" [flag *(SP flag)] ")" */
bool
parse_flag_list(struct parser *p, struct flag_list *flags)
{
	if (!parse_char(p, '('))
		return parse_expect(p, "a list of flags");
	if (flags_until(p, flags, ')'))
		return true;
	p->at--;
	return false;
}

/* store-att-flags = ... (flag-list / (flag *(SP flag))) */
bool
parse_flags(struct parser *p, struct flag_list *flags)
{
	return parse_peek(p, '(') ? parse_flag_list(p, flags)
	    : flags_until(p, flags, -1);
}

/* Exactly N digits. */
static bool
digits(struct parser *p, int n, int *v)
{
	size_t from = p->at;
	for (*v = 0; n > 0; n--) {
		int c = next_byte(p);
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
parse_date_time(struct parser *p, int64_t *unix_seconds, int32_t *zone_minutes)
{
	size_t from = p->at;
	int day, seconds = 0, zone = 0;
	int64_t days;
	if (parse_char(p, '"') && date_day_fixed(p, &day)
	    && rest_of_date(p, day, &days) && parse_sp(p)
	    && time_and_zone(p, &seconds, &zone) && parse_char(p, '"')) {
		*unix_seconds = days * 86400 + seconds - zone * 60;
		*zone_minutes = zone;
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
