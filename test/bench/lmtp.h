/*
 * lmtp.h - an LMTP client that delivers one message at a time
 *
 * As a mail relay does it: the envelope is pipelined (RFC 2920), the message
 * follows when the server says 354, and it counts when every recipient has
 * been answered 250 after the final dot.  Any other answer fails the run.
 */
#ifndef TEST_BENCH_LMTP_H
#define TEST_BENCH_LMTP_H

#include "lib/str.h"
#include "test/bench/conn.h"

enum lmtp_event {
	LMTP_READY,		/* greeted and introduced: deliver now */
	LMTP_SENT,		/* the final dot is on its way */
	LMTP_DELIVERED,		/* all recipients have it: deliver the next */
};

struct lmtp {
	struct conn conn;
	void (*heard)(struct lmtp *, enum lmtp_event);
	void *ctx;			/* the player's */
	int state;
	unsigned recipients, waiting;	/* replies until the state is over */
	struct str message;
};

void lmtp_init(struct lmtp *c, struct run *run,
    void (*heard)(struct lmtp *, enum lmtp_event), void *ctx);
void lmtp_open(struct lmtp *c);
void lmtp_close(struct lmtp *c);

/*
 * Delivers MESSAGE (CRLF, no line that begins with a dot; it must live until
 * LMTP_DELIVERED) to N users from FIRST on.
 */
void lmtp_deliver(struct lmtp *c, struct str message, uint64_t first, unsigned n);

#endif
