/* conf_value.c - the text of a value, checked for its option's type */
#include "lib/conf_table.h"

#include <string.h>

static bool
parse_switch(struct str text, int64_t *number)
{
	static const char *const words[2][6] = {
		{ "no", "off", "false", "f", "n", "0" },
		{ "yes", "on", "true", "t", "y", "1" },
	};

	for (int value = 0; value < 2; value++)
		for (int i = 0; i < 6; i++)
			if (str_ieq(text, str_c(words[value][i]))) {
				*number = value;
				return true;
			}
	return false;
}

static bool
parse_octal(struct str text, int64_t *number)
{
	int64_t sum = 0;

	if (text.n == 0 || text.n > 5)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '7')
			return false;
		sum = sum * 8 + (text.p[i] - '0');
	}
	*number = sum;
	return sum <= 0777;
}

/* One number up to INT64_MAX, perhaps with a minus before it. */
static bool
parse_integer(struct str text, int64_t *number)
{
	bool is_negative = text.n > 0 && text.p[0] == '-';
	uint64_t u;

	if (!str_to_u64(str_slice(text, is_negative ? 1 : 0, text.n), &u) || u > INT64_MAX)
		return false;
	*number = is_negative ? -(int64_t)u : (int64_t)u;
	return true;
}

/* RANGE is "LOWEST..HIGHEST", "LOWEST.." or empty. */
static bool
parse_in_range(struct str range, struct str text, int64_t *number)
{
	size_t dots = str_find(range, STR(".."));
	int64_t low = INT64_MIN, high = INT64_MAX;

	if (range.n > 0 && !parse_integer(str_slice(range, 0, dots), &low))
		return false;
	if (range.n > dots + 2 && !parse_integer(str_slice(range, dots + 2, range.n), &high))
		return false;
	return parse_integer(text, number) && *number >= low && *number <= high;
}

/* What a unit's letter counts, 0 if it is none of them. */
static int64_t
duration_unit(char letter)
{
	switch (letter | ' ') {
	case 'd':
		return 86400;
	case 'h':
		return 3600;
	case 'm':
		return 60;
	case 's':
		return 1;
	default:
		return 0;
	}
}

static int64_t
size_unit(char letter)
{
	switch (letter | ' ') {
	case 'b':
		return 1;
	case 'k':
		return 1 << 10;
	case 'm':
		return 1 << 20;
	case 'g':
		return 1 << 30;
	default:
		return 0;
	}
}

static size_t
digits(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

/*
 * "90", "1h30m": a bare number is in UNIT, and only alone.  Less than no days is
 * what "never" has been written as since there was such an option.
 */
static bool
parse_duration(char unit, struct str text, int64_t *number)
{
	int64_t part, factor;

	if (digits(text) == text.n || (unit == 'd' && str_starts(text, STR("-"))))
		return parse_integer(text, &part) &&
		    !__builtin_mul_overflow(part, duration_unit(unit), number);
	*number = 0;
	while (text.n > 0) {
		size_t n = digits(text);

		if (n == text.n || !parse_integer(str_slice(text, 0, n), &part))
			return false;
		factor = duration_unit(text.p[n]);
		if (factor == 0 || __builtin_mul_overflow(part, factor, &part) ||
		    __builtin_add_overflow(*number, part, number))
			return false;
		text = str_slice(text, n + 1, text.n);
	}
	return true;
}

/* "4096", "10M", "10 MB", "10MiB". */
static bool
parse_size(char unit, struct str text, int64_t *number)
{
	size_t n = digits(text);
	struct str after = str_trim(str_slice(text, n, text.n));
	char letter = after.n > 0 ? after.p[0] : unit;
	struct str rest = str_slice(after, 1, after.n);
	int64_t factor = size_unit(letter), count;

	if (factor == 0 || !parse_integer(str_slice(text, 0, n), &count))
		return false;
	if (rest.n > 0 && ((letter | ' ') == 'b' ||
	    !(str_ieq(rest, STR("b")) || str_ieq(rest, STR("ib")))))
		return false;
	return !__builtin_mul_overflow(count, factor, number);
}

/* VALUES: words in order, other spellings after slashes. */
static bool
parse_enum(struct str values, struct str text, int64_t *number)
{
	struct str word, spelling;

	for (int64_t i = 0; str_next_word(&values, &word); i++)
		while (str_next_field(&word, '/', &spelling))
			if (str_ieq(spelling, text)) {
				*number = i;
				return true;
			}
	return false;
}

static bool
parse_list(struct str allowed, struct str text)
{
	struct str word;
	int64_t ignored;

	while (str_next_word(&text, &word))
		if (allowed.n > 0 && !parse_enum(allowed, word, &ignored))
			return false;
	return true;
}

static void
describe_range(const char *range, struct buf *out)
{
	struct str r = str_c(range);
	size_t dots = str_find(r, STR(".."));
	struct str low = str_slice(r, 0, dots), high = str_slice(r, dots + 2, r.n);

	buf_adds(out, "a number");
	if (low.n > 0)
		buf_printf(out, high.n > 0 ? " from %.*s" : " of at least %.*s", STR_ARG(low));
	if (high.n > 0)
		buf_printf(out, " to %.*s", STR_ARG(high));
}

/* The values of an ENUM in their first spelling: "off, min or on". */
static void
add_choices(struct str values, struct buf *out)
{
	struct str word, spelling;

	for (int i = 0; str_next_word(&values, &word); i++) {
		str_next_field(&word, '/', &spelling);
		if (i > 0)
			buf_adds(out, values.n > 0 ? ", " : " or ");
		buf_add_str(out, spelling);
	}
}

void
conf_describe(const struct conf_option *o, struct buf *why)
{
	switch (o->type) {
	case CONF_STRING:
		buf_adds(why, "a string");
		break;
	case CONF_PATH:
		buf_adds(why, "an absolute path");
		break;
	case CONF_SWITCH:
		buf_adds(why, "yes or no");
		break;
	case CONF_INT:
		if (strcmp(o->unit_or_values, "octal") == 0)
			buf_adds(why, "an octal number up to 777");
		else
			describe_range(o->unit_or_values, why);
		break;
	case CONF_DURATION:
		buf_adds(why, "a duration such as 90s, 30m or 1h30m");
		break;
	case CONF_SIZE:
		buf_adds(why, "a size such as 4096, 64K or 10M");
		break;
	case CONF_ENUM:
		add_choices(str_c(o->unit_or_values), why);
		break;
	case CONF_LIST:
		buf_adds(why, "a list of ");
		if (*o->unit_or_values != '\0')
			add_choices(str_c(o->unit_or_values), why);
		else
			buf_adds(why, "words");
		break;
	}
}

static bool
parse(const struct conf_option *o, struct str text, int64_t *number)
{
	struct str unit = str_c(o->unit_or_values);

	switch (o->type) {
	case CONF_STRING:
		return true;
	case CONF_PATH:
		return str_starts(text, STR("/")) ||
		    str_starts(text, STR("{configdirectory}/"));
	case CONF_SWITCH:
		return parse_switch(text, number);
	case CONF_INT:
		return str_eq(unit, STR("octal")) ? parse_octal(text, number)
						  : parse_in_range(unit, text, number);
	case CONF_DURATION:
		return parse_duration(unit.p[0], text, number);
	case CONF_SIZE:
		return parse_size(unit.p[0], text, number);
	case CONF_ENUM:
		return parse_enum(unit, text, number);
	case CONF_LIST:
		return parse_list(unit, text);
	}
	return false;
}

bool
conf_parse_value(const struct conf_option *option, struct str text,
    int64_t *number, struct buf *why)
{
	*number = 0;
	if (parse(option, text, number))
		return true;
	conf_describe(option, why);
	return false;
}
