/* digest.c - SHA-256, HMAC and random bytes; the method is fetched once a process */
#include "lib/digest.h"

#include "lib/log.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

enum { BLOCK = 64 };			/* of SHA-256 */

static const EVP_MD *
method(void)
{
	static EVP_MD *md;

	if (md == NULL)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (md == NULL)
		log_fatal(EX_TEMPFAIL, "OpenSSL has no SHA-256, or no memory for it");
	return md;
}

struct sha256 *
sha256_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx == NULL || EVP_DigestInit_ex2(ctx, method(), NULL) != 1)
		log_fatal(EX_TEMPFAIL, "out of memory for SHA-256");
	return (struct sha256 *)ctx;
}

static EVP_MD_CTX *
ctx_of(struct sha256 *d)
{
	return (EVP_MD_CTX *)d;
}

void
sha256_add(struct sha256 *d, const void *p, size_t n)
{
	ensure(EVP_DigestUpdate(ctx_of(d), p, n) == 1);
}

void
sha256_end(struct sha256 *d, uint8_t out[SHA256_SIZE])
{
	ensure(EVP_DigestFinal_ex(ctx_of(d), out, NULL) == 1);
	sha256_abort(d);
}

void
sha256_abort(struct sha256 *d)
{
	EVP_MD_CTX_free(ctx_of(d));
}

void
sha256(const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
	struct sha256 *d = sha256_new();

	sha256_add(d, p, n);
	sha256_end(d, out);
}

static void
hmac_half(const uint8_t key[BLOCK], uint8_t pad, const void *p, size_t n,
    uint8_t out[SHA256_SIZE])
{
	struct sha256 *d = sha256_new();
	uint8_t block[BLOCK];

	for (size_t i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	sha256_add(d, block, sizeof(block));
	sha256_add(d, p, n);
	sha256_end(d, out);
}

void
hmac_sha256(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
	uint8_t block[BLOCK] = { 0 }, inner[SHA256_SIZE];

	if (key_n > sizeof(block))
		sha256(key, key_n, block);
	else if (key_n > 0)
		memcpy(block, key, key_n);
	hmac_half(block, 0x36, p, n, inner);
	hmac_half(block, 0x5c, inner, sizeof(inner), out);
}

void
digest_toil(size_t size, unsigned rounds)
{
	const EVP_MD *md = size == 20 ? EVP_sha1() : size == 28 ? EVP_sha224()
	    : size == 32 ? EVP_sha256() : size == 48 ? EVP_sha384() : EVP_sha512();
	uint8_t key[8] = { 0 }, sum[EVP_MAX_MD_SIZE] = { 0 };
	unsigned n = (unsigned)size;

	for (unsigned i = 0; i < rounds; i++)
		ensure(HMAC(md, key, sizeof(key), sum, n, sum, &n) != NULL);
}

bool
digest_eq(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

bool
ed25519_verify(const uint8_t key[ED25519_KEY], const void *p, size_t n,
    const uint8_t signature[ED25519_SIGNATURE])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, ED25519_KEY);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = k != NULL && c != NULL
	    && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k) == 1
	    && EVP_DigestVerify(c, signature, ED25519_SIGNATURE, p, n) == 1;

	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	return good;
}

void
random_bytes(void *p, size_t n)
{
	char *at = p;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		ensure(got > 0);
		at += got;
		n -= (size_t)got;
	}
}
