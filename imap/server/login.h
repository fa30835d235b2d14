/*
 * login.h - before login: who is this client?
 *
 * A struct login is a connection whose user is not known yet: it has the SASL
 * dialogue and the policy on plaintext passwords.  What comes out is an
 * identity; the stream goes on.  The two stages share nothing else, so that
 * the first can move into a process of its own.
 *
 * Policy.  Plaintext passwords (LOGIN, PLAIN, USER/PASS) are refused without
 * TLS unless the client is on this machine or allowplaintext is on.  A failed
 * attempt costs the client failedloginpause, an unencrypted successful one
 * plaintextloginpause.  Each attempt is one line in the log, in Cyrus's words,
 * which tools match:
 *
 *	login: [192.0.2.1] fred plaintext+TLS User logged in
 *	badlogin: [192.0.2.1] plaintext fred SASL(-13): authentication failure: ...
 */
#ifndef IMAP_SERVER_LOGIN_H
#define IMAP_SERVER_LOGIN_H

#include "imap/server/server.h"
#include "imap/server/user.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

struct login;

struct login *login_new(struct server *server, struct client *client);
void login_free(struct login *l);	/* NULL allowed */

/* May a password be sent in the clear now?  (else LOGINDISABLED) */
bool login_plaintext_allowed(const struct login *l);

/* May STARTTLS be offered now? */
bool login_may_start_tls(const struct login *l);
/* The reply to STARTTLS is in the stream: flushes it and shakes hands. */
enum err login_start_tls(struct login *l) MUST_CHECK;

/* Appends "AUTH=PLAIN ..." as sasl_mechanisms(). */
void login_mechanisms(struct login *l, const char *prefix, struct buf *out);

/*
 * ERR_AUTH, ERR_DENIED (plaintext not allowed; proxying not allowed), ERR_IO
 * (passwords cannot be checked now).  On OK *user is the caller's.
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

/* Why the last attempt failed, for the client; never NULL. */
const char *login_why(const struct login *l);

#endif
