/*
 * tls_setup.c - an SSL_CTX as imapd.conf wants it
 *
 * Records.  Read-ahead takes what the socket has in one call instead of two a
 * record; released buffers keep an idle connection small.  A write may stop
 * after any record and is repeated by the caller from where it stopped, from
 * another address if he likes (his buffer may have moved).
 *
 * Ciphers.  What has no forward secrecy (RSA as key exchange), no
 * authentication or a shared secret instead of a certificate is taken out of
 * every list: a holder of keys only signs (tlskey.h).  DHE needs parameters:
 * without them nobody makes us calculate in large groups.
 */
#include "lib/tls_in.h"

#include "lib/log.h"
#include "lib/str.h"

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NEVER		":!kRSA:!PSK:!SRP:!aNULL:!eNULL:!EXPORT"

enum {
	READ_AHEAD = 32 * 1024,
	VERIFY_DEPTH = 9,
};

void
tls_say(struct tls_trouble *why, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	ERR_clear_error();
}

void
tls_say_openssl(struct tls_trouble *why, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	unsigned long code = ERR_get_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
	tls_say(why, "%s: %s", text, reason != NULL ? reason : "no reason given");
}

static bool
is_set(const char *value)
{
	return value != NULL && *value != '\0';
}

/* "tls1_2 tls1_3": those before are known names, but nobody offers them. */
static enum err
set_versions(SSL_CTX *ssl, const char *words, struct tls_trouble *why)
{
	bool has_12 = !is_set(words) || strstr(words, "tls1_2") != NULL;
	bool has_13 = !is_set(words) || strstr(words, "tls1_3") != NULL;
	if (!has_12 && !has_13) {
		tls_say(why, "tls_versions \"%s\" names neither tls1_2 nor tls1_3", words);
		return ERR_SYNTAX;
	}
	SSL_CTX_set_min_proto_version(ssl, has_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(ssl, has_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
	return OK;
}

static enum err
set_ciphers(SSL_CTX *ssl, const struct tls_params *p, struct tls_trouble *why)
{
	struct buf list = BUF_INIT;
	buf_printf(&list, "%s%s", is_set(p->ciphers) ? p->ciphers : "DEFAULT", NEVER);
	bool fits = SSL_CTX_set_cipher_list(ssl, list.p) == 1;
	buf_free(&list);
	if (!fits) {
		tls_say_openssl(why, "tls_ciphers \"%s\" leaves no cipher with forward secrecy",
		    p->ciphers);
		return ERR_SYNTAX;
	}
	if (is_set(p->ciphersuites) && SSL_CTX_set_ciphersuites(ssl, p->ciphersuites) != 1) {
		tls_say_openssl(why, "tls_ciphersuites \"%s\"", p->ciphersuites);
		return ERR_SYNTAX;
	}
	return OK;
}

/* OpenSSL before 3.3 takes a list whole or not at all: so one by one. */
static enum err
set_groups(SSL_CTX *ssl, const char *groups, struct tls_trouble *why)
{
	if (!is_set(groups) || strcmp(groups, "auto") == 0)
		return OK;
	struct buf known = BUF_INIT, one = BUF_INIT;
	for (const char *at = groups; *at != '\0';) {
		size_t n = strcspn(at, ":, \t");
		buf_reset(&one);
		buf_add(&one, at, n);
		if (n > 0 && SSL_CTX_set1_groups_list(ssl, one.p) == 1)
			buf_printf(&known, "%s%s", known.n > 0 ? ":" : "", one.p);
		at += n + strspn(at + n, ":, \t");
	}
	bool fits = known.n > 0 && SSL_CTX_set1_groups_list(ssl, known.p) == 1;
	buf_free(&known);
	buf_free(&one);
	ERR_clear_error();
	if (fits)
		return OK;
	tls_say(why, "tls_eccurve \"%s\" names no group that this OpenSSL knows", groups);
	return ERR_SYNTAX;
}

static enum err
set_dh(SSL_CTX *ssl, const char *file, const struct buf *pem, struct tls_trouble *why)
{
	if (!is_set(file))
		return OK;
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	EVP_PKEY *dh = NULL;
	OSSL_DECODER_CTX *d = bio == NULL ? NULL : OSSL_DECODER_CTX_new_for_pkey(&dh, "PEM",
	    NULL, "DH", OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, NULL, NULL);
	/* On success it is the context's. */
	bool fits = d != NULL && OSSL_DECODER_from_bio(d, bio) == 1
	    && SSL_CTX_set0_tmp_dh_pkey(ssl, dh) == 1;
	if (!fits) {
		EVP_PKEY_free(dh);
		tls_say_openssl(why, "tls_server_dhparam \"%s\" holds no usable parameters"
		    " (openssl dhparam -out makes them)", file);
	}
	OSSL_DECODER_CTX_free(d);
	BIO_free(bio);
	return fits ? OK : ERR_CORRUPT;
}

/* --- clients with certificates --- */

/* CAs above the one that signed the client's may do without a CRL. */
static int
on_verified(int ok, X509_STORE_CTX *ctx)
{
	if (ok || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_UNABLE_TO_GET_CRL
	    || X509_STORE_CTX_get_error_depth(ctx) == 0)
		return ok;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

/* Certificates and lists of what is revoked, to be believed; how many of each. */
struct added {
	int certs, crls;
	bool is_whole;
};

static struct added
add_pem(SSL_CTX *ssl, const struct buf *pem, bool is_told)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	STACK_OF(X509_INFO) *all = bio != NULL
	    ? PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL) : NULL;
	struct added added = { .is_whole = all != NULL };
	for (int i = 0; i < sk_X509_INFO_num(all); i++) {
		const X509_INFO *one = sk_X509_INFO_value(all, i);
		if (one->x509 != NULL) {
			added.certs += X509_STORE_add_cert(store, one->x509);
			if (is_told)
				(void)SSL_CTX_add_client_CA(ssl, one->x509);
		}
		if (one->crl != NULL)
			added.crls += X509_STORE_add_crl(store, one->crl);
	}
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	BIO_free(bio);
	return added;
}

static enum err
set_crl(SSL_CTX *ssl, const char *file, const struct buf *pem, struct tls_trouble *why)
{
	if (!is_set(file))
		return OK;
	struct added added = add_pem(ssl, pem, false);
	if (!added.is_whole || added.crls == 0) {
		tls_say_openssl(why, "tls_crl_file \"%s\" holds no revocation list that can"
		    " be read", file);
		return ERR_CORRUPT;
	}
	X509_STORE_set_flags(SSL_CTX_get_cert_store(ssl),
	    X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return OK;
}

static enum err
set_clients(SSL_CTX *ssl, const struct tls_params *p, const struct tls_bundle *b,
    struct tls_trouble *why)
{
	bool has_file = is_set(p->client_ca_file), has_dir = is_set(p->client_ca_dir);
	bool required = p->client_certs == TLS_CLIENTS_REQUIRE;
	if (p->client_certs == TLS_CLIENTS_OFF || (!has_file && !has_dir && !required))
		return OK;
	if (!has_file && !has_dir) {
		tls_say(why, "tls_client_certs: require needs tls_client_ca_file or"
		    " tls_client_ca_dir");
		return ERR_SYNTAX;
	}
	/* Of a directory, often all CAs of the world, clients are not told the names. */
	struct added from_file = { .is_whole = true }, from_dir = { .is_whole = true };
	if (has_file)
		from_file = add_pem(ssl, &b->ca_file, true);
	if (has_dir)
		from_dir = add_pem(ssl, &b->ca_dir, false);
	if (!from_file.is_whole || (has_file && from_file.certs == 0) || !from_dir.is_whole) {
		tls_say_openssl(why, "the CAs of clients in \"%s\" cannot be used",
		    has_file ? p->client_ca_file : p->client_ca_dir);
		return ERR_CORRUPT;
	}
	SSL_CTX_set_verify_depth(ssl, VERIFY_DEPTH);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER
	    | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), on_verified);
	ERR_clear_error();
	return set_crl(ssl, p->crl_file, &b->crl, why);
}

/* --- all of it --- */

static void
set_sessions(SSL_CTX *ssl, int64_t seconds)
{
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	if (seconds > 0) {
		SSL_CTX_set_timeout(ssl, (long)seconds);
	} else {
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ssl, 0);
	}
}

enum err
tls_setup(const struct tls_params *p, const struct tls_bundle *b, SSL_CTX **out,
    struct tls_trouble *why)
{
	*out = NULL;
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	if (ssl == NULL) {
		tls_say_openssl(why, "OpenSSL does not start; out of memory?");
		/* No fault of the configuration: whoever comes next tries anew. */
		log_fatal(75, "TLS: %s", why->text);
	}
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION
	    | (p->prefer_server_ciphers
	    ? SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA : 0));
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE
	    | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_default_read_buffer_len(ssl, READ_AHEAD);
	set_sessions(ssl, p->session_timeout);
	enum err e = set_versions(ssl, p->versions, why);
	if (e == OK)
		e = set_ciphers(ssl, p, why);
	if (e == OK)
		e = set_groups(ssl, p->groups, why);
	if (e == OK)
		e = set_dh(ssl, p->dh_file, &b->dh, why);
	if (e == OK)
		e = set_clients(ssl, p, b, why);
	if (e == OK)
		*out = ssl;
	else
		SSL_CTX_free(ssl);
	return e;
}

void
tls_setup_policy(const struct tls_params *p, struct buf *out)
{
	const char *const parts[] = {
		p->versions, p->ciphers, p->ciphersuites,
		p->client_ca_file, p->client_ca_dir, p->crl_file,
	};
	buf_printf(out, "%d", (int)p->client_certs);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		buf_adds(out, parts[i] != NULL ? parts[i] : "");
		buf_addc(out, '\0');
	}
}
