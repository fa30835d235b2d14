/*
 * guess.h - text of whose character set nothing is known
 *
 * The one place that says what it is taken for.
 */
#ifndef IMAP_MIME_GUESS_H
#define IMAP_MIME_GUESS_H

#include "lib/buf.h"
#include "lib/str.h"

/*
 * Appends TEXT, whose character set nobody told: it is UTF-8 if it could be,
 * else windows-1252, which has ISO-8859-1 in it.
 */
void guess_utf8(struct str text, struct buf *utf8);

#endif
