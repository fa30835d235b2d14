/*
 * env.h - what of a header an ENVELOPE takes, and how much
 *
 * mime_envelope() is declared in mime.h.  To, Cc and Bcc may come more than
 * once and then count as one list (RFC 5322 section 4.5.3); of the other
 * fields the first counts.  A text field is cut at MIME_MAX_FIELD, an address
 * list at ENV_MAX_LIST bytes of its source, so that a hostile header cannot
 * make an ENVELOPE of its size.
 */
#ifndef IMAP_MIME_ENV_H
#define IMAP_MIME_ENV_H

enum { ENV_MAX_LIST = 1 << 20 };

#endif
