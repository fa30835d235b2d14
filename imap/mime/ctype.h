/*
 * ctype.h - Content-Type, Content-Disposition and their parameters
 *
 * RFC 2045 section 5.1 and RFC 2183, as strict as needed to find the words and
 * no more.  What real senders get wrong is read as they meant it: missing or
 * doubled semicolons, values with spaces that nobody quoted, quotes that are
 * never closed, words without "=" (left out).  Parameters past
 * MIME_MAX_PARAMS, or past the arena's limit, are left out too.
 */
#ifndef IMAP_MIME_CTYPE_H
#define IMAP_MIME_CTYPE_H

#include "imap/mime/mime.h"

/* False, and nothing set, if VALUE does not begin with "type/subtype". */
bool ctype_parse(struct arena *arena, struct str value, struct str *type,
    struct str *subtype, struct mime_params *params);

/*
 * One token and parameters.  No token but parameters means "attachment" (RFC
 * 2183 section 2.8: what is not understood is an attachment); false: empty.
 */
bool ctype_disposition(struct arena *arena, struct str value,
    struct str *disposition, struct mime_params *params);

/* The first token of a field such as Content-Transfer-Encoding; maybe empty. */
struct str ctype_word(struct str value);

/* Content-Language (RFC 3282): the number of tags, which are at *TAGS. */
size_t ctype_languages(struct arena *arena, struct str value, struct str **tags);

#endif
