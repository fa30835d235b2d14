/*
 * login.h - before login: who is this client?
 *
 * A struct login is a dialogue with a client whose user is not known yet: the
 * SASL exchange and the policy on passwords.  What comes out is an identity.
 *
 * It knows no stream and never waits for the client: what it must know of the
 * connection is plain data, a step is bytes in and bytes out, and where the
 * client is to be slowed down the caller is told by how much.  So it can run
 * in a process that has never seen the client's connection.  (A step can
 * block on a password database.)
 *
 * Policy.  Plaintext passwords (LOGIN, PLAIN, USER/PASS) are refused without
 * TLS unless the client is on this machine or allowplaintext is on, and always
 * where sasl_minimum_layer asks for more than the connection has.  A failed
 * attempt costs the client failedloginpause, or more where many have failed
 * (imap/server/limits.h), an unencrypted successful one plaintextloginpause.
 * Each attempt is one line in the log, in Cyrus's words,
 * which tools match:
 *
 *	login: [192.0.2.1] fred plaintext+TLS User logged in
 *	badlogin: [192.0.2.1] plaintext fred SASL(-13): authentication failure: ...
 */
#ifndef IMAP_SERVER_LOGIN_H
#define IMAP_SERVER_LOGIN_H

#include "imap/server/limits.h"
#include "imap/server/user.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

struct login;
struct sasl_conn;

/* What is known of the connection.  Everything may be 0. */
struct login_peer {
	const char *service;		/* for SASL: "imap", "pop", "lmtp", "sieve" */
	const char *entry;		/* the service's name in cyrus.conf: "imaps" */
	const char *host;		/* "192.0.2.1", "local": for the log */
	const char *local_ip_port, *remote_ip_port;	/* net_sasl_address(); NULL: not IP */
	bool is_local;			/* loopback, UNIX socket, pipe */
	int outer_ssf;			/* -p: strength of a layer around the connection */
	const char *tls_version;	/* "TLSv1.3"; NULL: no TLS */
	int tls_bits;
	const char *external_name;	/* EXTERNAL: whose certificate it is, or NULL */
	bool no_layers;			/* whoever asks could not encode and decode */
	struct str exporter, unique, server_end_point;	/* channel bindings; n == 0: none */
	struct limits *limits;		/* who counts failures; NULL: nobody */
};

/* Both are for the process's life or longer; what PEER points to is copied. */
struct login *login_new(const struct conf *conf, const struct login_peer *peer);
void login_free(struct login *l);	/* NULL allowed */

/* TLS has started, so other things are known; a dialogue at hand is forgotten. */
void login_peer_changed(struct login *l, const struct login_peer *peer);

/* May a password be sent in the clear now?  (else LOGINDISABLED) */
bool login_plaintext_allowed(const struct login *l);

/* Appends "AUTH=PLAIN ..." as sasl_mechanisms(), and those of oauth.h. */
void login_mechanisms(struct login *l, const char *prefix, struct buf *out);

/*
 * USERID may name two, as in username.h.  ERR_AUTH, ERR_DENIED (plaintext not
 * allowed; proxying not allowed; cyr_deny; too many failures just now), ERR_IO
 * (passwords cannot be checked now).  On OK *user is the caller's, who asks
 * user_confirm() before he does anything for him.
 */
enum err login_password(struct login *l, struct str userid, struct str password,
    struct user **user) MUST_CHECK;

/*
 * An exchange as in lib/sasl.h; ERR_AGAIN: send CHALLENGE, call login_step().
 * Bytes are raw.  ERR_UNSUPPORTED: no such mechanism.
 */
enum err login_start(struct login *l, struct str mechanism, const struct str *initial,
    struct buf *challenge, struct user **user) MUST_CHECK;
enum err login_step(struct login *l, struct str response, struct buf *challenge,
    struct user **user) MUST_CHECK;

/*
 * APOP of POP3: appends a challenge for the greeting, nothing if there is no APOP
 * (allowapop; it needs a place where passwords can be read).  login_apop() as
 * login_password(); DIGEST is as the client sent it.
 */
void login_apop_challenge(struct login *l, struct buf *challenge);
enum err login_apop(struct login *l, struct str challenge, struct str userid,
    struct str digest, struct user **user) MUST_CHECK;

/*
 * After OK: which folder of his the user named as "fred+work", in his own words; ""
 * for the INBOX.  POP3 with popsubfolders has such names.
 */
const char *login_folder(const struct login *l);

/*
 * After a call of any of those: for how many milliseconds the client must not
 * get its answer yet (peer_pause() in a worker), be that a challenge.
 */
int login_pause_ms(const struct login *l);

/*
 * After a login_start() or _step() that said OK: the security layer that was
 * agreed on, now the caller's (sasl_layer_encode() ...), or NULL.  It begins
 * behind the answer that tells the client so.
 */
struct sasl_conn *login_take_layer(struct login *l);
bool login_has_layer(const struct login *l);

/* Why the last attempt failed, for the client; never NULL. */
const char *login_why(const struct login *l);

#endif
