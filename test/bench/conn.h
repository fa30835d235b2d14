/*
 * conn.h - one connection to the server under test
 *
 * Never blocks but in conn_open().  Everything that arrives is handed over in
 * .in, and .received is called; what that leaves there is given again with the
 * bytes that follow.  When the server closes, .closed is called and the
 * connection may be opened anew.
 */
#ifndef TEST_BENCH_CONN_H
#define TEST_BENCH_CONN_H

#include "lib/buf.h"
#include "test/bench/run.h"

struct conn {
	struct run *run;
	void *ctx;			/* the owner's */
	int fd;				/* -1: not open */
	SSL *ssl;			/* NULL: without TLS */
	bool shaken;			/* its handshake is over */
	struct buf in, out;
	void (*received)(struct conn *);
	void (*closed)(struct conn *);
};

void conn_init(struct conn *c, struct run *run, void (*received)(struct conn *),
    void (*closed)(struct conn *), void *ctx);

/* A failure is the run's. */
void conn_open(struct conn *c, const char *address);

void conn_send(struct conn *c, const void *p, size_t n);

/* Closes and gives the memory back; for one that is not open too. */
void conn_close(struct conn *c);

#endif
