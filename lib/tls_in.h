/* tls_in.h - the inside of TLS, for tls*.c */
#ifndef LIB_TLS_IN_H
#define LIB_TLS_IN_H

#include "lib/tls.h"
#include "lib/tls_bundle.h"

#include <openssl/ssl.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
	END_POINT_MAX = 64,	/* SHA-512 */
	NAME_MAX_BYTES = 253,	/* of a host, RFC 1035 */
	SESSION_ID = 32,
};

/* What is wrong, in words for the log; whoever asked decides whether to tell. */
struct tls_trouble {
	char text[640];
};

/* --- tls_files.c: have they changed? --- */

struct tls_file {
	char *path;
	struct stat st;		/* all 0: it is not there */
};

struct tls_files {
	struct tls_file *v;
	size_t n;
};

void tls_files_add(struct tls_files *f, const char *path);	/* NULL: none */
void tls_files_free(struct tls_files *f);

/* Is anything not as it was when it was added? */
bool tls_files_changed(const struct tls_files *f);

/* Was one of them changed within the last few seconds? */
bool tls_files_are_young(const struct tls_files *f);

/* --- tls_pairs.c: which certificates with which keys --- */

struct tls_pair {
	char *cert, *key;
};

struct tls_pairs {
	struct tls_pair *v;
	size_t n;
};

/* From the options: "A,B" and "A,B"; ERR_SYNTAX if there are not as many. */
enum err tls_pairs_listed(const char *certs, const char *keys, struct tls_pairs *pairs,
    struct tls_trouble *why) MUST_CHECK;
/* What there is in the directory DIR/NAME. */
void tls_pairs_in(const char *dir, const char *name, struct tls_pairs *pairs);
void tls_pairs_free(struct tls_pairs *pairs);

/* --- tls_read.c: from files into a bundle --- */

/* What the pair's files hold; CERT is initialized and empty, KEY the caller's. */
enum err tls_read_cert(const struct tls_pair *pair, struct tls_cert *cert, EVP_PKEY **key,
    struct tls_trouble *why) MUST_CHECK;
/* All but the certificates. */
enum err tls_read_rest(const struct tls_params *p, struct tls_bundle *b,
    struct tls_trouble *why) MUST_CHECK;

/* --- tls_cert.c: a certificate and its key into an SSL_CTX --- */

/* KEY NULL: HOLDER has it. */
enum err tls_cert_load(SSL_CTX *ssl, const struct tls_cert *cert, EVP_PKEY *key,
    struct tlskey_holder *holder, struct tls_trouble *why) MUST_CHECK;

/* --- tls_ocsp.c --- */

#define TLS_OCSP_SUFFIX	".ocsp"

void tls_ocsp_attach(X509 *cert, STACK_OF(X509) *chain, const struct tls_cert *c);
void tls_ocsp_use(SSL_CTX *ssl);

/* --- tls_setup.c: everything else that tls_params say --- */

void tls_say(struct tls_trouble *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with the oldest error of OpenSSL behind it, whose queue is emptied. */
void tls_say_openssl(struct tls_trouble *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* An SSL_CTX that lacks certificates only. */
enum err tls_setup(const struct tls_params *p, const struct tls_bundle *b, SSL_CTX **ssl,
    struct tls_trouble *why) MUST_CHECK;

/* Appends what a session must not be resumed without having in common. */
void tls_setup_policy(const struct tls_params *p, struct buf *out);

/* --- tls_shelf.c --- */

enum { TLS_BUCKETS = 256 };
unsigned tls_bucket(const char *name);

/* --- tls_context.c --- */

struct tls_entry;
struct tls_shelf;

struct tls_context {
	struct tls_params p;
	struct tickets *tickets;	/* p.tickets or our own; NULL: no resumption */
	bool owns_tickets;
	struct tls_shelf *shelf;	/* NULL: p.holder has it */
	struct tls_entry *standard;	/* the default's */
	struct tls_entry *names[TLS_BUCKETS];
};

/* What is current now: certificates are read anew if they have changed. */
SSL_CTX *tls_context_ssl(struct tls_context *ctx);

/* --- tls.c --- */

/* SSL_get_app_data() of its SSL. */
struct tls {
	SSL *ssl;
	struct tls_context *ctx;
	bool truncated;
	bool name_known;
	char name[NAME_MAX_BYTES + 1];	/* that the client asks for; "": none */
	char why[200];
	/* A resumed session: our certificate's hash when it began. */
	unsigned char end_point[END_POINT_MAX];
	size_t end_point_n;
};

/* --- tls_peer.c --- */

/* Has session tickets carry what tls_binding() must know of the first handshake. */
void tls_peer_remember(SSL_CTX *ssl);

/* --- tls_ticket.c --- */

/* Encrypts tickets with the keys of the connection's context. */
void tls_ticket_use(SSL_CTX *ssl);
/* None, if there is no key just now. */
void tls_ticket_prepare(struct tls *t);

#endif
