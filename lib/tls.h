/*
 * tls.h - OpenSSL, behind streams
 *
 * A struct tls_context is what a service needs to be a TLS server:
 * certificate, key, protocol versions.  One a process; it outlives the
 * streams that use it.  A struct tls is one connection's TLS, owned by its
 * stream; nobody else calls the functions of the second half.
 */
#ifndef LIB_TLS_H
#define LIB_TLS_H

#include "lib/buf.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>

struct tls;
struct tls_context;

struct tls_params {
	const char *cert_file;		/* PEM, chain included */
	const char *key_file;		/* PEM */
	const char *ciphers;		/* OpenSSL list for TLS 1.2; NULL: default */
	const char *ciphersuites;	/* for TLS 1.3; NULL: default */
	const char *versions;		/* "tls1_2 tls1_3" */
	int session_timeout;		/* minutes; 0: no resumption */
};

/*
 * ERR_NOTFOUND, ERR_IO, ERR_CORRUPT (files) or ERR_SYNTAX (the other values),
 * logged with what OpenSSL says and what to do.
 */
enum err tls_context_new(const struct tls_params *p, struct tls_context **ctx) MUST_CHECK;
void tls_context_free(struct tls_context *ctx);

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

/* May tls_read() have something without asking the kernel? */
bool tls_has_pending(const struct tls *t);

/* Tells the client that nothing more comes, if that can be sent at once. */
void tls_end(struct tls *t);
void tls_free(struct tls *t);		/* NULL is allowed */

const char *tls_version(const struct tls *t);
const char *tls_cipher(const struct tls *t);
int tls_bits(const struct tls *t);

/* Why the last call failed, for the log; good until the next call. */
const char *tls_why(const struct tls *t);

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

#endif
