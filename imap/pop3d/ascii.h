/*
 * ascii.h - a header for clients that have not said UTF8 (RFC 6856)
 *
 * "When UTF-8 mode has not been enabled, character strings outside the ASCII
 * repertoire MUST NOT be sent to the client as is": they get a surrogate, in which
 * such words are encoded as in RFC 2047.  That is more than RFC 6858 asks for in
 * names and texts, and less in addresses whose local part is not ASCII: there is no
 * form of those that an old client could answer to.
 *
 * What is not UTF-8 is in an unknown character set, from before all of this; it
 * stays as it came.
 */
#ifndef IMAP_POP3D_ASCII_H
#define IMAP_POP3D_ASCII_H

#include "lib/buf.h"

#include <stdbool.h>

/* False: HEADER can be sent as it is.  Else OUT is what is to be sent instead. */
bool ascii_header(struct str header, struct buf *out);

#endif
