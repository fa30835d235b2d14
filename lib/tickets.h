/*
 * tickets.h - the keys of TLS session tickets, shared by processes
 *
 * A ticket is a client's TLS session, encrypted by us and kept by the client
 * (RFC 5077, RFC 8446 section 4.6.1).  For a session that began with one
 * process to be resumed by another, all must have the same keys; for its
 * secrecy to last, the keys must be gone soon.  So there is one page of memory
 * with two keys, the current and the previous one.  It has one writer: master.
 * The kernel lets nobody else map it for writing (F_SEAL_FUTURE_WRITE), and it
 * is in no file system, so the keys are never on a disk.
 *
 * Time.  New tickets are made with the current key for PERIOD seconds, half
 * the time that a session may live (at most 12 hours); then it is the previous
 * one for as long, and then it is overwritten.  So a session can be resumed for
 * at least PERIOD and no key is older than twice that.  A reader looks at the
 * keys' ages himself: if the writer is gone, tickets cease, too.
 *
 * Locks.  None.  A reader who meets the writer in the act reads again.
 */
#ifndef LIB_TICKETS_H
#define LIB_TICKETS_H

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	TICKET_NAME = 16, TICKET_SECRET = 32,
	TICKET_PERIOD_MAX = 12 * 3600,
};

struct ticket_key {
	uint8_t name[TICKET_NAME];	/* goes with the ticket in the clear */
	uint8_t cipher[TICKET_SECRET], mac[TICKET_SECRET];
	int64_t born;			/* ms of CLOCK_BOOTTIME; 0: no key */
};

struct tickets;

/*
 * The writer's side: a page with one new key, for sessions that live as long
 * as LIFETIME seconds (at least 2).  ERR_IO (logged).
 */
enum err tickets_new(int64_t lifetime, struct tickets **t) MUST_CHECK;

/*
 * Goes on with the keys of a former writer's page, which FD (the caller's) is
 * for reading of; with new ones if it is no such page.
 */
void tickets_inherit(struct tickets *t, int fd);

/* A descriptor for readers, open for reading only; stays T's. */
int tickets_fd(const struct tickets *t);

/* Changes keys if it is time; says in how many ms it will be the next time. */
int64_t tickets_rotate(struct tickets *t);

/*
 * The reader's side, from tickets_fd() as it was inherited; FD stays the
 * caller's.  ERR_CORRUPT (logged) if it is no such page.
 */
enum err tickets_open(int fd, struct tickets **t) MUST_CHECK;

void tickets_close(struct tickets *t);	/* NULL is allowed; the keys are wiped */

/*
 * The key for new tickets; the key named NAME and whether it is the current
 * one.  False: there is none.  The caller wipes his copy.  If T is the writer
 * it rotates by the way.
 */
bool tickets_current(struct tickets *t, struct ticket_key *key);
bool tickets_find(struct tickets *t, const uint8_t name[TICKET_NAME],
    struct ticket_key *key, bool *is_current);

#endif
