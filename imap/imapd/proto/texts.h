/*
 * texts.h - what people read, in their language (RFC 5255 section 3)
 *
 * Texts are written in English where they belong; here is what they are in other
 * languages.  One that is not in the table stays as it is.  "i-default" (RFC
 * 2277 section 4.5) is English, which has a row of its own for clients that ask
 * for it by its name.
 */
#ifndef IMAP_IMAPD_PROTO_TEXTS_H
#define IMAP_IMAPD_PROTO_TEXTS_H

#include "lib/str.h"

#include <stdbool.h>

enum language { LANGUAGE_DEFAULT, LANGUAGE_ENGLISH, LANGUAGE_GERMAN, LANGUAGES };

/* "i-default", "en", "de" */
const char *language_tag(enum language l);

/*
 * The language for a range such as "de-AT" or "default" (RFC 4647 section 3.4:
 * Lookup); false: none.
 */
bool language_find(struct str range, enum language *l);

/* ENGLISH in language L; ENGLISH itself if there is no such text. */
const char *text_in(enum language l, const char *english);

#endif
