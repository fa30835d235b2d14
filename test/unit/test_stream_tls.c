/* Streams: TLS. */
#include "lib/stream.h"
#include "lib/tls.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], cert[96], key[96];

/* A key and a certificate of our own making, in files. */
static int
make_certificate(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_tls.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, k);
	X509_NAME *name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_sign(x, k, EVP_sha256());
	FILE *f = fopen(cert, "w");
	PEM_write_X509(f, x);
	fclose(f);
	f = fopen(key, "w");
	PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(k);
	return 0;
}

static int
remove_certificate(void **state)
{
	(void)state;
	unlink(cert);
	unlink(key);
	return rmdir(dir);
}

static void
make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static char *
pattern(size_t n)
{
	char *p = malloc(n);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 2654435761U >> 13);
	return p;
}

/* An OpenSSL client in a thread of its own. */
struct client {
	int fd;
	const char *before;	/* sent in the clear, together with the hello */
	int max_version;
	char got[64];
	int handshake;
};

static void *
run_client(void *arg)
{
	struct client *c = arg;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	if (c->max_version != 0)
		SSL_set_max_proto_version(ssl, c->max_version);
	if (c->before != NULL
	    && write(c->fd, c->before, strlen(c->before)) < 0)
		goto out;
	SSL_set_fd(ssl, c->fd);
	c->handshake = SSL_connect(ssl);
	if (c->handshake != 1)
		goto out;
	SSL_write(ssl, "a1 NOOP\r\n", 9);
	SSL_write(ssl, "a2 NOOP\r\n", 9);
	int n = SSL_read(ssl, c->got, sizeof(c->got) - 1);
	c->got[n > 0 ? n : 0] = '\0';
	/* The server's close_notify: an end in order. */
	if (SSL_read(ssl, c->got + 60, 1) > 0
	    || SSL_get_error(ssl, 0) != SSL_ERROR_ZERO_RETURN)
		c->handshake = -2;
out:
	shutdown(c->fd, SHUT_RDWR);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return NULL;
}

static struct tls_context *
server_context(void)
{
	const struct tls_params p = { .cert_file = cert, .key_file = key };
	struct tls_context *ctx;
	assert_int_equal(tls_context_new(&p, &ctx), OK);
	return ctx;
}

/* That they are the client's, too, is seen where one uses them: test/system/auth. */
static void
check_bindings(struct stream *s, bool is_old)
{
	struct buf b = BUF_INIT;
	assert_int_equal(stream_tls_binding(s, TLS_BINDING_EXPORTER, &b), OK);
	assert_int_equal(b.n, 32);
	buf_reset(&b);
	assert_int_equal(stream_tls_binding(s, TLS_BINDING_UNIQUE, &b),
	    is_old ? OK : ERR_UNSUPPORTED);
	assert_int_equal(b.n, is_old ? 12 : 0);
	buf_reset(&b);
	assert_int_equal(stream_tls_binding(s, TLS_BINDING_SERVER_END_POINT, &b), OK);
	assert_int_equal(b.n, 32);
	buf_free(&b);
}

static void
talk_tls(const char *before, int max_version, const char *version)
{
	int fds[2];
	pthread_t thread;
	struct buf line = BUF_INIT;
	make_pair(fds);
	struct tls_context *ctx = server_context();
	struct client c = { .fd = fds[1], .before = before, .max_version = max_version };
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	assert_int_equal(pthread_create(&thread, NULL, run_client, &c), 0);
	if (before != NULL)
		assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_int_equal(stream_start_tls(s, ctx), OK);
	assert_true(stream_is_tls(s));
	assert_string_equal(stream_tls_version(s), version);
	assert_non_null(stream_tls_cipher(s));
	assert_true(stream_tls_bits(s) >= 128);
	check_bindings(s, max_version == TLS1_2_VERSION);
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "a1 NOOP\r\n");
	assert_int_equal(stream_wait(s, -1, 10000), OK);
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "a2 NOOP\r\n");
	assert_int_equal(stream_wait(s, -1, 1), ERR_TIMEOUT);
	stream_puts(s, "a2 OK\r\n");
	stream_close(s);
	pthread_join(thread, NULL);
	assert_int_equal(c.handshake, 1);
	assert_string_equal(c.got, "a2 OK\r\n");
	close(fds[1]);
	tls_context_free(ctx);
	buf_free(&line);
}

static void
test_tls13(void **state)
{
	(void)state;
	talk_tls(NULL, 0, "TLSv1.3");
}

static void
test_tls12(void **state)
{
	(void)state;
	talk_tls(NULL, TLS1_2_VERSION, "TLSv1.2");
}

/* CVE-2011-0411 and its kin: the second command came in the clear. */
static void
test_starttls_injection(void **state)
{
	(void)state;
	int fds[2];
	struct buf line = BUF_INIT;
	make_pair(fds);
	struct tls_context *ctx = server_context();
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	const char *both = "a STARTTLS\r\nb EVIL\r\n";
	assert_int_equal(write(fds[1], both, strlen(both)), (ssize_t)strlen(both));
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_int_equal(stream_pending(s), 8);
	struct client c = { .fd = fds[1] };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, run_client, &c), 0);
	assert_int_equal(stream_start_tls(s, ctx), OK);
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "a1 NOOP\r\n");
	stream_puts(s, "done");
	stream_close(s);
	pthread_join(thread, NULL);
	close(fds[1]);
	tls_context_free(ctx);
	buf_free(&line);
}

static void
test_tls_deadline(void **state)
{
	(void)state;
	int fds[2];
	make_pair(fds);
	struct tls_context *ctx = server_context();
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 100);
	stream_deadline(s, 1);
	assert_int_equal(stream_start_tls(s, ctx), ERR_TIMEOUT);
	assert_int_equal(stream_error(s), ERR_TIMEOUT);
	assert_false(stream_is_tls(s));
	stream_puts(s, "never in the clear");
	stream_close(s);
	char byte;
	assert_int_equal(read(fds[1], &byte, 1), 0);
	close(fds[1]);
	tls_context_free(ctx);
}

static void
test_no_tls(void **state)
{
	(void)state;
	int fds[2];
	make_pair(fds);
	struct tls_context *ctx = server_context();
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	assert_int_equal(write(fds[1], "GET / HTTP/1.0\r\n\r\n", 18), 18);
	assert_int_equal(stream_start_tls(s, ctx), ERR_SYNTAX);
	stream_close(s);
	close(fds[1]);
	tls_context_free(ctx);
}

static void
test_tls_big(void **state)
{
	(void)state;
	enum { BIG = 1 << 20 };
	int fds[2];
	pthread_t thread;
	make_pair(fds);
	struct tls_context *ctx = server_context();
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	char *data = pattern(BIG);
	struct client c = { .fd = fds[1] };
	pthread_create(&thread, NULL, run_client, &c);
	assert_int_equal(stream_start_tls(s, ctx), OK);
	/* The client takes 63 bytes and goes: the rest fails, without a signal. */
	stream_write(s, data, 10);
	stream_write(s, data, BIG);
	(void)!stream_flush(s);
	assert_true(stream_bytes_out(s) > 0);
	pthread_join(thread, NULL);
	stream_close(s);
	close(fds[1]);
	tls_context_free(ctx);
	free(data);
}

static void
test_certificate_errors(void **state)
{
	(void)state;
	struct tls_context *ctx;
	const struct {
		struct tls_params p;
		enum err want;
	} rows[] = {
		{ { .cert_file = NULL, .key_file = key }, ERR_NOTFOUND },
		{ { .cert_file = "/nonexistent", .key_file = key }, ERR_NOTFOUND },
		{ { .cert_file = key, .key_file = key }, ERR_CORRUPT },
		{ { .cert_file = cert, .key_file = cert }, ERR_CORRUPT },
		{ { .cert_file = cert, .key_file = key, .ciphers = "nonsense" },
		    ERR_SYNTAX },
		{ { .cert_file = cert, .key_file = key, .versions = "ssl2" },
		    ERR_SYNTAX },
		{ { .cert_file = cert, .key_file = key, .versions = "tls1_2 tls1_3",
		    .session_timeout = 60 }, OK },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(tls_context_new(&rows[i].p, &ctx), rows[i].want);
		tls_context_free(ctx);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls13),
		cmocka_unit_test(test_tls12),
		cmocka_unit_test(test_starttls_injection),
		cmocka_unit_test(test_tls_deadline),
		cmocka_unit_test(test_no_tls),
		cmocka_unit_test(test_tls_big),
		cmocka_unit_test(test_certificate_errors),
	};
	return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
