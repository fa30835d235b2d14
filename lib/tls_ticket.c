/*
 * tls_ticket.c - session tickets: encrypted with keys that all processes share
 *
 * A ticket is the name of its key, an IV, the session in AES-256-CBC and an
 * HMAC-SHA-256 over it all (RFC 5077 section 4), put together by OpenSSL.
 */
#include "lib/tls_in.h"

#include "lib/tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <string.h>

static struct tickets *
tickets_of(SSL *ssl)
{
	const struct tls *t = SSL_get_app_data(ssl);
	return t->ctx->tickets;
}

static bool
use_key(const struct ticket_key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int encrypt)
{
	struct ticket_key copy = *key;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, copy.mac,
		    sizeof(copy.mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	bool done = EVP_MAC_CTX_set_params(mac, params) == 1
	    && EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv,
	    encrypt) == 1;
	OPENSSL_cleanse(&copy, sizeof(copy));
	return done;
}

/* 0: no key (no ticket; a whole handshake); 2: good, but a new one is due. */
static int
on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int encrypt)
{
	struct tickets *tickets = tickets_of(ssl);
	struct ticket_key key;
	bool is_current = true;
	if (tickets == NULL)
		return 0;
	if (encrypt != 0) {
		if (!tickets_current(tickets, &key))
			return 0;
		memcpy(name, key.name, sizeof(key.name));
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) {
			OPENSSL_cleanse(&key, sizeof(key));
			return -1;
		}
	} else if (!tickets_find(tickets, name, &key, &is_current)) {
		return 0;
	}
	bool done = use_key(&key, iv, cipher, mac, encrypt);
	OPENSSL_cleanse(&key, sizeof(key));
	return !done ? -1 : is_current ? 1 : 2;
}

void
tls_ticket_use(SSL_CTX *ssl)
{
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_key);
}

/* TLS 1.3 has no way to say, at the end, that there is none after all. */
void
tls_ticket_prepare(struct tls *t)
{
	struct ticket_key key;
	if (t->ctx->tickets != NULL && tickets_current(t->ctx->tickets, &key)) {
		OPENSSL_cleanse(&key, sizeof(key));
		return;
	}
	SSL_set_options(t->ssl, SSL_OP_NO_TICKET);
	SSL_set_num_tickets(t->ssl, 0);
}
