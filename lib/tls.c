/*
 * The only file that includes OpenSSL's TLS.
 *
 * Records.  Read-ahead takes what the socket has in one call instead of two a
 * record; released buffers keep an idle connection small.  A write may stop
 * after any record and is repeated by the caller from where it stopped, from
 * another address if he likes (his buffer may have moved).
 *
 * Session tickets stay with OpenSSL's defaults (stateless, with random keys of
 * the context): workers that are copies of one template take each other's, and
 * a reload, which makes a new template, makes new keys.
 */
#include "lib/tls_in.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <openssl/err.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_AHEAD = 32 * 1024 };

/* The oldest error in OpenSSL's queue, which is emptied. */
static const char *
openssl_says(char *text, size_t size)
{
	unsigned long code = ERR_get_error();
	if (code == 0)
		snprintf(text, size, "no reason given");
	else
		ERR_error_string_n(code, text, size);
	ERR_clear_error();
	return text;
}

/* Can it be read at all?  OpenSSL's own words for that help nobody. */
static enum err
check_readable(const char *option, const char *path)
{
	if (path == NULL || *path == '\0') {
		log_err("TLS: %s is not set in imapd.conf", option);
		return ERR_NOTFOUND;
	}
	if (access(path, R_OK) == 0)
		return OK;
	int failure = errno;
	log_err("TLS: cannot read %s \"%s\": %s%s", option, path,
	    strerror(failure), failure == EACCES
	    ? "; the server's user needs read permission" : "");
	return failure == ENOENT ? ERR_NOTFOUND : ERR_IO;
}

static enum err
load_files(SSL_CTX *ssl, const struct tls_params *p)
{
	char why[160];
	enum err e = check_readable("tls_server_cert", p->cert_file);
	if (e == OK)
		e = check_readable("tls_server_key", p->key_file);
	if (e != OK)
		return e;
	if (SSL_CTX_use_certificate_chain_file(ssl, p->cert_file) != 1) {
		log_err("TLS: \"%s\" holds no usable PEM certificate: %s",
		    p->cert_file, openssl_says(why, sizeof(why)));
		return ERR_CORRUPT;
	}
	if (SSL_CTX_use_PrivateKey_file(ssl, p->key_file, SSL_FILETYPE_PEM) != 1) {
		log_err("TLS: \"%s\" holds no PEM private key for certificate"
		    " \"%s\" (a key with a passphrase cannot be used): %s",
		    p->key_file, p->cert_file, openssl_says(why, sizeof(why)));
		return ERR_CORRUPT;
	}
	return OK;
}

static const struct {
	const char *name;
	int version;
} version_names[] = {
	{ "tls1_0", TLS1_VERSION }, { "tls1_1", TLS1_1_VERSION },
	{ "tls1_2", TLS1_2_VERSION }, { "tls1_3", TLS1_3_VERSION },
};
enum { VERSIONS = sizeof(version_names) / sizeof(version_names[0]) };

/* "tls1_2 tls1_3": the lowest and the highest that are named. */
static enum err
set_versions(SSL_CTX *ssl, const char *words)
{
	int lowest = TLS1_2_VERSION, highest = 0, found = 0;
	for (int i = VERSIONS - 1; i >= 0; i--) {
		if (words == NULL || strstr(words, version_names[i].name) == NULL)
			continue;
		lowest = version_names[i].version;
		if (found++ == 0)
			highest = lowest;
	}
	if (words != NULL && *words != '\0' && found == 0) {
		log_err("TLS: tls_versions \"%s\" names none of tls1_0 tls1_1"
		    " tls1_2 tls1_3", words);
		return ERR_SYNTAX;
	}
	SSL_CTX_set_min_proto_version(ssl, lowest);
	SSL_CTX_set_max_proto_version(ssl, highest);
	return OK;
}

static enum err
set_ciphers(SSL_CTX *ssl, const struct tls_params *p)
{
	char why[160];
	if (p->ciphers != NULL && *p->ciphers != '\0'
	    && SSL_CTX_set_cipher_list(ssl, p->ciphers) != 1) {
		log_err("TLS: tls_ciphers \"%s\": %s", p->ciphers,
		    openssl_says(why, sizeof(why)));
		return ERR_SYNTAX;
	}
	if (p->ciphersuites != NULL && *p->ciphersuites != '\0'
	    && SSL_CTX_set_ciphersuites(ssl, p->ciphersuites) != 1) {
		log_err("TLS: tls_ciphersuites \"%s\": %s", p->ciphersuites,
		    openssl_says(why, sizeof(why)));
		return ERR_SYNTAX;
	}
	return OK;
}

static void
set_sessions(SSL_CTX *ssl, int minutes)
{
	static const unsigned char id[] = "chapar";
	SSL_CTX_set_session_id_context(ssl, id, sizeof(id) - 1);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	if (minutes > 0) {
		SSL_CTX_set_timeout(ssl, minutes * 60L);
	} else {
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ssl, 0);
	}
}

enum err
tls_context_new(const struct tls_params *p, struct tls_context **ctx)
{
	*ctx = NULL;
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	if (ssl == NULL) {
		char why[160];
		/* No fault of the configuration: whoever comes next tries anew. */
		log_fatal(75, "TLS: OpenSSL does not start: %s; out of memory?",
		    openssl_says(why, sizeof(why)));
	}
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION
	    | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE
	    | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_default_read_buffer_len(ssl, READ_AHEAD);
	set_sessions(ssl, p->session_timeout);
	tls_peer_remember(ssl);
	enum err e = set_versions(ssl, p->versions);
	if (e == OK)
		e = set_ciphers(ssl, p);
	if (e == OK)
		e = load_files(ssl, p);
	if (e != OK) {
		SSL_CTX_free(ssl);
		return e;
	}
	*ctx = mem_get(sizeof(**ctx));
	(*ctx)->ssl = ssl;
	return OK;
}

void
tls_context_free(struct tls_context *ctx)
{
	if (ctx == NULL)
		return;
	SSL_CTX_free(ctx->ssl);
	free(ctx);
}

struct tls *
tls_new(struct tls_context *ctx, int rfd, int wfd)
{
	struct tls *t = mem_zero(1, sizeof(*t));
	if ((t->ssl = SSL_new(ctx->ssl)) == NULL)
		log_fatal(75, "out of memory for TLS");
	if (SSL_set_rfd(t->ssl, rfd) != 1 || SSL_set_wfd(t->ssl, wfd) != 1)
		log_fatal(75, "out of memory for TLS");
	SSL_set_app_data(t->ssl, t);
	SSL_set_accept_state(t->ssl);
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
		snprintf(t->why, sizeof(t->why), "%s",
		    saved != 0 ? strerror(saved) : "connection cut off");
		return ERR_CLOSED;
	default:
		if (ERR_GET_REASON(ERR_peek_error())
		    == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			ERR_clear_error();
			return ERR_CLOSED;
		}
		/* Else it is the client's affair, which its session tells of. */
		if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
			log_err("TLS: out of memory; the connection ends");
		openssl_says(t->why, sizeof(t->why));
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

const char *
tls_why(const struct tls *t)
{
	return t->why;
}
