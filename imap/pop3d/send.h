/*
 * send.h - a message as lines of an answer (RFC 1939 section 3)
 *
 * A line that begins with a dot gets a second one, and the end is a line with a
 * single dot, whatever the message ends in.  Bytes go to the stream from where they
 * lie, in runs between such lines.
 */
#ifndef IMAP_POP3D_SEND_H
#define IMAP_POP3D_SEND_H

#include "lib/str.h"
#include "lib/stream.h"

#include <stdint.h>

/* A message in two parts; HEADER ends in CRLF unless BODY is empty. */
void send_lines(struct stream *s, struct str header, struct str body);

/* The first LINES lines. */
struct str send_top(struct str body, uint64_t lines);

#endif
