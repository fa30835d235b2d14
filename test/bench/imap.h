/*
 * imap.h - an IMAP client that counts instead of reading
 *
 * Sends one command at a time and hands over what became of it; of untagged
 * responses only the kinds and the numbers in them are looked at, literals
 * are skipped, so that one processor feeds any server.
 *
 * A command that is answered NO is given to the player as IMAP_NO; BAD, and
 * anything that is no IMAP, is a failure of the run.
 */
#ifndef TEST_BENCH_IMAP_H
#define TEST_BENCH_IMAP_H

#include "lib/str.h"
#include "test/bench/conn.h"

enum imap_event {
	IMAP_GREETED,
	IMAP_OK,
	IMAP_NO,		/* .last is the server's text */
	IMAP_PLUS,		/* it wants the literal, or idles */
	IMAP_EXISTS,		/* untagged, at any time; .exists is set */
	IMAP_CLOSED,
};

enum {
	IMAP_SORT = 1 << 0,
	IMAP_MOVE = 1 << 1,
	IMAP_LITERAL_PLUS = 1 << 2,
	IMAP_IDLE = 1 << 3,
	IMAP_REFERENCES = 1 << 4,	/* THREAD=..., the next two as well */
	IMAP_ORDEREDSUBJECT = 1 << 5,
	IMAP_REFS = 1 << 6,
	IMAP_QRESYNC = 1 << 7,
	IMAP_LIST_STATUS = 1 << 8,
};

/* What has come since the command was sent. */
struct imap_tally {
	uint64_t fetches, expunges, statuses, literal_bytes;
	uint64_t hits;			/* numbers in SEARCH, SORT and THREAD */
};

struct imap {
	struct conn conn;
	void (*heard)(struct imap *, enum imap_event);
	void *ctx;			/* the player's */
	unsigned tag;
	uint64_t literal_left;
	bool in_response;		/* a literal was in it; more may follow */
	struct imap_tally tally;
	uint64_t exists;
	uint64_t uidvalidity, modseq;	/* as they were told first; 0: not yet */
	unsigned capabilities;
	char prefix[64];		/* of personal mailboxes */
	char last[256];
};

void imap_init(struct imap *c, struct run *run,
    void (*heard)(struct imap *, enum imap_event), void *ctx);
void imap_open(struct imap *c);
void imap_close(struct imap *c);

/* Sends COMMAND with a tag before and CRLF after it, and forgets the tally. */
void imap_send(struct imap *c, struct str command);
void imap_send_text(struct imap *c, const char *command);

/* The same, with a literal that is sent when the server is ready for it; with
 * LITERAL+ at once.  MESSAGE must live until the answer. */
void imap_append(struct imap *c, struct str command, struct str message);

/* Sends bytes as they are: the literal, or DONE. */
void imap_send_raw(struct imap *c, struct str bytes);

/* Sends LOGIN as user N of the run's. */
void imap_login(struct imap *c, unsigned n);

#endif
