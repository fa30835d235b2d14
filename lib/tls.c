/*
 * tls.c - one connection
 *
 * No call waits.  Whoever waits does it for the handshake, too: a client may
 * take TLS_HANDSHAKE_SECONDS for it in all.
 */
#include "lib/tls_in.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls *
tls_new(struct tls_context *ctx, int rfd, int wfd)
{
	struct tls *t = mem_zero(1, sizeof(*t));
	t->ctx = ctx;
	if ((t->ssl = SSL_new(tls_context_ssl(ctx))) == NULL)
		log_fatal(75, "out of memory for TLS");
	if (SSL_set_rfd(t->ssl, rfd) != 1 || SSL_set_wfd(t->ssl, wfd) != 1)
		log_fatal(75, "out of memory for TLS");
	SSL_set_app_data(t->ssl, t);
	SSL_set_accept_state(t->ssl);
	tls_ticket_prepare(t);
	return t;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	free(t);
}

/* What OpenSSL says in words that help nobody who knows mail and not OpenSSL. */
static const struct {
	int reason;
	const char *means;
} meanings[] = {
	{ SSL_R_HTTP_REQUEST, "the client speaks plain HTTP" },
	{ SSL_R_HTTPS_PROXY_REQUEST, "the client speaks plain HTTP" },
	{ SSL_R_WRONG_VERSION_NUMBER, "the client speaks without TLS where TLS comes first" },
	{ SSL_R_RECORD_LENGTH_MISMATCH, "the client speaks without TLS where TLS comes first" },
	{ SSL_R_UNSUPPORTED_PROTOCOL, "the client knows no version of tls_versions" },
	{ SSL_R_NO_SHARED_CIPHER, "no cipher in common" },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no signature algorithm in common" },
	{ SSL_R_NO_SHARED_GROUPS, "no group (tls_eccurve) in common" },
	{ SSL_R_NO_APPLICATION_PROTOCOL, "the client wants another protocol (ALPN)" },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
	    "the client has no certificate, which tls_client_certs requires" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the client does not trust our certificate" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the client does not trust our certificate" },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the client does not trust our certificate" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the client holds our certificate for expired" },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the client knows no version of tls_versions" },
};

/* The oldest error, for the log; the queue is emptied. */
static void
explain(struct tls *t)
{
	unsigned long code = ERR_get_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
	int number = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
	const char *means = NULL;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (number == meanings[i].reason)
			means = meanings[i].means;
	if (number == SSL_R_CERTIFICATE_VERIFY_FAILED)
		snprintf(t->why, sizeof(t->why), "the client's certificate is refused: %s",
		    X509_verify_cert_error_string(SSL_get_verify_result(t->ssl)));
	else
		snprintf(t->why, sizeof(t->why), "%s%s%s%s", means != NULL ? means : "",
		    means != NULL ? " (" : "",
		    reason != NULL ? reason : "no reason given", means != NULL ? ")" : "");
	ERR_clear_error();
}

/* What a call of OpenSSL that returned RC < 1 means for us. */
static enum err
outcome(struct tls *t, int rc, short *events)
{
	int saved = errno;
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		*events = POLLIN;
		return ERR_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		*events = POLLOUT;
		return ERR_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return ERR_CLOSED;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		t->truncated = true;
		snprintf(t->why, sizeof(t->why), "%s",
		    saved != 0 ? strerror(saved) : "connection cut off");
		return ERR_CLOSED;
	default:
		if (ERR_GET_REASON(ERR_peek_error())
		    == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			ERR_clear_error();
			t->truncated = true;
			snprintf(t->why, sizeof(t->why), "connection cut off");
			return ERR_CLOSED;
		}
		/* Else it is the client's affair, which its session tells of. */
		if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
			log_err("TLS: out of memory; the connection ends");
		explain(t);
		return ERR_SYNTAX;
	}
}

enum err
tls_handshake(struct tls *t, short *events)
{
	ERR_clear_error();
	errno = 0;
	int rc = SSL_do_handshake(t->ssl);
	return rc == 1 ? OK : outcome(t, rc, events);
}

enum err
tls_read(struct tls *t, void *p, size_t max, size_t *got, short *events)
{
	ERR_clear_error();
	errno = 0;
	int rc = SSL_read_ex(t->ssl, p, max, got);
	return rc == 1 ? OK : outcome(t, rc, events);
}

enum err
tls_write(struct tls *t, const void *p, size_t n, size_t *sent, short *events)
{
	ERR_clear_error();
	errno = 0;
	int rc = SSL_write_ex(t->ssl, p, n, sent);
	return rc == 1 ? OK : outcome(t, rc, events);
}

bool
tls_has_pending(const struct tls *t)
{
	return SSL_has_pending(t->ssl) == 1;
}

void
tls_end(struct tls *t)
{
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

/* --- what it is --- */

const char *
tls_version(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *
tls_cipher(const struct tls *t)
{
	return SSL_get_cipher_name(t->ssl);
}

int
tls_bits(const struct tls *t)
{
	return SSL_get_cipher_bits(t->ssl, NULL);
}

bool
tls_is_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
}

const char *
tls_server_name(const struct tls *t, bool *known)
{
	*known = t->name_known;
	return *t->name != '\0' ? t->name : NULL;
}

bool
tls_is_truncated(const struct tls *t)
{
	return t->truncated;
}

const char *
tls_why(const struct tls *t)
{
	return t->why;
}
