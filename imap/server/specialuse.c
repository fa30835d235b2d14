/* specialuse.c - the special uses of mailboxes */
#include "imap/server/specialuse.h"

#include <string.h>

static const struct {
	const char *use;
	enum conf_opt folder;
} uses[] = {
	{ "\\Archive", CONF_XLIST_ARCHIVE },
	{ "\\Drafts", CONF_XLIST_DRAFTS },
	{ "\\Important", CONF_XLIST_IMPORTANT },
	{ "\\Junk", CONF_XLIST_JUNK },
	{ "\\Sent", CONF_XLIST_SENT },
	{ "\\Trash", CONF_XLIST_TRASH },
};
enum { USES = sizeof(uses) / sizeof(uses[0]) };

/* The next of *words, which blanks separate. */
static bool
next_word(struct str *words, struct str *word)
{
	size_t n;

	while (words->n > 0 && *words->p == ' ')
		words->p++, words->n--;
	n = str_chr(*words, ' ');
	*word = (struct str){ words->p, n };
	*words = (struct str){ words->p + n, words->n - n };
	return n > 0;
}

static bool
has_word(struct str list, struct str word)
{
	struct str w;

	while (next_word(&list, &w))
		if (str_eq(w, word))
			return true;
	return false;
}

enum err
specialuse_add(struct str words, struct buf *list)
{
	struct str word;

	while (next_word(&words, &word)) {
		size_t i = 0;

		while (i < USES && !str_ieq(word, str_c(uses[i].use)))
			i++;
		if (i == USES)
			return ERR_UNSUPPORTED;
		if (has_word(buf_str(list), str_c(uses[i].use)))
			continue;
		if (list->n > 0)
			buf_addc(list, ' ');
		buf_adds(list, uses[i].use);
	}
	return OK;
}

const char *
specialuse_of_folder(const struct conf *conf, struct str folder)
{
	for (size_t i = 0; i < USES; i++) {
		const char *name = conf_string(conf, uses[i].folder);

		if (name != NULL && str_eq(folder, str_c(name)))
			return uses[i].use;
	}
	return NULL;
}
