/*
 * language.h - the languages in which clients can be spoken to
 *
 * For LANGUAGE of IMAP (RFC 5255 section 3) and LANG of POP3 (RFC 6856 section 3).
 * "i-default" (RFC 2277 section 4.5) is English, which has a row of its own for
 * clients that ask for it by its name.  What is said in a language is each
 * program's own.
 */
#ifndef IMAP_SERVER_LANGUAGE_H
#define IMAP_SERVER_LANGUAGE_H

#include "lib/str.h"

#include <stdbool.h>

enum language { LANGUAGE_DEFAULT, LANGUAGE_ENGLISH, LANGUAGE_GERMAN, LANGUAGES };

/* "i-default", "en", "de" */
const char *language_tag(enum language l);

/* What it is called by those who speak it: "English", "Deutsch". */
const char *language_name(enum language l);

/*
 * The language for a range such as "de-AT" or "default" (RFC 4647 section 3.4:
 * Lookup); false: none.
 */
bool language_find(struct str range, enum language *l);

#endif
