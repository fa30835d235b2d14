/*
 * hdr.h - where a header's fields and the header itself end
 *
 * Beside mime_next_field() and its kin of mime.h.  A header is a run of
 * fields, each "name:" with a value that goes on over lines that begin with
 * white space (RFC 5322 section 2.2), and ends with an empty line, with the
 * first line that can be neither (Postfix, mutt and Python read it so), or
 * with the message.  But a line right before a Content- field is taken for the
 * rest of the field before it.  Names may hold 8-bit bytes, and white space may stand
 * before the colon.  Lines "From " and ">From " that mailbox files left behind
 * belong to the header, as fields without a name.  A line ends with LF or
 * CRLF; a bare CR is a character like others.
 */
#ifndef IMAP_MIME_HDR_H
#define IMAP_MIME_HDR_H

#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>

/* What follows the colon in RAW, a field of mime_next_field(), untrimmed. */
struct str hdr_value(struct str name, struct str raw);

/* The length of the empty line that REST begins with, 0: none. */
size_t hdr_empty_line(struct str rest);

#endif
