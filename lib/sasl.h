/*
 * sasl.h - Cyrus SASL as a server: who is this client?
 *
 * The library is initialised once a process; it gets its own options
 * (pwcheck_method, auxprop_plugin, sasldb_path, saslauthd_path, mech_list ...)
 * from imapd.conf, where their names begin with "sasl_", or "sasl_PLUGIN_".
 * One struct sasl_conn is one client's login dialogue, and costs nothing until
 * it is used.
 *
 * What is decided here is who the client proved to be.  What a name means is
 * the caller's affair (.canonical), and any authorization identity is let through: the caller asks
 * sasl_authcid() and sasl_authzid() and must decide whether the one may act
 * as the other.  Passwords are never logged.
 *
 * Channel binding (RFC 5802 section 6).  Where the connection has bindings the
 * -PLUS mechanisms are offered.  The client names the type it used; one that
 * there is not, other bytes, or a client that says that we had not offered
 * them, end the dialogue: somebody is in the middle.
 *
 * Security layers.  DIGEST-MD5 and GSSAPI may agree on one: by
 * sasl_maximum_layer and sasl_minimum_layer, counting what TLS has.  The
 * dialogue then becomes the layer (sasl_has_layer()).
 */
#ifndef LIB_SASL_H
#define LIB_SASL_H

#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

struct sasl_conn;

/* Once; plugins take their options from CONF.  It is for the process's life. */
enum err sasl_library_init(const struct conf *conf) MUST_CHECK;

/* Has it found plugins?  If it cannot read them it goes on without, silently. */
bool sasl_has_plugins(void);

enum { SASL_BINDINGS = 3 };

struct sasl_peer {
	const char *service;		/* "imap", "pop", "lmtp", "sieve" */
	const char *local_ip_port, *remote_ip_port;	/* of net_sasl_address(), or NULL */
	int external_ssf;		/* strength of TLS around the dialogue; 0: none */
	bool allow_plaintext;		/* PLAIN, LOGIN, sasl_check_password() */
	bool no_layers;			/* agree on none */
	bool folders;			/* "fred+work" is fred, if he says so: see sasl_folder() */
	/*
	 * Appends the name under which GIVEN's password is kept; NULL: as it is given.
	 * VOUCHED: the client has not chosen it, a certificate or a ticket says so.
	 */
	void (*canonical)(void *ctx, struct str given, bool vouched, struct buf *name);
	void *ctx;
	const char *external_name;	/* EXTERNAL: whose certificate it is, or NULL */
	struct sasl_binding {
		const char *type;	/* "tls-exporter" */
		struct str bytes;
	} bindings[SASL_BINDINGS];	/* the first has .bytes.n == 0: none follow */
};

/* CONF is the service's own; what PEER points to must live as long as the dialogue. */
struct sasl_conn *sasl_conn_new(const struct conf *conf, const struct sasl_peer *peer);
void sasl_conn_free(struct sasl_conn *c);	/* NULL allowed */

/*
 * Who has proved his identity and is refused all the same may try again, as
 * somebody else: forgets him.
 */
void sasl_conn_forget(struct sasl_conn *c);

/*
 * Appends the mechanisms that may be offered now, each led by PREFIX and
 * separated by spaces: "AUTH=PLAIN AUTH=SCRAM-SHA-256"; nothing if there are
 * none.
 */
void sasl_mechanisms(struct sasl_conn *c, const char *prefix, struct buf *out);

/*
 * LOGIN and USER/PASS.  ERR_AUTH if wrong; ERR_DENIED if plaintext is not
 * allowed now; ERR_IO if passwords cannot be checked (no saslauthd).
 */
enum err sasl_check_password(struct sasl_conn *c, struct str user, struct str password) MUST_CHECK;

/*
 * One step of an exchange; bytes are raw, base64 is the protocol's affair.
 * INITIAL is NULL if the client sent none.  OK: done; ERR_AGAIN: send
 * CHALLENGE and call sasl_step() with the answer; ERR_AUTH; ERR_UNSUPPORTED:
 * no such mechanism now; ERR_IO as above.  After any of these but ERR_AGAIN
 * the next dialogue may start; a client that gives up (RFC 3501's "*") is
 * simply not stepped again.
 */
enum err sasl_start(struct sasl_conn *c, struct str mechanism,
    const struct str *initial, struct buf *challenge) MUST_CHECK;
enum err sasl_step(struct sasl_conn *c, struct str response, struct buf *challenge) MUST_CHECK;

/* After OK: who proved it (authcid) and as whom (authzid, else the same). */
const char *sasl_authcid(struct sasl_conn *c);
const char *sasl_authzid(struct sasl_conn *c);

/*
 * With .folders: what stood behind the first '+' of the name of whom he wants to be,
 * before an '@'; "" if nothing did.
 */
const char *sasl_folder(const struct sasl_conn *c);

/*
 * APOP (RFC 1939 section 7): a challenge "<...>" that is given only once.
 * ERR_UNSUPPORTED: there is no place where passwords can be read.
 */
enum err sasl_apop_challenge(struct sasl_conn *c, struct buf *challenge) MUST_CHECK;
/* As sasl_check_password(); DIGEST is in hexadecimal. */
enum err sasl_check_apop(struct sasl_conn *c, struct str challenge, struct str user,
    struct str digest) MUST_CHECK;

/*
 * After OK: has a security layer been agreed on?  Then everything that the
 * client says after its last response, and what it is told after the answer to
 * that, goes through these, and C lives as long as the connection.
 */
bool sasl_has_layer(struct sasl_conn *c);
int sasl_layer_ssf(struct sasl_conn *c);

/* How many bytes sasl_layer_encode() takes at most in one call. */
size_t sasl_layer_room(struct sasl_conn *c);

/* Both append.  Input may end anywhere; ERR_SYNTAX: it is not of this layer. */
enum err sasl_layer_encode(struct sasl_conn *c, const void *p, size_t n,
    struct buf *out) MUST_CHECK;
enum err sasl_layer_decode(struct sasl_conn *c, const void *p, size_t n,
    struct buf *out) MUST_CHECK;

/* After a failure: as whom it was tried; NULL if it was not said. */
const char *sasl_tried(const struct sasl_conn *c);

/* After a failure: why, for the log only; never NULL. */
const char *sasl_why(struct sasl_conn *c);

#endif
