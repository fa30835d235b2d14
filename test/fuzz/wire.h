/*
 * wire.h - the other end of a connection, played by a fuzz target
 *
 * A pair of sockets or two pipes, and a poll(2) that stands for the C
 * library's: whenever lib/stream.c waits, the wire moves - the next piece of
 * the input arrives, or what was sent is taken away - so that one thread
 * plays both ends, and the input alone says what arrives when.
 */
#ifndef TEST_FUZZ_WIRE_H
#define TEST_FUZZ_WIRE_H

#include "lib/buf.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>

struct wire {
	int rfd, wfd;			/* for stream_new(), which closes them */
	int from, to;			/* our ends of them; -1: hung up */
	struct str left;		/* what has not arrived yet */
	struct str plan;		/* how long each piece is; {NULL, 0}: one piece */
	size_t step;
	bool mute;			/* nothing moves any more */
	bool signal;			/* the last wait ended by one */
	struct buf got;			/* what was sent to us */
};

/* There is one at a time. */
void wire_open(struct wire *w, struct str bytes, struct str plan, bool pipes);

/* Takes away what has been sent. */
void wire_drain(struct wire *w);

/* Reads no more. */
void wire_hang_up(struct wire *w);

void wire_close(struct wire *w);

#endif
