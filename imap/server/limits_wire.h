/*
 * limits_wire.h - what passes between limitd(8) and those who ask it
 *
 * Through a UNIX stream socket (option limitsocket, mode 0660): requests and
 * answers of fixed size, host byte order, each request with one answer but
 * those that tell only and those that are quiet, in the order of the requests.  Sessions are
 * numbered by who asks (a worker has one, 0).  When the connection ends all
 * its sessions have.
 */
#ifndef IMAP_SERVER_LIMITS_WIRE_H
#define IMAP_SERVER_LIMITS_WIRE_H

#include "lib/netset.h"

#include <stdint.h>

enum limits_op {
	LIMITS_OP_CONNECT = 'c',	/* protocol, address; max: in all, per address */
	LIMITS_OP_LOGIN = 'l',		/* account; max: of the account, of the address */
	LIMITS_OP_LOGOUT = 'o',		/* only tells */
	LIMITS_OP_CLOSE = 'x',		/* only tells */
	LIMITS_OP_ATTEMPT = 'a',	/* address, account; base and cap of pauses */
	LIMITS_OP_FAILED = 'f',		/* the same */
	LIMITS_OP_PROVED = 'p',		/* address, account; only tells */
};

enum limits_verdict {
	LIMITS_OK = 0,
	LIMITS_ALL,			/* maxconnections */
	LIMITS_HOST,			/* maxconnections_per_host */
	LIMITS_USER,			/* maxlogins_per_user */
	LIMITS_HOST_LOGINS,		/* maxlogins_per_host */
	LIMITS_FAILURES,		/* too many wrong passwords */
	LIMITS_VERDICTS
};

enum limits_protocol {
	LIMITS_IMAP, LIMITS_POP, LIMITS_LMTP, LIMITS_SIEVE, LIMITS_OTHER, LIMITS_PROTOCOLS
};

enum { LIMITS_SESSIONS_MAX = 1 << 20 };	/* of one who asks */

struct limits_account {			/* SHA-256 of the canonical userid, cut */
	uint8_t b[16];
};

struct limits_request {
	uint8_t op, protocol;
	uint8_t quiet;			/* 1: no answer is wanted, for there is no limit */
	uint8_t zero;
	uint32_t session;
	struct netaddr address;		/* all 0: exempt */
	struct limits_account account;
	uint32_t max_all, max_one;	/* 0: no limit; or base and cap in ms */
};

struct limits_answer {
	uint8_t op, verdict, zero[2];
	uint32_t session;
	uint32_t pause_ms;
};

#endif
