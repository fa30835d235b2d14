/*
 * workload.h - what can be measured
 *
 * A workload of commands is data: commands that set it up, commands that are
 * measured in turn, and commands that tidy up.  In a command
 *
 *	%m	--mailbox, with the prefix unless it is INBOX
 *	%p	what the names of personal mailboxes begin with
 *	%s	the stamp and the player's number: for names of its own
 *	%n	a message: 1, 2, ... as operations go by, round and round
 *	%h	the same at half the speed: 1, 1, 2, 2, ...
 *	%a:%b	the next .window messages, round and round
 *	%j	ten messages, spread over all
 *	%t	--target, the name of a second mailbox, with the prefix
 *	%v %q	UIDVALIDITY and HIGHESTMODSEQ as the session heard them first
 *	%f	+ and - in turn
 *
 * A set-up command that begins with '?' may be answered NO.
 */
#ifndef TEST_BENCH_WORKLOAD_H
#define TEST_BENCH_WORKLOAD_H

#include <stdint.h>

enum kind {
	COMMANDS,
	LOGINS,			/* connect, LOGIN, LOGOUT */
	APPENDS,		/* each to a mailbox of its own */
	FILL,			/* APPEND to %m, with flags and dates */
	DELIVERIES,
	NOTICES,		/* deliver, and wait for the news in IDLE */
	POP,			/* log in, STAT, UIDL, perhaps RETR of all, QUIT */
	IDLERS,			/* how much memory sessions cost */
};

/* What is counted, and what a right answer must have brought. */
enum unit {
	OPERATIONS,
	ALL_FETCHED,		/* a FETCH response for each message there is */
	WINDOW_FETCHED,		/* ... for each message of the window */
	ONE_FETCHED,
	WINDOW_EXPUNGED,
	ALL_EXPUNGED,
	TEN_FETCHED,		/* what %j stands for, and no more */
	WINDOW_STATUSES,	/* as many STATUS responses */
	WINDOW,			/* nothing comes but OK */
	HITS,			/* one operation; the numbers are reported */
};

enum { WORKLOAD_COMMANDS = 8 };

struct workload {
	const char *name, *about;
	enum kind kind;
	enum unit unit;
	unsigned window;
	unsigned needs;			/* enum of imap.h, or 0 */
	const char *setup[WORKLOAD_COMMANDS];
	const char *first;		/* sent before each one, and a part of it; or NULL */
	const char *measured;
	const char *cleanup[WORKLOAD_COMMANDS];
	uint64_t count;			/* unless told otherwise */
	double seconds;
};

extern const struct workload workloads[];
extern const unsigned n_workloads;

/* NULL if there is none of that name. */
const struct workload *workload_find(const char *name);

#endif
