/*
 * tls_ocsp.c - OCSP responses, stapled (RFC 6066 section 8)
 *
 * Somebody else fetches them (openssl ocsp -respout, or the ACME client) and puts
 * them beside the certificate.  One that is for another certificate or that
 * cannot be read is told of; one that has run out is simply not sent: clients
 * take that better than an old one.
 */
#include "lib/tls_in.h"

#include "lib/log.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <string.h>

struct staple {
	unsigned char *der;
	int n;
	ASN1_GENERALIZEDTIME *until;	/* NULL: no end is given */
};

static void
free_staple(void *parent, void *p, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
	(void)parent;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	struct staple *s = p;
	if (s == NULL)
		return;
	OPENSSL_free(s->der);
	ASN1_GENERALIZEDTIME_free(s->until);
	OPENSSL_free(s);
}

/* Where a certificate keeps its response. */
static int
slot(void)
{
	static int index = -1;
	if (index < 0)
		index = X509_get_ex_new_index(0, NULL, NULL, NULL, free_staple);
	return index;
}

/* The part of the response that is about CERT, which the first of CHAIN issued. */
static OCSP_SINGLERESP *
single_for(OCSP_BASICRESP *basic, const X509 *cert, STACK_OF(X509) *chain)
{
	X509 *issuer = sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : NULL;
	for (int i = 0; issuer != NULL && i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
		const OCSP_CERTID *theirs = OCSP_SINGLERESP_get0_id(single);
		ASN1_OBJECT *md = NULL;
		OCSP_id_get0_info(NULL, &md, NULL, NULL, (OCSP_CERTID *)(uintptr_t)theirs);
		OCSP_CERTID *ours = OCSP_cert_to_id(EVP_get_digestbyobj(md), cert, issuer);
		bool same = ours != NULL && OCSP_id_cmp(ours, theirs) == 0;
		OCSP_CERTID_free(ours);
		if (same)
			return single;
	}
	return NULL;
}

static struct staple *
make_staple(OCSP_RESPONSE *r, const X509 *cert, STACK_OF(X509) *chain)
{
	OCSP_BASICRESP *basic = r != NULL
	    && OCSP_response_status(r) == OCSP_RESPONSE_STATUS_SUCCESSFUL
	    ? OCSP_response_get1_basic(r) : NULL;
	OCSP_SINGLERESP *single = basic != NULL ? single_for(basic, cert, chain) : NULL;
	struct staple *s = single != NULL ? OPENSSL_zalloc(sizeof(*s)) : NULL;
	if (s != NULL) {
		ASN1_GENERALIZEDTIME *until = NULL;
		(void)OCSP_single_get0_status(single, NULL, NULL, NULL, &until);
		s->until = until != NULL ? ASN1_STRING_dup(until) : NULL;
		s->n = i2d_OCSP_RESPONSE(r, &s->der);
	}
	OCSP_BASICRESP_free(basic);
	return s;
}

void
tls_ocsp_attach(X509 *cert, STACK_OF(X509) *chain, const struct tls_cert *c)
{
	const unsigned char *der = (const unsigned char *)c->ocsp.p;
	OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &der, (long)c->ocsp.n);
	struct staple *s = make_staple(r, cert, chain);
	OCSP_RESPONSE_free(r);
	if (s == NULL || X509_set_ex_data(cert, slot(), s) != 1) {
		free_staple(NULL, s, NULL, 0, 0, NULL);
		log_warning("TLS: \"%s" TLS_OCSP_SUFFIX "\" holds no OCSP response (DER) for the"
		    " certificate beside it, whose file must have its issuer's, too; not stapled",
		    c->path.p);
	}
	ERR_clear_error();
}

static int
on_status(SSL *ssl, void *ctx)
{
	(void)ctx;
	X509 *cert = SSL_get_certificate(ssl);
	const struct staple *s = cert != NULL ? X509_get_ex_data(cert, slot()) : NULL;
	if (s == NULL || s->n <= 0
	    || (s->until != NULL && X509_cmp_current_time(s->until) < 0))
		return SSL_TLSEXT_ERR_NOACK;
	unsigned char *copy = OPENSSL_memdup(s->der, (size_t)s->n);
	if (copy == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, s->n);
	return SSL_TLSEXT_ERR_OK;
}

void
tls_ocsp_use(SSL_CTX *ssl)
{
	SSL_CTX_set_tlsext_status_cb(ssl, on_status);
}
