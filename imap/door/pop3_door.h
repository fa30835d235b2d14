/*
 * pop3_door.h - POP3's AUTHORIZATION state (RFC 1939 section 4), as a machine
 *
 * See machine.h.  It is fed with bytes and takes a line at a time; a line that is
 * longer than POP3_RESPONSE_MAX is read to its end and refused.  Both frontd
 * and pop3d drive it, so what a client hears is the same.
 *
 * Who is known at last is not the machine's affair: after a login that succeeded it
 * is not used any more, and who has opened the maildrop, or failed, answers.
 *
 * Nothing that came before TLS survives it: not a name, not a mode, not a language.
 *
 * Memory.  A connection that says nothing has the struct, its mechanisms and its
 * challenge; a line costs what it is long, at most 16 KiB, and is wiped afterwards.
 */
#ifndef IMAP_DOOR_POP3_DOOR_H
#define IMAP_DOOR_POP3_DOOR_H

#include "imap/door/machine.h"
#include "imap/door/pop3_reply.h"
#include "imap/server/dialogue.h"
#include "lib/conf.h"

enum {
	POP3_RESPONSE_MAX = 16 * 1024,	/* a client's line of a SASL exchange */
	POP3_BAD_MAX = 5,		/* bad commands in a row: then it ends */
	POP3_FAILED_MAX = 5,		/* failed logins */
};

struct pop3_door {
	const struct conf *conf;	/* of the service */
	const char *host;		/* of the client, for the log */
	struct door_facts facts;
	struct dialogue_ask ask;	/* a question, while DOOR_ASK is not answered */
	unsigned command;		/* enum handover_command: what asks */
	enum language language;
	bool utf8;
	/* Inside. */
	struct buf mechanisms, apop;	/* .facts' */
	struct buf line;		/* of which some has come */
	bool too_long;
	struct buf name, secret;
	bool has_name;			/* USER was the last command */
	bool in_exchange;		/* the next line is a SASL response */
	bool greeted;
	unsigned bad, failed;
};

/* CONF and HOST must live as long as it. */
void pop3_door_init(struct pop3_door *d, const struct conf *conf, const char *host);
void pop3_door_fini(struct pop3_door *d);

/*
 * Before the greeting, and after TLS has started; copied.  The challenge is the
 * greeting's, also after TLS: there is no other.
 */
void pop3_door_facts(struct pop3_door *d, const struct door_facts *facts);

void pop3_door_greet(struct pop3_door *d, const char *hostname, struct buf *out);

/* Takes what it can use of IN, at most one line, and says how much that was. */
enum door_next pop3_door_feed(struct pop3_door *d, struct str in, size_t *used,
    struct buf *out) MUST_CHECK;

/* What is said to .ask; not for a grant. */
enum door_next pop3_door_answer(struct pop3_door *d, const struct dialogue_answer *a,
    struct buf *out) MUST_CHECK;

#endif
