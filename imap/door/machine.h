/*
 * machine.h - what the protocols before login have in common
 *
 * Each is a machine, bytes in, bytes out, for a process that has many connections
 * and waits for none (frontd).  It answers what is legal before login as a
 * worker would, and says what it needs for the rest; X is imap or pop3:
 *
 *	X_door_feed -> DOOR_READ	all has been taken; more is needed
 *	            -> DOOR_NEXT	one command is answered, perhaps the next is there
 *	            -> DOOR_TLS		send what is in OUT, then TLS; then X_door_facts()
 *	            -> DOOR_ASK		see .ask; go on with X_door_answer()
 *	            -> DOOR_END		send what is in OUT, then close
 *
 * When the answer is a grant the machine has done its work: the command that is
 * still to be answered is the worker's, and so is what has not been fed.
 */
#ifndef IMAP_DOOR_MACHINE_H
#define IMAP_DOOR_MACHINE_H

#include "lib/str.h"

#include <stdbool.h>

enum door_next { DOOR_READ, DOOR_NEXT, DOOR_TLS, DOOR_ASK, DOOR_END };

/* What can be said of the connection now. */
struct door_facts {
	struct str mechanisms;		/* IMAP "AUTH=PLAIN ...", POP3 "PLAIN ...", or nothing */
	bool plaintext;			/* a password may come in the clear */
	bool may_start_tls, is_tls;
	struct str apop;		/* POP3: a challenge for the greeting, or nothing */
};

#endif
