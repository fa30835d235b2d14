/*
 * tls_fixture.h - keys and certificates for tests, made on the spot, in files
 *
 * Between identities_begin() and identities_end() there is a folder that holds
 * them; both are a cmocka group's setup and teardown.
 */
#ifndef TEST_TLS_FIXTURE_H
#define TEST_TLS_FIXTURE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdbool.h>

struct identity {
	EVP_PKEY *key;
	X509 *cert;
	char cert_file[128], key_file[128];
};

struct identity_options {
	const EVP_MD *md;	/* that the issuer signs with; NULL: SHA-256 */
	const char *san;	/* "DNS:a,email:b@c"; NULL: none */
	bool is_ca;
	long from, to;		/* seconds from now; 0, 0: an hour */
	const char *dir;	/* its files are DIR/cert.pem, DIR/key.pem; NULL: ours */
};

int identities_begin(void **state);
int identities_end(void **state);
const char *identities_dir(void);

/*
 * TYPE is "RSA" (all have the same key), "EC" or "ED25519"; ISSUER NULL: signed
 * by itself; O NULL: all 0.
 */
struct identity *identity_new(const char *type, const char *common_name,
    const struct identity *issuer, const struct identity_options *o);
void identity_free(struct identity *id);

/* A CRL of ISSUER's that names REVOKED (NULL: nobody), in FILE. */
void identity_write_crl(const struct identity *issuer, const struct identity *revoked,
    const char *file);

#endif
