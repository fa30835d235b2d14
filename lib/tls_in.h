/* tls_in.h - the inside of TLS, for tls*.c: with stream.h's peer, the only user of OpenSSL's ssl.h */
#ifndef LIB_TLS_IN_H
#define LIB_TLS_IN_H

#include "lib/tls.h"

#include <openssl/ssl.h>

enum { END_POINT_MAX = 64 };	/* SHA-512 */

struct tls_context {
	SSL_CTX *ssl;
};

/* SSL_get_app_data() of its SSL. */
struct tls {
	SSL *ssl;
	char why[160];
	/* A resumed session: our certificate's hash when it began. */
	unsigned char end_point[END_POINT_MAX];
	size_t end_point_n;
};

/* --- tls_peer.c --- */

/* Has session tickets carry what tls_binding() must know of the first handshake. */
void tls_peer_remember(SSL_CTX *ssl);

#endif
