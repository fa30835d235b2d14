/*
 * tlskey_ring.c - the holder's side: keys, and signatures for who asks
 *
 * What TLS signs.  1.3: 64 spaces, "TLS 1.3, server CertificateVerify", NUL and
 * the transcript's hash.  1.2: two random numbers of 32 bytes and the server's
 * half of the key exchange, that is a named curve and a point, or a prime, a
 * generator and a number.  The random numbers are the client's and the asker's
 * choice, but with that frame nothing else can be meant by it.
 */
#include "lib/tlskey_in.h"

#include "lib/mem.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct member {
	uint8_t id[TLSKEY_ID];
	EVP_PKEY *key;
	int users;		/* certificates that have it */
	int64_t idle_since;	/* without any */
};

struct tlskey_ring {
	struct member *v;
	size_t n;
};

bool
tlskey_id(EVP_PKEY *key, uint8_t id[TLSKEY_ID])
{
	unsigned char *der = NULL;
	unsigned n = TLSKEY_ID;
	int bytes = i2d_PUBKEY(key, &der);
	bool done = bytes > 0
	    && EVP_Digest(der, (size_t)bytes, id, &n, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	ERR_clear_error();
	return done;
}

struct tlskey_ring *
tlskey_ring_new(void)
{
	return mem_zero(1, sizeof(struct tlskey_ring));
}

void
tlskey_ring_free(struct tlskey_ring *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		EVP_PKEY_free(r->v[i].key);
	free(r->v);
	free(r);
}

size_t
tlskey_ring_size(const struct tlskey_ring *r)
{
	return r->n;
}

static int64_t
now_s(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static struct member *
find(const struct tlskey_ring *r, const void *id)
{
	for (size_t i = 0; i < r->n; i++)
		if (memcmp(r->v[i].id, id, TLSKEY_ID) == 0)
			return &r->v[i];
	return NULL;
}

void
tlskey_ring_expire(struct tlskey_ring *r, int seconds_ago)
{
	int64_t end = now_s() - seconds_ago;
	for (size_t i = 0; i < r->n;) {
		if (r->v[i].users > 0 || r->v[i].idle_since > end) {
			i++;
			continue;
		}
		EVP_PKEY_free(r->v[i].key);
		r->v[i] = r->v[--r->n];
	}
}

void
tlskey_ring_put(struct tlskey_ring *r, EVP_PKEY *key)
{
	struct member m = { .users = 1 };
	tlskey_ring_expire(r, TLSKEY_GRACE);
	if (!tlskey_id(key, m.id))
		return;
	struct member *there = find(r, m.id);
	if (there != NULL) {
		there->users++;
		return;
	}
	if (EVP_PKEY_up_ref(key) != 1)
		return;
	m.key = key;
	r->v = mem_grow(r->v, (r->n + 1) * sizeof(*r->v));
	r->v[r->n++] = m;
}

void
tlskey_ring_drop(struct tlskey_ring *r, EVP_PKEY *key)
{
	uint8_t id[TLSKEY_ID];
	struct member *m = tlskey_id(key, id) ? find(r, id) : NULL;
	if (m == NULL || m->users == 0)
		return;
	m->users--;
	m->idle_since = now_s();
}

/* --- is it TLS? --- */

static bool
is_certificate_verify(struct str text)
{
	static const char frame[] = "TLS 1.3, server CertificateVerify";
	enum { SPACES = 64 };
	if (text.n < SPACES + sizeof(frame))
		return false;
	for (size_t i = 0; i < SPACES; i++)
		if (text.p[i] != ' ')
			return false;
	size_t hash = text.n - SPACES - sizeof(frame);
	return memcmp(text.p + SPACES, frame, sizeof(frame)) == 0
	    && (hash == 32 || hash == 48);
}

static bool
is_server_key_exchange(struct str text)
{
	enum { RANDOMS = 64, NAMED_CURVE = 3 };
	struct str s = str_slice(text, RANDOMS, text.n), part;
	uint8_t type, n8;
	uint16_t curve, n16;
	if (text.n <= RANDOMS)
		return false;
	struct str point = s;
	if (str_get_u8(&point, &type) && type == NAMED_CURVE && str_get_u16(&point, &curve)
	    && str_get_u8(&point, &n8) && n8 > 0 && point.n == n8)
		return true;
	for (int i = 0; i < 3; i++)
		if (!str_get_u16(&s, &n16) || n16 == 0 || !str_get_bytes(&s, n16, &part))
			return false;
	return s.n == 0;
}

/* --- signing --- */

static bool
set_padding(EVP_PKEY *key, EVP_PKEY_CTX *ctx, enum tlskey_padding padding)
{
	bool is_rsa = EVP_PKEY_is_a(key, "RSA") == 1;
	if (padding == TLSKEY_NO_PADDING)
		return !is_rsa;
	if (!is_rsa || EVP_PKEY_CTX_set_rsa_padding(ctx, padding == TLSKEY_PSS
	    ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) != 1)
		return false;
	return padding != TLSKEY_PSS
	    || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static enum tlskey_status
sign(EVP_PKEY *key, enum tlskey_padding padding, const char *hash, struct str text,
    struct buf *reply)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	enum tlskey_status status = TLSKEY_NOT_UNDERSTOOD;
	size_t n = TLSKEY_REPLY_MAX - TLSKEY_HEAD;
	if (md != NULL && EVP_DigestSignInit_ex(md, &ctx, hash, NULL, NULL, key, NULL) == 1
	    && set_padding(key, ctx, padding)) {
		unsigned char *to = (unsigned char *)buf_reserve(reply, n);
		status = TLSKEY_FAILED;
		if (EVP_DigestSign(md, to, &n, (const unsigned char *)text.p, text.n) == 1) {
			reply->n += n;
			status = TLSKEY_SIGNED;
		}
	}
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return status;
}

enum tlskey_status
tlskey_sign(const struct tlskey_ring *r, enum tlskey_padding padding, uint8_t hash,
    struct str what, struct buf *reply)
{
	struct str id;
	if (!str_get_bytes(&what, TLSKEY_ID, &id))
		return TLSKEY_NOT_UNDERSTOOD;
	const struct member *m = find(r, id.p);
	if (m == NULL)
		return TLSKEY_NO_KEY;
	if (!is_certificate_verify(what) && !is_server_key_exchange(what))
		return TLSKEY_NOT_TLS;
	return sign(m->key, padding, tlskey_hashes[hash], what, reply);
}
