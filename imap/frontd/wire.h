/*
 * wire.h - a connection's bytes: the client's socket, with or without TLS
 *
 * Nothing waits: what cannot be done now is tried again when the loop says so.
 */
#ifndef IMAP_FRONTD_WIRE_H
#define IMAP_FRONTD_WIRE_H

#include "imap/frontd/front.h"
#include "lib/err.h"

/*
 * Reads once, at most CHUNK bytes, and appends them to c->in.  ERR_AGAIN:
 * nothing has come; ERR_CLOSED: nothing more will; ERR_SYNTAX: bad TLS.
 */
enum err wire_read(struct conn *c) MUST_CHECK;

/* Sends of c->out what can be sent: OK also if some is left.  ERR_CLOSED. */
enum err wire_write(struct conn *c) MUST_CHECK;

/* May wire_read() have something although the socket is silent? */
bool wire_has_pending(const struct conn *c);

/*
 * What to wait for, if input is wanted; output is waited for when there is some.
 */
short wire_events(const struct conn *c, bool input);

/* Nothing more will be said: TLS is ended in order, and the sending half closed. */
void wire_end(struct conn *c);

#endif
