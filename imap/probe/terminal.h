/* terminal.h - the person who asks, and what he types */
#ifndef IMAP_PROBE_TERMINAL_H
#define IMAP_PROBE_TERMINAL_H

#include "imap/probe/wire.h"
#include "lib/buf.h"
#include "lib/err.h"

#include <stdbool.h>

/* Asks on the terminal, without an echo; false if there is none or nothing was typed. */
bool terminal_password(struct buf *password);

/*
 * Passes lines from FD to the server, LF as CRLF, and its answers to stdout.  At the
 * end of input LOGOUT is said.  Returns when the server has closed: OK, or why not.
 */
enum err terminal_talk(struct wire *w, int fd, const char *logout) MUST_CHECK;

#endif
