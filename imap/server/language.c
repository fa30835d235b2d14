/* language.c - the languages in which clients can be spoken to */
#include "imap/server/language.h"

static const struct {
	const char *tag, *name;
} languages[LANGUAGES] = {
	[LANGUAGE_DEFAULT] = { "i-default", "English" },
	[LANGUAGE_ENGLISH] = { "en", "English" },
	[LANGUAGE_GERMAN] = { "de", "Deutsch" },
};

const char *
language_tag(enum language l)
{
	return languages[l].tag;
}

const char *
language_name(enum language l)
{
	return languages[l].name;
}

/* One tag less at the end, and a single letter before it; false: none left. */
static bool
shorten(struct str *range)
{
	size_t dash = str_rchr(*range, '-');
	if (dash == range->n)
		return false;
	range->n = dash;
	if (range->n > 2 && range->p[range->n - 2] == '-')
		range->n -= 2;
	return true;
}

bool
language_find(struct str range, enum language *l)
{
	/* RFC 4647 section 3.4: "*" alone stands for what there is by default. */
	if (str_ieq(range, STR("default")) || str_eq(range, STR("*"))) {
		*l = LANGUAGE_DEFAULT;
		return true;
	}
	do
		for (unsigned i = 0; i < LANGUAGES; i++)
			if (str_ieq(range, str_c(languages[i].tag))) {
				*l = i;
				return true;
			}
	while (shorten(&range));
	return false;
}
