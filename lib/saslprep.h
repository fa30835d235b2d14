/*
 * saslprep.h - names and passwords as they are compared (RFC 4013; ICU behind)
 *
 * What looks the same and was typed on different keyboards becomes the same
 * bytes: compatibility characters are resolved (form KC of Unicode 3.2), spaces
 * are all U+0020, what cannot be seen is left out.  ASCII stays as it is.
 */
#ifndef LIB_SASLPREP_H
#define LIB_SASLPREP_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

/*
 * Appends TEXT, prepared as a query: characters that Unicode 3.2 did not have
 * are let through.  ERR_NAME, and nothing appended: it is not UTF-8, or it has a
 * control character or another of section 2.3, or mixes directions (section
 * 2.4), or nothing is left of it, or it is longer than SASLPREP_MAX.
 */
enum err saslprep(struct str text, struct buf *out) MUST_CHECK;

enum { SASLPREP_MAX = 1024 };		/* unless all of it is ASCII */

#endif
