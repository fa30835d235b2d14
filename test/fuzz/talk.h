/*
 * talk.h - up to two clients and the sessions that serve them, in one process
 *
 * A script is what the clients send, in the order in which it comes:
 *
 *	0x1b C	somebody else comes by and does what the byte C tells (visit)
 *	0x1c	this client closes its connection; the other goes on
 *	0x1d C	the byte C, whatever it is
 *	0x1e	the end of a packet: a read gives nothing from behind it
 *	0x1f	the other client goes on
 *
 * and each other byte as it is.  It begins with the first client, which is
 * the only one if nobody else is called.  Its end closes both connections.
 *
 * Each session is served in a thread of its own, but only one of them runs at
 * a time, and another one only when it waits for its client: a script has one
 * result.
 */
#ifndef TEST_FUZZ_TALK_H
#define TEST_FUZZ_TALK_H

#include "lib/buf.h"
#include "lib/stream.h"

enum { TALK_SIDES = 2 };

struct talk {
	struct str script;
	/* What each says before the script begins. */
	struct str prelude[TALK_SIDES];
	/* Serves one client; I is 0 or 1. */
	void (*serve)(void *ctx, int i, struct stream *s);
	/* Whenever no session runs that is not waiting.  May be NULL. */
	void (*visit)(void *ctx, unsigned char what);
	void *ctx;
	/* What each has sent and has been told. */
	struct buf sent[TALK_SIDES], got[TALK_SIDES];
};

/* Is anybody called but the first client? */
bool talk_is_for_two(struct str script);

/* Returns when all sessions have ended. */
void talk_run(struct talk *t);

#endif
