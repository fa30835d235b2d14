/* tls_cert.c - a certificate, its chain and its key, into an SSL_CTX */
#include "lib/tls_in.h"

#include "lib/log.h"
#include "lib/tlskey.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string.h>

/* What else a certificate's file may hold, without which BIO would not go on. */
static enum err
parse_chain(const struct tls_cert *c, X509 **cert, STACK_OF(X509) **chain,
    struct tls_trouble *why)
{
	BIO *bio = BIO_new_mem_buf(c->pem.p, (int)c->pem.n);
	*cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	*chain = sk_X509_new_null();
	for (X509 *next; *cert != NULL
	    && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL;)
		if (sk_X509_push(*chain, next) == 0)
			log_fatal(75, "out of memory for TLS");
	unsigned long code = ERR_peek_last_error();
	BIO_free(bio);
	/* The end is where there is no further BEGIN. */
	if (*cert != NULL && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return OK;
	}
	tls_say_openssl(why, "\"%s\" holds no usable PEM certificate, or half of one",
	    c->path.p);
	return ERR_CORRUPT;
}

/* Of each type there can be one. */
static bool
has_type(SSL_CTX *ssl, const X509 *cert)
{
	EVP_PKEY *public = X509_get0_pubkey(cert);
	bool found = false;
	for (int rc = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST); rc == 1 && !found;
	    rc = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
		X509 *other = SSL_CTX_get0_certificate(ssl);
		found = other != NULL && EVP_PKEY_get_base_id(X509_get0_pubkey(other))
		    == EVP_PKEY_get_base_id(public);
	}
	return found;
}

static enum err
use(SSL_CTX *ssl, const char *path, X509 *cert, STACK_OF(X509) *chain, EVP_PKEY *key,
    struct tls_trouble *why)
{
	if (has_type(ssl, cert)) {
		tls_say(why, "\"%s\" is a second certificate of the same type for one name", path);
		return ERR_SYNTAX;
	}
	if (SSL_CTX_use_cert_and_key(ssl, cert, key, chain, 1) == 1)
		return OK;
	int reason = ERR_GET_REASON(ERR_peek_last_error());
	if (reason == SSL_R_PRIVATE_KEY_MISMATCH || reason == X509_R_KEY_VALUES_MISMATCH
	    || reason == X509_R_KEY_TYPE_MISMATCH)
		tls_say(why, "its key's file holds no PEM private key for certificate \"%s\"", path);
	else
		tls_say_openssl(why, "certificate \"%s\" and its key", path);
	return ERR_CORRUPT;
}

enum err
tls_cert_load(SSL_CTX *ssl, const struct tls_cert *c, EVP_PKEY *local,
    struct tlskey_holder *holder, struct tls_trouble *why)
{
	X509 *cert = NULL;
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = local;
	enum err e = parse_chain(c, &cert, &chain, why);
	if (e == OK && local != NULL)
		(void)EVP_PKEY_up_ref(local);
	else if (e == OK && (e = tlskey_remote(holder, X509_get0_pubkey(cert), &key)) != OK)
		tls_say_openssl(why, "no key of another process fits \"%s\"", c->path.p);
	if (e == OK) {
		e = use(ssl, c->path.p, cert, chain, key, why);
		EVP_PKEY_free(key);
	}
	if (e == OK && c->ocsp.n > 0)
		tls_ocsp_attach(cert, chain, c);
	sk_X509_pop_free(chain, X509_free);
	X509_free(cert);
	return e;
}
