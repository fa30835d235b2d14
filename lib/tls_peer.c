/*
 * tls_peer.c - what a connection's TLS says about its two ends
 *
 * In a resumed session we show no certificate, and the one there is may not be
 * the one that the client has seen: another type, another name, renewed since.
 * So a ticket carries the hash of the certificate that its session began with.
 */
#include "lib/tls_in.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <string.h>

/* RFC 5929 section 4.1: MD5 and SHA-1 become SHA-256. */
static const EVP_MD *
end_point_digest(X509 *cert)
{
	int nid;
	if (X509_get_signature_info(cert, &nid, NULL, NULL, NULL) != 1
	    || nid == NID_undef)
		return NULL;
	return nid == NID_md5 || nid == NID_sha1 || nid == NID_md5_sha1
	    ? EVP_sha256() : EVP_get_digestbynid(nid);
}

/* The hash of the certificate that this handshake has shown; 0: undefined. */
static size_t
own_end_point(SSL *ssl, unsigned char out[EVP_MAX_MD_SIZE])
{
	X509 *cert = SSL_get_certificate(ssl);
	const EVP_MD *md = cert != NULL ? end_point_digest(cert) : NULL;
	unsigned n = 0;
	if (md == NULL || X509_digest(cert, md, out, &n) != 1)
		return 0;
	return n;
}

static int
on_ticket(SSL *ssl, void *ctx)
{
	(void)ctx;
	struct tls *t = SSL_get_app_data(ssl);
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t n = t->end_point_n;
	if (SSL_session_reused(ssl))
		memcpy(hash, t->end_point, n);
	else
		n = own_end_point(ssl, hash);
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), hash, n);
}

static SSL_TICKET_RETURN
on_resumption(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_n,
    SSL_TICKET_STATUS status, void *ctx)
{
	(void)name;
	(void)name_n;
	(void)ctx;
	struct tls *t = SSL_get_app_data(ssl);
	void *hash;
	size_t n;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	/* It may have expired or been revoked since: verified anew each time. */
	if (SSL_SESSION_get0_peer(session) != NULL)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (SSL_SESSION_get0_ticket_appdata(session, &hash, &n) != 1
	    || n > sizeof(t->end_point))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (n > 0)
		memcpy(t->end_point, hash, n);
	t->end_point_n = n;
	return status == SSL_TICKET_SUCCESS
	    ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void
tls_peer_remember(SSL_CTX *ssl)
{
	SSL_CTX_set_session_ticket_cb(ssl, on_ticket, on_resumption, NULL);
}

/*
 * Without a master secret that is this connection's only, somebody in the
 * middle can have two connections with the same bindings (RFC 7627).
 */
static bool
has_unique_secret(const struct tls *t)
{
	return SSL_version(t->ssl) >= TLS1_3_VERSION || SSL_get_extms_support(t->ssl) == 1;
}

/* RFC 9266 section 2: 32 bytes, and a context of no bytes, which is not none. */
static enum err
exporter(const struct tls *t, struct buf *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	unsigned char key[32];
	if (!has_unique_secret(t) || SSL_export_keying_material(t->ssl, key, sizeof(key),
	    label, sizeof(label) - 1, (const unsigned char *)"", 0, 1) != 1) {
		ERR_clear_error();
		return ERR_UNSUPPORTED;
	}
	buf_add(out, key, sizeof(key));
	return OK;
}

/* RFC 5929 section 3.1: the first Finished; who resumes hears the server's first. */
static enum err
unique(const struct tls *t, struct buf *out)
{
	unsigned char finished[EVP_MAX_MD_SIZE];
	if (SSL_version(t->ssl) >= TLS1_3_VERSION || !has_unique_secret(t))
		return ERR_UNSUPPORTED;
	size_t n = SSL_session_reused(t->ssl)
	    ? SSL_get_finished(t->ssl, finished, sizeof(finished))
	    : SSL_get_peer_finished(t->ssl, finished, sizeof(finished));
	if (n == 0 || n > sizeof(finished))
		return ERR_UNSUPPORTED;
	buf_add(out, finished, n);
	return OK;
}

static enum err
server_end_point(const struct tls *t, struct buf *out)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t n = t->end_point_n;
	if (SSL_session_reused(t->ssl))
		memcpy(hash, t->end_point, n);
	else
		n = own_end_point(t->ssl, hash);
	if (n == 0)
		return ERR_UNSUPPORTED;
	buf_add(out, hash, n);
	return OK;
}

enum err
tls_binding(const struct tls *t, enum tls_binding type, struct buf *out)
{
	if (!SSL_is_init_finished(t->ssl))
		return ERR_UNSUPPORTED;
	switch (type) {
	case TLS_BINDING_EXPORTER: return exporter(t, out);
	case TLS_BINDING_UNIQUE: return unique(t, out);
	case TLS_BINDING_SERVER_END_POINT: return server_end_point(t, out);
	case TLS_BINDINGS: break;
	}
	return ERR_UNSUPPORTED;
}

/* --- the client's certificate --- */

static bool
add_name(const unsigned char *p, int n, struct buf *out)
{
	if (n <= 0)
		return false;
	for (int i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] == 127)
			return false;
	buf_add(out, p, (size_t)n);
	return true;
}

static bool
email_name(const X509 *cert, size_t n, struct buf *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;
	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_EMAIL || n-- > 0)
			continue;
		found = add_name(ASN1_STRING_get0_data(name->d.rfc822Name),
		    ASN1_STRING_length(name->d.rfc822Name), out);
		break;
	}
	GENERAL_NAMES_free(names);
	return found;
}

static bool
common_name(const X509 *cert, size_t n, struct buf *out)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = -1;
	do
		at = X509_NAME_get_index_by_NID(subject, NID_commonName, at);
	while (at >= 0 && n-- > 0);
	if (at < 0)
		return false;
	unsigned char *text = NULL;
	int bytes = ASN1_STRING_to_UTF8(&text,
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	bool found = add_name(text, bytes, out);
	OPENSSL_free(text);
	return found;
}

bool
tls_client_name(const struct tls *t, enum tls_name which, size_t n, struct buf *out)
{
	const X509 *cert = SSL_get0_peer_certificate(t->ssl);
	if (cert == NULL || SSL_get_verify_result(t->ssl) != X509_V_OK)
		return false;
	bool found = which == TLS_NAME_EMAIL ? email_name(cert, n, out)
	    : common_name(cert, n, out);
	ERR_clear_error();
	return found;
}
