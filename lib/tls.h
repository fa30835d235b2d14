/*
 * tls.h - OpenSSL, behind streams
 *
 * A struct tls_context is what a service needs to be a TLS server:
 * certificate, key, protocol versions.  One a process; it outlives the
 * streams that use it.
 */
#ifndef LIB_TLS_H
#define LIB_TLS_H

#include "lib/err.h"

struct tls_context;

struct tls_params {
	const char *cert_file;		/* PEM, chain included */
	const char *key_file;		/* PEM */
	const char *ciphers;		/* OpenSSL list for TLS 1.2; NULL: default */
	const char *ciphersuites;	/* for TLS 1.3; NULL: default */
	const char *versions;		/* "tls1_2 tls1_3" */
	int session_timeout;		/* minutes; 0: no resumption */
};

/* ERR_NOTFOUND, ERR_IO or ERR_CORRUPT, logged with what OpenSSL says. */
enum err tls_context_new(const struct tls_params *p, struct tls_context **ctx) MUST_CHECK;
void tls_context_free(struct tls_context *ctx);

#endif
