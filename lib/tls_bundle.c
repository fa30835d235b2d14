#include "lib/tls_bundle.h"

#include "lib/log.h"

#include <openssl/evp.h>

/* In encoded bundles, so these numbers stay; PATH begins a certificate. */
enum field {
	FIELD_PATH = 1, FIELD_PEM, FIELD_OCSP, FIELD_DH, FIELD_CA_FILE, FIELD_CA_DIR,
	FIELD_CRL, FIELDS
};

void
tls_bundle_init(struct tls_bundle *b)
{
	*b = (struct tls_bundle){
		.dh = BUF_INIT, .ca_file = BUF_INIT, .ca_dir = BUF_INIT, .crl = BUF_INIT,
	};
	for (size_t i = 0; i < TLS_CERTS; i++)
		b->certs[i] = (struct tls_cert){ BUF_INIT, BUF_INIT, BUF_INIT };
}

void
tls_bundle_free(struct tls_bundle *b)
{
	for (size_t i = 0; i < TLS_CERTS; i++) {
		buf_free(&b->certs[i].path);
		buf_free(&b->certs[i].pem);
		buf_free(&b->certs[i].ocsp);
	}
	b->n = 0;
	buf_free(&b->dh);
	buf_free(&b->ca_file);
	buf_free(&b->ca_dir);
	buf_free(&b->crl);
}

void
tls_stock_init(struct tls_stock *s)
{
	*s = (struct tls_stock){ .bytes = BUF_INIT };
	tls_bundle_init(&s->bundle);
}

void
tls_stock_free(struct tls_stock *s)
{
	tls_bundle_free(&s->bundle);
	buf_free(&s->bytes);
	for (size_t i = 0; i < TLS_CERTS; i++) {
		EVP_PKEY_free(s->keys[i]);
		s->keys[i] = NULL;
	}
}

static void
put(struct buf *out, enum field what, const struct buf *bytes)
{
	if (bytes->n == 0)
		return;
	buf_add_u8(out, (uint8_t)what);
	buf_add_u32(out, (uint32_t)bytes->n);
	buf_add_str(out, buf_str(bytes));
}

void
tls_bundle_encode(const struct tls_bundle *b, struct buf *out)
{
	for (size_t i = 0; i < b->n; i++) {
		put(out, FIELD_PATH, &b->certs[i].path);
		put(out, FIELD_PEM, &b->certs[i].pem);
		put(out, FIELD_OCSP, &b->certs[i].ocsp);
	}
	put(out, FIELD_DH, &b->dh);
	put(out, FIELD_CA_FILE, &b->ca_file);
	put(out, FIELD_CA_DIR, &b->ca_dir);
	put(out, FIELD_CRL, &b->crl);
}

/* Where it belongs; NULL: nowhere. */
static struct buf *
place(struct tls_bundle *b, uint8_t what)
{
	if (what == FIELD_PATH && b->n < TLS_CERTS)
		return &b->certs[b->n++].path;
	if (b->n == 0 || what == FIELD_PATH || what >= FIELDS)
		return NULL;
	struct buf *const places[FIELDS] = {
		[FIELD_PEM] = &b->certs[b->n - 1].pem, [FIELD_OCSP] = &b->certs[b->n - 1].ocsp,
		[FIELD_DH] = &b->dh, [FIELD_CA_FILE] = &b->ca_file,
		[FIELD_CA_DIR] = &b->ca_dir, [FIELD_CRL] = &b->crl,
	};
	return places[what];
}

enum err
tls_bundle_decode(struct str s, struct tls_bundle *b)
{
	while (s.n > 0) {
		uint8_t what;
		uint32_t n;
		struct str bytes;
		if (!str_get_u8(&s, &what) || !str_get_u32(&s, &n)
		    || !str_get_bytes(&s, n, &bytes))
			return ERR_CORRUPT;
		struct buf *to = place(b, what);
		/* Each comes once. */
		if (to == NULL || to->n > 0 || n == 0)
			return ERR_CORRUPT;
		buf_add_str(to, bytes);
	}
	return OK;
}

void
tls_bundle_hash(struct str bytes, uint8_t hash[TLS_BUNDLE_HASH])
{
	unsigned n = TLS_BUNDLE_HASH;
	if (EVP_Digest(bytes.p, bytes.n, hash, &n, EVP_sha256(), NULL) != 1)
		log_fatal(75, "out of memory for TLS");
}
