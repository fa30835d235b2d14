/*
 * text.h - text of whatever character set as UTF-8
 *
 * What is said about mime_text_open() in mime.h holds here too.
 */
#ifndef IMAP_MIME_TEXT_H
#define IMAP_MIME_TEXT_H

#include "lib/buf.h"
#include "lib/charset.h"
#include "lib/str.h"

/*
 * Appends TEXT, whose character set nobody told: it is UTF-8 if it could be,
 * else windows-1252, which has ISO-8859-1 in it.
 */
void text_guess_utf8(struct str text, struct buf *utf8);

#endif
