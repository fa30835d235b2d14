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

void send_lines(struct stream *s, struct str bytes);

/* The header, whose length is HEADER, and LINES lines of what is behind it. */
struct str send_top(struct str bytes, size_t header, uint64_t lines);

#endif
