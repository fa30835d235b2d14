/* digest.h - SHA-256, HMAC, Ed25519 and random bytes (OpenSSL behind) */
#ifndef LIB_DIGEST_H
#define LIB_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };

void sha256(const void *p, size_t n, uint8_t out[SHA256_SIZE]);

/* In pieces: _new, _add as often as needed, _end writes and frees. */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *d, const void *p, size_t n);
void sha256_end(struct sha256 *d, uint8_t out[SHA256_SIZE]);
void sha256_abort(struct sha256 *d);

/* HMAC-SHA-256 (RFC 2104). */
void hmac_sha256(const void *key, size_t key_n, const void *p, size_t n,
    uint8_t out[SHA256_SIZE]);

/*
 * What it takes to make a password's key by ROUNDS of HMAC with the SHA of SIZE
 * bytes (20, 28, 32, 48 or 64), call by call as the plugins of Cyrus SASL do; for
 * nothing.
 */
void digest_toil(size_t size, unsigned rounds);

/* Are N bytes the same?  Takes as long whether they are or not. */
bool digest_eq(const void *a, const void *b, size_t n);

/* Has the owner of KEY signed the N bytes at P (RFC 8032)? */
enum { ED25519_KEY = 32, ED25519_SIGNATURE = 64 };
bool ed25519_verify(const uint8_t key[ED25519_KEY], const void *p, size_t n,
    const uint8_t signature[ED25519_SIGNATURE]);

/* Unpredictable bytes; ends the process if the system has none. */
void random_bytes(void *p, size_t n);

#endif
