/*
 * run.h - one measurement: who takes part, when the clock runs, what came of it
 *
 * A run has players: event-driven clients, each with connections of its own.
 * All set themselves up first (log in, select, make a mailbox) and say so with
 * run_ready().  When the last is ready the clock starts and each is told to
 * go.  From then on a player takes an operation, does it and reports it, until
 * there is none left; when the last has left, the clock stops.  Players then
 * tidy up and quit; when all have quit, run_play() returns.
 *
 * Operations are numbered from 0 across all players.  They end after .count of
 * them, or when .seconds have passed, whichever comes first (0: no such
 * limit).  Whatever was begun is waited for.
 *
 * The first failure ends the run: its figures mean nothing.
 */
#ifndef TEST_BENCH_RUN_H
#define TEST_BENCH_RUN_H

#include "lib/buf.h"
#include "lib/poll.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct params {
	const char *imap, *lmtp, *pop3;	/* addresses, "host:port"; pop3: or NULL */
	const char *user;		/* "u####@example.com": # are digits */
	const char *password;
	const char *mailbox;		/* for the workloads that need one */
	const char *target;		/* for those that need another */
	const char *stamp;		/* makes names and Message-IDs unique */
	unsigned connections;
	unsigned first_user, users;
	unsigned recipients;		/* of a message */
	uint64_t count;
	double seconds;
	double patience;		/* seconds without any progress: failure */
	enum { TLS_NO, TLS_FULL, TLS_RESUMED } tls;	/* from the first byte */
	pid_t pid;			/* root of the server's processes, or 0 */
};

struct player {
	struct run *run;
	unsigned number;		/* 0 .. connections - 1 */
	void (*go)(struct player *);
};

struct run {
	const struct params *params;
	struct poll *poll;
	unsigned players, ready, left, gone;
	struct player **player;
	uint64_t taken, ops, units, bytes;
	double began, ended;
	double *latency;		/* of each operation, in seconds */
	size_t latency_size;
	double server_cpu, client_cpu;	/* seconds while the clock ran */
	double progress;		/* when something was last heard */
	uint64_t hits;			/* of the last search */
	double pss_before, pss_after;	/* kB, where memory was measured */
	unsigned processes;
	SSL_CTX *tls;			/* conn.c's; NULL: not needed yet */
	struct ssl_session_st *session;	/* the first, which others resume */
	uint64_t resumed;		/* handshakes */
	const char *skipped;		/* why it cannot be run, or NULL */
	char failure[512];		/* empty: none */
};

double run_now(void);

void run_init(struct run *run, const struct params *params);
void run_free(struct run *run);

/* P takes part, as the next number; it must live until run_play() is over. */
void run_join(struct run *run, struct player *p, void (*go)(struct player *));

void run_play(struct run *run);

void run_ready(struct run *run);

/* The next operation's number; false: leave. */
bool run_take(struct run *run, uint64_t *op);

/* An operation begun at BEGAN is done and was worth so many UNITS. */
void run_done(struct run *run, double began, uint64_t units);

/* What searches found; the same each time, or the run has failed. */
void run_found(struct run *run, uint64_t hits);

void run_leave(struct run *run);
void run_quit(struct run *run);

/* The server cannot do this at all: no failure, but no figure either. */
void run_skip(struct run *run, const char *why);

void run_fail(struct run *run, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The name of user N: the pattern with its digits filled in. */
void run_user(const struct params *p, unsigned n, struct buf *out);

/* The latency that the share Q (0..1) of all operations does not exceed. */
double run_quantile(struct run *run, double q);

#endif
