/*
 * table.h - who is connected, who is logged in, who has guessed wrong
 *
 * Counts over all processes, by protocol (imap, pop, lmtp, sieve), address and
 * account; and how often passwords were wrong, by address and by account over
 * all protocols.  Pure logic: time is an argument (milliseconds, monotonic),
 * so that tests need not wait.
 *
 * Addresses.  An IPv6 client has a /64 of his own, so that counts.  The zero
 * address is nobody's: it is not counted (networks that are exempt).
 *
 * Failures.  The first TABLE_FREE of a key cost the base pause; each further
 * one doubles it up to the cap, and while it lasts further attempts queue up
 * behind each other, wherever they come from.  One that would have to wait
 * longer than the cap is refused unseen.  A key without a failure for
 * TABLE_MEMORY_MS is as good as new.  Whoever has logged in from an address to
 * an account within TABLE_FRIEND_MS and has not failed TABLE_FREE times in a row
 * since is not slowed down by what others do: neither a neighbour behind the
 * same address nor somebody far away who guesses at the account can lock him
 * out.
 *
 * Memory.  Some 150 bytes a key; at TABLE_KEYS_MAX the one idle for longest is
 * forgotten.
 */
#ifndef IMAP_LIMITD_TABLE_H
#define IMAP_LIMITD_TABLE_H

#include "imap/server/limits_wire.h"

#include <stddef.h>
#include <stdint.h>

enum {
	TABLE_FREE = 3,
	TABLE_MEMORY_MS = 15 * 60 * 1000,
	TABLE_FRIEND_MS = 7 * 24 * 3600 * 1000,
	TABLE_KEYS_MAX = 500 * 1000,
};

struct table;
struct table_session;			/* one connection of a client */

struct table *table_new(void);
void table_free(struct table *t);	/* NULL is allowed */

/* Refused: LIMITS_ALL, LIMITS_HOST; then *s is NULL. */
enum limits_verdict table_connect(struct table *t, const struct limits_request *r,
    struct table_session **s);

/* Refused: LIMITS_USER, LIMITS_HOST_LOGINS.  One that is logged in is logged out first. */
enum limits_verdict table_login(struct table *t, struct table_session *s,
    const struct limits_request *r);
void table_logout(struct table *t, struct table_session *s);

/* Gives everything back. */
void table_close(struct table *t, struct table_session *s);

/*
 * Before a password is looked at: *pause_ms is how long its answer must wait,
 * whatever it is.  Refused: LIMITS_FAILURES.
 */
enum limits_verdict table_attempt(struct table *t, const struct limits_request *r,
    int64_t now, uint32_t *pause_ms);

/* It was wrong: how long the answer must wait. */
void table_failed(struct table *t, const struct limits_request *r, int64_t now,
    uint32_t *pause_ms);

/* It was right. */
void table_proved(struct table *t, const struct limits_request *r, int64_t now);

size_t table_keys(const struct table *t);

#endif
