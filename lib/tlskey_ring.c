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

struct member {
	uint8_t id[TLSKEY_ID];
	EVP_PKEY *key;
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

static EVP_PKEY *
find(const struct tlskey_ring *r, const void *id)
{
	for (size_t i = 0; i < r->n; i++)
		if (memcmp(r->v[i].id, id, TLSKEY_ID) == 0)
			return r->v[i].key;
	return NULL;
}

enum err
tlskey_ring_add(struct tlskey_ring *r, const char *path, char *why, size_t size)
{
	struct member m;
	enum err e = tlskey_read(path, &m.key, why, size);
	if (e != OK)
		return e;
	if (!tlskey_id(m.key, m.id) || find(r, m.id) != NULL) {
		EVP_PKEY_free(m.key);
		return OK;
	}
	r->v = mem_grow(r->v, (r->n + 1) * sizeof(*r->v));
	r->v[r->n++] = m;
	return OK;
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

static enum err
status_err(enum tlskey_status status)
{
	switch (status) {
	case TLSKEY_SIGNED: return OK;
	case TLSKEY_NO_KEY: return ERR_NOTFOUND;
	case TLSKEY_NOT_TLS: return ERR_DENIED;
	case TLSKEY_NOT_UNDERSTOOD: return ERR_UNSUPPORTED;
	case TLSKEY_FAILED: break;
	}
	return ERR_IO;
}

enum err
tlskey_serve(const struct tlskey_ring *r, struct str request, struct buf *reply)
{
	uint8_t version = 0, padding, hash, zero;
	uint32_t serial = 0;
	struct str id, s = request;
	enum tlskey_status status = TLSKEY_NOT_UNDERSTOOD;
	EVP_PKEY *key;
	buf_reset(reply);
	buf_add(reply, "\0\0\0\0\0\0\0\0", TLSKEY_HEAD);
	bool whole = request.n <= TLSKEY_REQUEST_MAX && str_get_u8(&s, &version)
	    && version == TLSKEY_VERSION && str_get_u8(&s, &padding)
	    && padding <= TLSKEY_PSS && str_get_u8(&s, &hash) && hash < TLSKEY_HASHES
	    && str_get_u8(&s, &zero) && str_get_u32(&s, &serial)
	    && str_get_bytes(&s, TLSKEY_ID, &id);
	if (whole) {
		if ((key = find(r, id.p)) == NULL)
			status = TLSKEY_NO_KEY;
		else if (!is_certificate_verify(s) && !is_server_key_exchange(s))
			status = TLSKEY_NOT_TLS;
		else
			status = sign(key, (enum tlskey_padding)padding,
			    tlskey_hashes[hash], s, reply);
	}
	struct buf head = BUF_INIT;
	buf_add_u8(&head, TLSKEY_VERSION);
	buf_add_u8(&head, (uint8_t)status);
	buf_add_u16(&head, 0);
	buf_add_u32(&head, serial);
	memcpy(reply->p, head.p, TLSKEY_HEAD);
	buf_free(&head);
	return whole ? status_err(status) : ERR_SYNTAX;
}
