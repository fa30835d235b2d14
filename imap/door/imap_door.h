/*
 * imap_door.h - IMAP before login, as a machine: bytes in, bytes out
 *
 * See machine.h.  It assembles one command at a time out of what has come (RFC
 * 9051 section 4.3: with its literals) and answers CAPABILITY, NOOP, LOGOUT, ID,
 * LANGUAGE.
 *
 * When the answer is a grant the machine has done its work: the command that is
 * still to be answered is .tag and .command, for the hand-over, and what has
 * not been fed for the worker.
 *
 * Memory.  A connection that says nothing has the struct only; a command costs
 * what it is long, at most 64 KiB, and is wiped afterwards.
 */
#ifndef IMAP_DOOR_IMAP_DOOR_H
#define IMAP_DOOR_IMAP_DOOR_H

#include "imap/door/machine.h"
#include "imap/imapd/proto/literal.h"
#include "imap/server/dialogue.h"
#include "imap/server/language.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

struct imap_door {
	const struct conf *conf;	/* of the service */
	const char *host;		/* of the client, for the log */
	struct door_facts facts;
	struct buf mechanisms;		/* .facts' */
	enum language language;
	/* A question, while DOOR_ASK is not answered; it points into .text and .answer. */
	struct dialogue_ask ask;
	struct buf tag;			/* of the command that logs in */
	unsigned command;		/* enum handover_command */
	unsigned bad, failed;		/* commands in a row; logins */
	/* A command on its way. */
	enum { AT_LINE, AT_LITERAL, AT_SKIP, AT_RESPONSE } at;
	struct buf text;		/* without the last line's end */
	uint64_t passed;		/* bytes of its last line so far */
	uint64_t left;			/* of a literal */
	bool cut;			/* the last line did not fit, and ends so: */
	struct line_tail tail;
	enum err refused;		/* and why, if it is */
	const char *problem, *code;
	struct buf answer;		/* of the client to a challenge, decoded */
	struct buf name, secret;	/* of LOGIN */
};

void imap_door_init(struct imap_door *d, const struct conf *conf, const char *host);
void imap_door_fini(struct imap_door *d);

/* Before the greeting, and when TLS is there or what may be offered is another; copied. */
void imap_door_facts(struct imap_door *d, const struct door_facts *facts);

/* The greeting. */
void imap_door_greet(struct imap_door *d, const char *hostname, struct buf *out);

/* Takes what it can use of IN, at most one command, and says how much that was. */
enum door_next imap_door_feed(struct imap_door *d, struct str in, size_t *used,
    struct buf *out) MUST_CHECK;

/* What authd says to .ask; not for a grant. */
enum door_next imap_door_answer(struct imap_door *d, const struct dialogue_answer *a,
    struct buf *out) MUST_CHECK;

/* "* BYE TEXT" */
void imap_door_bye(const char *text, struct buf *out);

#endif
