/*
 * search_text.h - does a message's text contain a string?
 *
 * The part of a search that looks at words: header fields with their encoded
 * words and RFC 2231 parameters decoded, body text decoded from its transfer
 * encoding and character set, both as keys of a comparator (lib/collate.h), so
 * that "MÜLLER" finds "Müller".  A needle is such a key, too.
 *
 * What is searched: in the body every text/... and message/... part, and all
 * of an attached message, its header too; with HEADERS also the message's own
 * header and the headers of its parts.  Other attachments are not text.  Of
 * HTML the words are searched that a reader sees (imap/mime/html.h).  Text that
 * is not in the character set it is labelled with is searched both ways.
 *
 * Memory: a struct search_text is scratch space that is used again for each
 * message.  Bodies are decoded piece by piece (mime_text_next()); a match
 * across two pieces is found.  Of a header field the first 4 MiB are searched.
 */
#ifndef IMAP_STORE_SEARCH_SEARCH_TEXT_H
#define IMAP_STORE_SEARCH_SEARCH_TEXT_H

#include "lib/collate.h"
#include "lib/str.h"

#include <stdbool.h>

struct search_text;

struct search_text *search_text_new(enum collation collation);
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
