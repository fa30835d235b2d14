/*
 * texts.h - what people read, in their language (RFC 5255 section 3)
 *
 * Texts are written in English where they belong; here is what they are in other
 * languages.  One that is not in the table stays as it is.
 */
#ifndef IMAP_IMAPD_PROTO_TEXTS_H
#define IMAP_IMAPD_PROTO_TEXTS_H

#include "imap/server/language.h"

/* ENGLISH in language L; ENGLISH itself if there is no such text. */
const char *text_in(enum language l, const char *english);

#endif
