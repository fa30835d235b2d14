/*
 * limits.h - a worker's questions to limitd(8)
 *
 * One connection a process.  The answer is waited for, at most LIMITS_PATIENCE_MS;
 * limitd answers in some ten microseconds.  Where it is not there or does not
 * answer everything is allowed and a wrong password costs failedloginpause:
 * a daemon that has died must not close the house.  That is logged, once
 * until it is back.
 *
 * Limits that are 0 are not asked about and nobody waits, but sessions are counted
 * all the same: another service, or the same after a reload, may have one.
 *
 * Where a struct limits is asked for, NULL is allowed: nobody counts.
 */
#ifndef IMAP_SERVER_LIMITS_H
#define IMAP_SERVER_LIMITS_H

#include "imap/server/limits_wire.h"
#include "lib/conf.h"
#include "lib/err.h"

#include <stdbool.h>

enum { LIMITS_PATIENCE_MS = 1000 };

struct limits;

/*
 * PROTOCOL is SASL's name of the service: "imap", "pop", "lmtp", "sieve".
 * CONF outlives it.  Connects when first needed; never fails (a list of networks
 * that is none is logged, and empty).
 */
struct limits *limits_open(const struct conf *conf, const char *protocol);
void limits_close(struct limits *l);		/* NULL is allowed */

/*
 * For who is about to lose sight of the socket: connects by QUEUE from now on
 * (SVC_FRONT_LIMITS), which stays the caller's; -1: once, now.
 */
void limits_through(struct limits *l, int queue);

/*
 * The client at HOST ("192.0.2.1"; "local") has connected, is USERID from now
 * on, is nobody again, has gone.  One session at a time.  Everything but
 * LIMITS_OK means: send him away.
 */
enum limits_verdict limits_connected(struct limits *l, const char *host) MUST_CHECK;
/* The same of one who is about to be somebody: limitd need not hear of it before that. */
enum limits_verdict limits_arrived(struct limits *l, const char *host) MUST_CHECK;
enum limits_verdict limits_logged_in(struct limits *l, const char *userid) MUST_CHECK;
void limits_logged_out(struct limits *l);
void limits_disconnected(struct limits *l);

/* USERID is NULL below if he has not said who he is. */

/*
 * Somebody at HOST is about to prove that he is USERID: LIMITS_FAILURES if he must not be
 * heard now, else for how long the answer must wait whatever it is.
 */
enum limits_verdict limits_attempt(struct limits *l, const char *host, const char *userid,
    int *pause_ms) MUST_CHECK;

/* He could not: for how long the answer must wait, at least failedloginpause. */
int limits_failed(struct limits *l, const char *host, const char *userid);

/* He could. */
void limits_proved(struct limits *l, const char *host, const char *userid);

/*
 * For who has many connections and waits for none, instead of limits_connected()
 * and limits_disconnected(); he numbers them.  limits_ask(): the verdict comes by
 * limits_hear(), in the order of the questions, when limits_fd() is readable;
 * false: nobody counts, so he may come.  limits_hear(): ERR_AGAIN: nothing yet;
 * ERR_CLOSED: none of the answers will come.  limits_give_up(): nor wanted any more.
 * Without limits_of_connections() there is nothing to ask.
 */
bool limits_of_connections(const struct limits *l);
bool limits_ask(struct limits *l, const char *host, uint32_t session) MUST_CHECK;
void limits_tell_gone(struct limits *l, uint32_t session);
int limits_fd(const struct limits *l);
enum err limits_hear(struct limits *l, enum limits_verdict *verdict) MUST_CHECK;
void limits_give_up(struct limits *l);

/* "Too many connections from your address": for the client.  Not for LIMITS_OK. */
const char *limits_why(enum limits_verdict verdict);
/* The option that says so, for the log. */
const char *limits_option(enum limits_verdict verdict);

#endif
