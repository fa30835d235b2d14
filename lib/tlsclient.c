/* tlsclient.c - see tlsclient.h */
#include "lib/tlsclient.h"
#include "lib/mem.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct tlsclient {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	char *host;
	bool failed;		/* then there is nobody to say goodbye to */
};

static void
add_openssl_error(struct buf *why)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());
	buf_adds(why, text != NULL ? text : "the connection was closed");
	ERR_clear_error();
}

/* OK: it may go on; what SSL_ERROR it was decides for what it waits. */
static enum err
wait_until(const struct tlsclient *t, int ssl_error, int seconds)
{
	struct pollfd p = {
		.fd = t->fd, .events = ssl_error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN,
	};
	int n;
	do
		n = poll(&p, 1, seconds * 1000);
	while (n < 0 && errno == EINTR);
	return n > 0 ? OK : n == 0 ? ERR_TIMEOUT : ERR_IO;
}

/* Only "try again" leaves the connection usable. */
static enum err
result_of(struct tlsclient *t, int ssl_error)
{
	if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE)
		return ERR_AGAIN;
	t->failed = ssl_error != SSL_ERROR_ZERO_RETURN;
	return ssl_error == SSL_ERROR_SSL ? ERR_SYNTAX : ERR_CLOSED;
}

/* RFC 6066 section 3: an address is no server_name. */
static bool
name_server(const struct tlsclient *t)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(t->host);
	bool is_name = address == NULL;
	ASN1_OCTET_STRING_free(address);
	ERR_clear_error();
	return !is_name || SSL_set_tlsext_host_name(t->ssl, t->host) == 1;
}

static enum err
set_up(struct tlsclient *t, const char *keyfile, struct buf *why)
{
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (t->ctx == NULL) {
		add_openssl_error(why);
		return ERR_IO;
	}
	/* Without them no certificate is good, and that is said. */
	(void)SSL_CTX_set_default_verify_paths(t->ctx);
	if (keyfile != NULL && (SSL_CTX_use_certificate_chain_file(t->ctx, keyfile) != 1 ||
	    SSL_CTX_use_PrivateKey_file(t->ctx, keyfile, SSL_FILETYPE_PEM) != 1)) {
		buf_printf(why, "%s: cannot read a certificate and its key from it: ", keyfile);
		add_openssl_error(why);
		return ERR_IO;
	}
	SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	t->ssl = SSL_new(t->ctx);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, t->fd) != 1 || !name_server(t)) {
		add_openssl_error(why);
		return ERR_IO;
	}
	return OK;
}

static enum err
shake_hands(struct tlsclient *t, int seconds, struct buf *why)
{
	enum err e = OK;
	while (e == OK) {
		ERR_clear_error();
		errno = 0;
		int rc = SSL_connect(t->ssl);
		if (rc == 1)
			return OK;
		int saved = errno, ssl_error = SSL_get_error(t->ssl, rc);
		e = result_of(t, ssl_error);
		if (e != ERR_AGAIN) {
			if (ssl_error == SSL_ERROR_SYSCALL && saved != 0)
				buf_adds(why, strerror(saved));
			else
				add_openssl_error(why);
			return e;
		}
		e = wait_until(t, ssl_error, seconds);
	}
	t->failed = true;
	buf_adds(why, err_text(e));
	return e;
}

enum err
tlsclient_new(int fd, const char *host, const char *keyfile, int seconds,
    struct tlsclient **out, struct buf *why)
{
	struct tlsclient *t = mem_zero(1, sizeof(*t));
	t->fd = fd;
	t->host = mem_copy(host);
	enum err e = set_up(t, keyfile, why);
	if (e == OK)
		e = shake_hands(t, seconds, why);
	if (e != OK) {
		t->failed = true;
		tlsclient_free(t);
		t = NULL;
	}
	*out = t;
	return e;
}

void
tlsclient_free(struct tlsclient *t)
{
	if (t == NULL)
		return;
	if (!t->failed)
		(void)SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	ERR_clear_error();
	free(t->host);
	free(t);
}

enum err
tlsclient_read(struct tlsclient *t, void *p, size_t max, size_t *got)
{
	*got = 0;
	ERR_clear_error();
	int n = SSL_read(t->ssl, p, max < INT_MAX ? (int)max : INT_MAX);
	if (n <= 0)
		return result_of(t, SSL_get_error(t->ssl, n));
	*got = (size_t)n;
	return OK;
}

enum err
tlsclient_write(struct tlsclient *t, const void *p, size_t n, int seconds)
{
	const char *at = p;
	while (n > 0) {
		ERR_clear_error();
		int sent = SSL_write(t->ssl, at, n < INT_MAX ? (int)n : INT_MAX);
		if (sent > 0) {
			at += sent;
			n -= (size_t)sent;
			continue;
		}
		int ssl_error = SSL_get_error(t->ssl, sent);
		enum err e = result_of(t, ssl_error);
		if (e == ERR_AGAIN)
			e = wait_until(t, ssl_error, seconds);
		if (e != OK)
			return e;
	}
	return OK;
}

static void
add_bio(BIO *bio, struct buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	if (n > 0)
		buf_add(out, p, (size_t)n);
	(void)BIO_reset(bio);
}

static void
add_certificate(const struct tlsclient *t, X509 *cert, BIO *bio, struct buf *lines)
{
	buf_adds(lines, "certificate of: ");
	X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_ONELINE);
	add_bio(bio, lines);
	buf_adds(lines, "\nissued by: ");
	X509_NAME_print_ex(bio, X509_get_issuer_name(cert), 0, XN_FLAG_ONELINE);
	add_bio(bio, lines);
	buf_adds(lines, "\nvalid until: ");
	ASN1_TIME_print(bio, X509_get0_notAfter(cert));
	add_bio(bio, lines);
	buf_adds(lines, "\n");
	long bad = SSL_get_verify_result(t->ssl);
	if (bad != X509_V_OK)
		buf_printf(lines, "verify error:num=%ld:%s\n", bad,
		    X509_verify_cert_error_string(bad));
	if (X509_check_host(cert, t->host, 0, 0, NULL) != 1 &&
	    X509_check_ip_asc(cert, t->host, 0) != 1)
		buf_printf(lines, "verify error:the certificate is not for %s\n", t->host);
}

void
tlsclient_facts(const struct tlsclient *t, struct buf *lines)
{
	int all = 0, secret = SSL_get_cipher_bits(t->ssl, &all);
	buf_printf(lines, "TLS connection established: %s with cipher %s (%d/%d bits)\n",
	    SSL_get_version(t->ssl), SSL_get_cipher_name(t->ssl), secret, all);
	X509 *cert = SSL_get0_peer_certificate(t->ssl);
	BIO *bio = BIO_new(BIO_s_mem());
	if (cert != NULL && bio != NULL)
		add_certificate(t, cert, bio, lines);
	BIO_free(bio);
	ERR_clear_error();
}

int
tlsclient_bits(const struct tlsclient *t)
{
	return SSL_get_cipher_bits(t->ssl, NULL);
}

bool
tlsclient_has_certificate(const struct tlsclient *t)
{
	return SSL_get_certificate(t->ssl) != NULL;
}

enum err
tlsclient_binding(const struct tlsclient *t, struct buf *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	unsigned char key[32];
	if ((SSL_version(t->ssl) < TLS1_3_VERSION && SSL_get_extms_support(t->ssl) != 1) ||
	    SSL_export_keying_material(t->ssl, key, sizeof(key), label, sizeof(label) - 1,
	    (const unsigned char *)"", 0, 1) != 1) {
		ERR_clear_error();
		return ERR_UNSUPPORTED;
	}
	buf_add(out, key, sizeof(key));
	return OK;
}
