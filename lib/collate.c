#include "lib/collate.h"

#include "lib/charset.h"

static const char *const names[COLLATIONS] = {
	"i;unicode-casemap", "i;ascii-casemap", "i;octet",
};

const char *
collate_name(enum collation c)
{
	return names[c];
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | ' ') : c;
}

/*
 * Whoever failed behind the last "*" is tried one further: what comes before it
 * has matched as early as it can, so nothing is lost and nothing tried twice.
 */
static bool
matches(struct str name, struct str pattern)
{
	size_t n = 0, p = 0, star = SIZE_MAX, from = 0;

	while (n < name.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = n;
		} else if (p < pattern.n && lower(pattern.p[p]) == lower(name.p[n])) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

/* collation-order = ["+" / "-"] collation-wild: "+" changes nothing, "-" we have not. */
bool
collate_matches(enum collation c, struct str pattern)
{
	if (str_starts(pattern, STR("+")))
		pattern = str_slice(pattern, 1, pattern.n);
	if (str_ieq(pattern, STR("default")))
		return c == COLLATE_UNICODE_CASEMAP;
	return matches(str_c(names[c]), pattern);
}

static void
ascii_upper(struct str text, struct buf *key)
{
	char *to = buf_reserve(key, text.n);

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		to[i] = c >= 'a' && c <= 'z' ? (char)(c & ~' ') : c;
	}
	to[text.n] = '\0';
	key->n += text.n;
}

void
collate_key(enum collation c, struct str text, struct buf *key)
{
	switch (c) {
	case COLLATE_UNICODE_CASEMAP:
		charset_fold(text, key);
		break;
	case COLLATE_ASCII_CASEMAP:
		ascii_upper(text, key);
		break;
	case COLLATE_OCTET:
	case COLLATIONS:
		buf_add_str(key, text);
		break;
	}
}
