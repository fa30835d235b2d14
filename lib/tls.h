/*
 * tls.h - OpenSSL, behind streams and event loops
 *
 * A struct tls_context is what a service needs to be a TLS server:
 * certificates, keys, versions, who may come.  A process has one for each of
 * its services; it outlives the connections that use it.  A struct tls is one
 * connection's TLS, owned by its stream or by an event loop; no call waits.
 *
 * Certificates.  There is a default, which may be of several types at once (RSA
 * and ECDSA: the client's signature algorithms choose), and, below SNI_DIR, a
 * directory for each name that clients ask for (server_name, RFC 6066), with
 *
 *	cert.pem, key.pem           or  fullchain.pem, privkey.pem
 *	cert-ecdsa.pem, key-ecdsa.pem   and of other types, too
 *	cert-rsa.pem, key-rsa.pem
 *
 * "*.example.org" is for all names with one label more that have none of their
 * own; a name that is not there gets the default.  Beside each certificate file
 * there may be one with ".ocsp" behind its name: an OCSP response in DER form
 * that is stapled as long as it is valid.
 *
 * Files that change are taken into use by the next connection (a second later
 * if a holder of keys has them, which has the files then, too); connections
 * that stand keep what they began with.  If they cannot be used, the old ones
 * stay, and once they have been so for a few seconds (a certificate is always
 * replaced before or after its key) the log says what is wrong.
 *
 * Sessions are resumed by tickets (tickets.h), only under the name and the
 * policy that they began with, and never with a client's certificate: it might
 * have been revoked since.  There is no early data, no renegotiation, no
 * compression and no key exchange without forward secrecy.
 */
#ifndef LIB_TLS_H
#define LIB_TLS_H

#include "lib/buf.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>

struct tls;
struct tls_context;
struct tickets;
struct tlskey_holder;

enum tls_client_certs { TLS_CLIENTS_OFF, TLS_CLIENTS_OPTIONAL, TLS_CLIENTS_REQUIRE };

/* Everything is borrowed for the context's life; NULL, 0: not set. */
struct tls_params {
	const char *cert_file;		/* PEM, chain included; several: "A,B" */
	const char *key_file;		/* PEM, as many; NULL: in the former */
	const char *sni_dir;
	const char *ciphers;		/* OpenSSL list for TLS 1.2; NULL: default */
	const char *ciphersuites;	/* for TLS 1.3; NULL: default */
	const char *groups;		/* "X25519:prime256v1"; unknown ones are left out */
	const char *versions;		/* "tls1_2 tls1_3" */
	const char *dh_file;		/* parameters; NULL: no DHE */
	bool prefer_server_ciphers;
	enum tls_client_certs client_certs;	/* matters only with a CA */
	const char *client_ca_file, *client_ca_dir;
	const char *crl_file;		/* PEM, of all CAs that revoke */
	const char *alpn;		/* "imap" (RFC 7301); NULL: none is accepted */
	int64_t session_timeout;	/* seconds; 0: no resumption */
	struct tickets *tickets;	/* NULL: keys of the context's own */
	struct tlskey_holder *holder;	/* has all files; NULL: they are read here */
	const char *service;		/* as whom it knows us */
};

/*
 * ERR_NOTFOUND, ERR_IO, ERR_CORRUPT (files) or ERR_SYNTAX (the other values),
 * logged with what OpenSSL says and what to do.
 */
enum err tls_context_new(const struct tls_params *p, struct tls_context **ctx) MUST_CHECK;
void tls_context_free(struct tls_context *ctx);

/*
 * Takes changed files into use now, for all names that were asked for; new
 * connections do that by themselves for the name that they ask for.
 */
void tls_context_refresh(struct tls_context *ctx);

/*
 * One connection over two descriptors that do not block.  A call may
 * return ERR_AGAIN: wait until *events (POLLIN or POLLOUT) and call again with
 * the same bytes.  ERR_CLOSED: the client ended it, in order or not;
 * ERR_SYNTAX: what came is not TLS or not what we allow; tls_why() says what.
 */
struct tls *tls_new(struct tls_context *ctx, int rfd, int wfd);
enum err tls_handshake(struct tls *t, short *events) MUST_CHECK;
enum err tls_read(struct tls *t, void *p, size_t max, size_t *got, short *events) MUST_CHECK;
enum err tls_write(struct tls *t, const void *p, size_t n, size_t *sent,
    short *events) MUST_CHECK;

/* For how many seconds a client may shake hands; the caller sees to it. */
enum { TLS_HANDSHAKE_SECONDS = 60 };

/* May tls_read() have something without asking the kernel? */
bool tls_has_pending(const struct tls *t);

/* Tells the client that nothing more comes, if that can be sent at once. */
void tls_end(struct tls *t);
void tls_free(struct tls *t);		/* NULL is allowed */

const char *tls_version(const struct tls *t);
const char *tls_cipher(const struct tls *t);
int tls_bits(const struct tls *t);
bool tls_is_resumed(const struct tls *t);
/* The name that the client asked for; NULL: none.  *known: it has a certificate. */
const char *tls_server_name(const struct tls *t, bool *known);
/* The connection has ended without a word of TLS: perhaps it was cut off. */
bool tls_is_truncated(const struct tls *t);

/*
 * Appends what only the two ends of this connection can know, or what its
 * server's certificate is: channel bindings for SASL (RFC 5929, RFC 9266).
 * In a resumed session it is the certificate that the session began with.
 * ERR_UNSUPPORTED: there is none of that type here, or not before the
 * handshake is done.
 */
enum tls_binding {
	TLS_BINDING_EXPORTER,		/* "tls-exporter" */
	TLS_BINDING_UNIQUE,		/* "tls-unique": TLS 1.2 only */
	TLS_BINDING_SERVER_END_POINT,	/* "tls-server-end-point" */
	TLS_BINDINGS
};
enum err tls_binding(const struct tls *t, enum tls_binding type, struct buf *out) MUST_CHECK;

/*
 * Names in the client's certificate, which has been verified: the Nth (from 0)
 * rfc822Name of its subjectAltName, or commonName of its subject, in UTF-8,
 * appended to OUT.  False: there is no certificate or no such name; names with
 * control characters do not count.
 */
enum tls_name { TLS_NAME_EMAIL, TLS_NAME_COMMON };
bool tls_client_name(const struct tls *t, enum tls_name which, size_t n,
    struct buf *out);

/* Why the last call failed, for the log; good until the next call. */
const char *tls_why(const struct tls *t);

#endif
