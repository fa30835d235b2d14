/*
 * search_text.h - does a message's text contain a string?
 *
 * The part of a search that looks at words: header fields with their encoded
 * words decoded, body text decoded from its transfer encoding and character
 * set, both folded as charset_fold() does, so that "MÜLLER" finds "Müller".
 * A needle is a string that charset_fold() has been applied to.
 *
 * What is searched: in the body every text/... and message/... part, and all
 * of an attached message, its header too; with HEADERS also the message's own
 * header and the headers of its parts.  Other attachments are not text.
 *
 * Memory: a struct search_text is scratch space that is used again for each
 * message.  Bodies are decoded piece by piece (mime_text_next()); a match
 * across two pieces is found.  Of a header field the first 4 MiB are searched.
 */
#ifndef IMAP_STORE_SEARCH_TEXT_H
#define IMAP_STORE_SEARCH_TEXT_H

#include "lib/str.h"

#include <stdbool.h>

struct search_text;

struct search_text *search_text_new(void);
void search_text_free(struct search_text *t);	/* NULL allowed */

/*
 * Has HEADER a field NAME whose value contains NEEDLE?  The empty needle asks
 * whether the field is there.
 */
bool search_text_field(struct search_text *t, struct str header, struct str name,
    struct str needle);

/* Forgets the structure of the message before. */
void search_text_next(struct search_text *t);

/* MESSAGE stays the same between two calls of search_text_next(). */
bool search_text_message(struct search_text *t, struct str message, bool headers,
    struct str needle);

#endif
