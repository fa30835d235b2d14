/*
 * handover.h - from the process that had a client to the one that serves him
 *
 * Before login a client is frontd's; who he is is found out by authd; what
 * comes after is a worker's.  Two things pass between them:
 *
 * A grant is authd's word that somebody has logged in: who, for which
 * service, and when, sealed by HMAC-SHA-256 with a key that master makes and
 * that frontd does not have (grant_key_new()).  So a frontd that somebody has
 * taken over can be nobody but those who have just logged in through it.
 *
 * A hand-over is frontd's message to a worker, with the grant, what is known
 * of the connection, and what the client has said already; it travels over
 * the service's queue (pass.h) with the connection and one end of a control
 * pair.  All of it but the grant is frontd's word only: nothing in it may
 * decide what the user may do.
 *
 * Ownership.  What was decoded or opened points into the message.
 */
#ifndef LIB_HANDOVER_H
#define LIB_HANDOVER_H

#include "lib/buf.h"
#include "lib/digest.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Kinds of messages (fields.h) that are sent between our processes, all of them. */
enum message_kind {
	MESSAGE_GRANT = 1,		/* the inside of a sealed one */
	MESSAGE_HANDOVER = 2,		/* frontd to worker */
	MESSAGE_BACK = 3,		/* worker to frontd: the client is nobody again */
	MESSAGE_LISTENER = 4,		/* master to frontd (svc_front.h) */
	MESSAGE_WHICH_GROUPS = 5,	/* worker, by way of frontd, to authd */
	MESSAGE_GROUPS = 6,		/* the inside of what authd answers, sealed */
	/* from 16 on: frontd and authd (imap/server/dialogue.h) */
};

enum {
	GRANT_KEY = 32,
	GRANT_SERIAL = 16,
	GRANT_MAX = 48 * 1024,		/* a sealed one */
	GRANT_MS = 60 * 1000,		/* how long it is good */
	HANDOVER_PENDING = 64 * 1024,	/* of what the client has said already */
};

enum grant_flags {
	GRANT_ADMIN = 1,
	GRANT_ANONYMOUS = 2,
	GRANT_BY_ACL = 4,		/* these are as in struct user_grant (user.h) */
	GRANT_GROUPS_DOUBTFUL = 8,
	GRANT_OWN_GROUPS_DOUBTFUL = 16,
	GRANT_GROUPS_LATER = 32,	/* .groups has not been looked up: groups_ask_encode() */
};

struct grant {
	const char *service;		/* name in cyrus.conf */
	const char *userid;		/* in internal form */
	const char *authcid;
	struct str groups, own_groups;	/* C strings, one behind the other */
	struct str folder;		/* POP3: below his INBOX, in his own words; or none */
	uint64_t flags;			/* enum grant_flags */
	struct str serial;		/* random */
	uint64_t at_ms;			/* CLOCK_MONOTONIC: of this machine since it started */
};

/*
 * A new key, as a descriptor that can be inherited and not be changed; any
 * number of processes may read it.  -1 (logged) if the system has no room.
 */
int grant_key_new(void);

/* False: FD has no key. */
bool grant_key_read(int fd, uint8_t key[GRANT_KEY]);

/* Milliseconds for .at_ms. */
uint64_t grant_clock(void);

/* Appends G, with a serial number and the time of now, sealed.  ERR_LIMIT, ERR_SYNTAX. */
enum err grant_seal(const uint8_t key[GRANT_KEY], const struct grant *g, struct buf *out) MUST_CHECK;

/*
 * Opens one for SERVICE at NOW.  ERR_DENIED: not sealed with KEY, or for
 * another service, or of the future; ERR_TIMEOUT: right, but too old; ERR_SYNTAX.
 */
enum err grant_open(const uint8_t key[GRANT_KEY], struct str sealed, const char *service,
    uint64_t now, struct grant *g) MUST_CHECK;

/*
 * The groups of who has a grant, when a worker needs them: it asks with the
 * grant, however old, and the answer is that grant with .groups, sealed again.
 * It is none that anybody could log in with.
 */
enum err groups_ask_encode(struct str grant, struct buf *out) MUST_CHECK;
enum err groups_ask_decode(struct str message, struct str *grant) MUST_CHECK;
enum err groups_seal(const uint8_t key[GRANT_KEY], const struct grant *g, struct buf *out) MUST_CHECK;
/* ERR_DENIED also: it is the answer to another grant than the one with SERIAL. */
enum err groups_open(const uint8_t key[GRANT_KEY], struct str sealed, struct str serial,
    struct grant *g) MUST_CHECK;

/* How the client logged in: what the worker's answer ends. */
enum handover_command {
	HANDOVER_LOGIN = 1,		/* IMAP LOGIN, POP3 PASS */
	HANDOVER_AUTHENTICATE = 2,	/* AUTHENTICATE, AUTH */
	HANDOVER_APOP = 3,
};

/* With it come the connection and one end of the control pair. */
struct handover {
	struct str grant;		/* sealed */
	uint64_t command;		/* enum handover_command */
	struct str tag;			/* IMAP: of that command */
	const char *host;		/* "192.0.2.1", "local" */
	const char *local_ip_port, *remote_ip_port;	/* for SASL; NULL: not IP */
	uint64_t is_local;		/* loopback, UNIX socket */
	const char *tls_version, *tls_cipher;	/* NULL: no TLS */
	uint64_t tls_bits;
	const char *language;		/* NULL: the default */
	uint64_t utf8;			/* POP3: UTF8 was said; */
	struct str mechanisms;		/*   what CAPA has announced */
	uint64_t plaintext;
	uint64_t layer;			/* bits of a security layer that somebody else applies */
	struct str pending;		/* what the client has said behind that command */
};

enum err handover_encode(const struct handover *h, struct buf *out) MUST_CHECK;
enum err handover_decode(struct str message, struct handover *h) MUST_CHECK;

/*
 * The connection comes back over the control pair (RFC 8437), with the descriptor
 * that was handed over.  Of one under a security layer only this is said, and
 * before the last word under it: who relays it lets nothing in behind that.
 */
struct handover_back {
	struct str pending;		/* read, but not used */
	const char *language;		/* NULL: the default */
};

enum err handover_back_encode(const struct handover_back *b, struct buf *out) MUST_CHECK;
enum err handover_back_decode(struct str message, struct handover_back *b) MUST_CHECK;

#endif
