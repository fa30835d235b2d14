/*
 * tls_bundle.h - all that a TLS server reads from files, but its private keys
 *
 * Certificates with their chains and OCSP responses, and, for the service's
 * options, DH parameters, the CAs of clients and what they have revoked.  The
 * bytes are PEM blocks, taken from the files one by one: a private key that is
 * in one of them, too, is left out, so a bundle can be given to a process that
 * must not see one (tlskey.h).
 *
 * Of a directory of CAs those files are in it that OpenSSL would look for, by
 * their names (openssl-rehash(1)).
 */
#ifndef LIB_TLS_BUNDLE_H
#define LIB_TLS_BUNDLE_H

#include "lib/buf.h"
#include "lib/err.h"

#include <openssl/types.h>
#include <stdint.h>

enum {
	TLS_CERTS = 4,		/* of different types for one name */
	TLS_BUNDLE_HASH = 32,
	TLS_BUNDLE_MAX = 64 * 1024 * 1024,	/* a list of revocations can be long */
};

struct tls_cert {
	struct buf path;	/* of its file, for messages */
	struct buf pem;		/* itself, then its chain */
	struct buf ocsp;	/* DER; empty: none */
};

struct tls_bundle {
	struct tls_cert certs[TLS_CERTS];
	size_t n;
	struct buf dh, ca_file, ca_dir, crl;
};

/* A bundle and where its keys are. */
struct tls_stock {
	struct tls_bundle bundle;
	EVP_PKEY *keys[TLS_CERTS];	/* of each certificate; NULL: a holder's */
	struct buf bytes;		/* the bundle's encoded form, on a shelf */
	uint8_t hash[TLS_BUNDLE_HASH];	/* of it */
};

void tls_bundle_init(struct tls_bundle *b);
void tls_bundle_free(struct tls_bundle *b);

void tls_stock_init(struct tls_stock *s);
void tls_stock_free(struct tls_stock *s);

/* Appends; each field u8 what, u32 length, bytes, big-endian. */
void tls_bundle_encode(const struct tls_bundle *b, struct buf *out);
/* B is initialized and empty.  ERR_CORRUPT: nothing that was encoded so. */
enum err tls_bundle_decode(struct str bytes, struct tls_bundle *b) MUST_CHECK;

void tls_bundle_hash(struct str bytes, uint8_t hash[TLS_BUNDLE_HASH]);

#endif
