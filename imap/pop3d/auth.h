/*
 * auth.h - the AUTHORIZATION state (RFC 1939 section 4): who is this client?
 *
 * A machine: it is given a line, appends what is to be said to a buffer, and says
 * what has to come next.  It has no connection, no TLS and no password database,
 * and never waits; whoever drives it (door.c) has them.
 *
 *	AUTH_LINE	send, and give it the next line: auth_line(), or
 *			auth_too_long() for one that is longer than auth_line_max()
 *	AUTH_TLS	send, shake hands, auth_facts(), and go on as in AUTH_LINE
 *	AUTH_ASK	find out what .ask wants to know (login.h), then auth_answer()
 *	AUTH_END	send, and close
 *
 * Who is known at last is not the machine's affair: after a login that succeeded it
 * is not used any more, and who has opened the maildrop, or failed, answers.
 *
 * Nothing that came before TLS survives it: not a name, not a mode, not a language.
 */
#ifndef IMAP_POP3D_AUTH_H
#define IMAP_POP3D_AUTH_H

#include "imap/pop3d/reply.h"
#include "lib/conf.h"

enum {
	AUTH_RESPONSE_MAX = 16 * 1024,	/* a client's line of a SASL exchange */
	AUTH_BAD_MAX = 5,		/* bad commands in a row: then it ends */
	AUTH_FAILED_MAX = 5,		/* failed logins */
};

enum auth_next { AUTH_LINE, AUTH_TLS, AUTH_ASK, AUTH_END };

/* What is true of the connection at the moment. */
struct auth_facts {
	const char *mechanisms;		/* "PLAIN LOGIN"; "": none now */
	bool plaintext;			/* a password may come in the clear */
	bool may_start_tls;
	const char *apop;		/* APOP's challenge, "<...>"; NULL: no APOP */
};

enum auth_question { ASK_PASSWORD, ASK_APOP, ASK_START, ASK_STEP };

struct auth_ask {
	enum auth_question question;
	struct str name;		/* user or mechanism; good until the answer */
	struct str secret;		/* password, digest, response: raw bytes */
	bool has_initial;		/* ASK_START: there is a response already */
};

struct auth {
	const struct conf *conf;
	const char *host;		/* for the log */
	struct auth_facts facts;
	struct auth_ask ask;
	enum language language;
	bool utf8;
	/* Inside. */
	struct buf mechanisms, apop;
	struct buf name, secret;
	bool has_name;			/* USER was the last command */
	bool in_exchange;		/* the next line is a SASL response */
	unsigned bad, failed;
};

/* CONF and HOST must live as long as it. */
void auth_init(struct auth *a, const struct conf *conf, const char *host);
void auth_fini(struct auth *a);

/* Before the greeting, and after TLS has started; copied. */
void auth_facts(struct auth *a, const struct auth_facts *f);

void auth_greet(struct auth *a, const char *hostname, struct buf *out);

size_t auth_line_max(const struct auth *a);

/* LINE is without CRLF. */
enum auth_next auth_line(struct auth *a, struct str line, struct buf *out) MUST_CHECK;
enum auth_next auth_too_long(struct auth *a, struct buf *out) MUST_CHECK;

/*
 * What login.h has said, but for OK, to .ask.  SAID is the challenge with ERR_AGAIN,
 * else login_why().
 */
enum auth_next auth_answer(struct auth *a, enum err e, struct str said,
    struct buf *out) MUST_CHECK;

#endif
