/* Streams: memory, sockets, deadlines, limits, TLS. */
#include "lib/stream.h"
#include "lib/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], cert[96], key[96];

/* A key and a certificate of our own making, in files. */
static int
make_certificate(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_stream.XXXXXX");
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

static void
test_lines(void **state)
{
	(void)state;
	struct buf out = BUF_INIT, line = BUF_INIT;
	struct stream *s = stream_mem(STR("one\r\n\ntoo long\nshort\nrest"), &out);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "one\r\n");
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 1), OK);
	assert_string_equal(line.p, "\n");
	/* The limit is exact, and a line past it leaves nothing behind. */
	assert_int_equal(stream_getline(s, &line, 8), ERR_LIMIT);
	assert_string_equal(line.p, "\n");
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 6), OK);
	assert_string_equal(line.p, "short\n");
	assert_int_equal(stream_pending(s), 4);
	assert_int_equal(stream_getline(s, &line, 100), ERR_CLOSED);
	/* The end of input does not end output. */
	stream_printf(s, "%s %d", "bye", 42);
	assert_int_equal(stream_flush(s), OK);
	assert_string_equal(out.p, "bye 42");
	assert_int_equal(stream_error(s), ERR_CLOSED);
	stream_close(s);
	buf_free(&out);
	buf_free(&line);
}

static void
test_read_and_skip(void **state)
{
	(void)state;
	struct buf out = BUF_INIT;
	struct stream *s = stream_mem(STR("abcdef"), &out);
	struct str have;
	char b[4];
	size_t got;
	assert_int_equal(stream_peek(s, &have), OK);
	assert_int_equal(have.n, 6);
	stream_skip(s, 1);
	assert_int_equal(stream_read(s, b, 2, &got), OK);
	assert_int_equal(got, 2);
	assert_memory_equal(b, "bc", 2);
	assert_int_equal(stream_read_all(s, b, 3), OK);
	assert_memory_equal(b, "def", 3);
	assert_int_equal(stream_read_all(s, b, 1), ERR_CLOSED);
	assert_int_equal(stream_bytes_in(s), 6);
	stream_close(s);
	buf_free(&out);
}

struct feeder {
	int fd;
	struct str bytes;
	size_t piece;
};

static void *
feed(void *arg)
{
	struct feeder *f = arg;
	for (size_t i = 0; i < f->bytes.n; i += f->piece) {
		size_t n = f->bytes.n - i < f->piece ? f->bytes.n - i : f->piece;
		if (write(f->fd, f->bytes.p + i, n) != (ssize_t)n)
			break;
		sched_yield();
	}
	shutdown(f->fd, SHUT_WR);
	return NULL;
}

static void
test_byte_by_byte(void **state)
{
	(void)state;
	int fds[2];
	pthread_t thread;
	struct buf line = BUF_INIT;
	make_pair(fds);
	struct feeder f = { fds[1], STR("a1 LOGIN x y\r\na2 NOOP\r\n"), 1 };
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	pthread_create(&thread, NULL, feed, &f);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "a1 LOGIN x y\r\n");
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	assert_string_equal(line.p, "a2 NOOP\r\n");
	assert_int_equal(stream_getline(s, &line, 100), ERR_CLOSED);
	pthread_join(thread, NULL);
	stream_close(s);
	close(fds[1]);
	buf_free(&line);
}

static char *
pattern(size_t n)
{
	char *p = malloc(n);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 2654435761U >> 13);
	return p;
}

struct drain {
	int fd;
	char *p;
	size_t n, size;
};

static void *
drain(void *arg)
{
	struct drain *d = arg;
	ssize_t n;
	while ((n = read(d->fd, d->p + d->n, d->size - d->n)) > 0)
		d->n += (size_t)n;
	return NULL;
}

/* Small and huge writes arrive in order, whatever the buffer's state. */
static void
test_big_write(void **state)
{
	(void)state;
	enum { BIG = 3 << 20 };
	static const size_t sizes[] = { 1, 65535, 65536, 65537, 10, 1 << 20, 3, 70000 };
	int fds[2];
	pthread_t thread;
	make_pair(fds);
	char *data = pattern(BIG);
	struct drain d = { fds[1], malloc(BIG), 0, BIG };
	pthread_create(&thread, NULL, drain, &d);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	size_t at = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		stream_write(s, data + at, sizes[i]);
		at += sizes[i];
	}
	assert_int_equal(stream_flush(s), OK);
	assert_int_equal(stream_bytes_out(s), at);
	stream_close(s);
	pthread_join(thread, NULL);
	assert_int_equal(d.n, at);
	assert_memory_equal(d.p, data, at);
	close(fds[1]);
	free(d.p);
	free(data);
}

static void
test_big_read(void **state)
{
	(void)state;
	enum { BIG = 1 << 20 };
	int fds[2];
	pthread_t thread;
	make_pair(fds);
	char *data = pattern(BIG), *in = malloc(BIG);
	struct feeder f = { fds[1], { data, BIG }, 100000 };
	pthread_create(&thread, NULL, feed, &f);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 10);
	assert_int_equal(stream_read_all(s, in, 1), OK);
	assert_int_equal(stream_read_all(s, in + 1, BIG - 1), OK);
	assert_memory_equal(in, data, BIG);
	pthread_join(thread, NULL);
	stream_close(s);
	close(fds[1]);
	free(in);
	free(data);
}

static double
seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
test_timeouts(void **state)
{
	(void)state;
	int fds[2];
	struct buf line = BUF_INIT;
	char byte[8];
	make_pair(fds);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 100);
	stream_deadline(s, 1);
	assert_int_equal(write(fds[1], "half", 4), 4);
	double start = seconds();
	assert_int_equal(stream_getline(s, &line, 100), ERR_TIMEOUT);
	assert_true(seconds() - start > 0.9);
	assert_int_equal(stream_getline(s, &line, 100), ERR_TIMEOUT);
	/* A server can still say goodbye. */
	stream_puts(s, "BYE\r\n");
	assert_int_equal(stream_flush(s), OK);
	assert_int_equal(read(fds[1], byte, sizeof(byte)), 5);
	stream_close(s);
	close(fds[1]);
	buf_free(&line);
}

/* A client that does not read is given up too. */
static void
test_write_timeout(void **state)
{
	(void)state;
	enum { BIG = 8 << 20 };
	int fds[2];
	make_pair(fds);
	char *data = pattern(BIG);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_timeout(s, 1);
	stream_write(s, data, BIG);
	assert_int_equal(stream_flush(s), ERR_TIMEOUT);
	assert_int_equal(stream_error(s), ERR_TIMEOUT);
	stream_write(s, data, BIG);
	assert_int_equal(stream_flush(s), ERR_TIMEOUT);
	stream_close(s);
	close(fds[1]);
	free(data);
}

static void
test_dead_client(void **state)
{
	(void)state;
	int fds[2];
	make_pair(fds);
	struct stream *s = stream_new(fds[0], fds[0]);
	close(fds[1]);
	stream_puts(s, "hello");
	assert_int_equal(stream_flush(s), ERR_CLOSED);	/* and no SIGPIPE */
	stream_close(s);
}

static void
test_wait(void **state)
{
	(void)state;
	int fds[2], other[2];
	make_pair(fds);
	assert_int_equal(pipe(other), 0);
	struct stream *s = stream_new(fds[0], fds[0]);
	assert_int_equal(stream_wait(s, other[0], 1), ERR_TIMEOUT);
	assert_int_equal(write(other[1], "x", 1), 1);
	assert_int_equal(stream_wait(s, other[0], 10000), ERR_AGAIN);
	/* The client goes first. */
	assert_int_equal(write(fds[1], "DONE\r\n", 6), 6);
	assert_int_equal(stream_wait(s, other[0], 10000), OK);
	assert_int_equal(stream_pending(s), 6);
	assert_int_equal(stream_wait(s, -1, -1), OK);
	stream_skip(s, 6);
	close(fds[1]);
	assert_int_equal(stream_wait(s, -1, -1), OK);
	struct str none;
	assert_int_equal(stream_peek(s, &none), ERR_CLOSED);
	stream_close(s);
	close(other[0]);
	close(other[1]);
}

static void
test_stop_fd(void **state)
{
	(void)state;
	int fds[2], stop[2];
	char byte[8];
	struct str have;
	make_pair(fds);
	assert_int_equal(pipe(stop), 0);
	struct stream *s = stream_new(fds[0], fds[0]);
	stream_stop_fd(s, stop[0]);
	assert_int_equal(write(stop[1], "x", 1), 1);
	assert_int_equal(write(fds[1], "z", 1), 1);
	/* What is there is read; only waiting ends. */
	assert_int_equal(stream_peek(s, &have), OK);
	stream_skip(s, 1);
	assert_int_equal(stream_peek(s, &have), ERR_CLOSED);
	stream_puts(s, "BYE\r\n");
	assert_int_equal(stream_flush(s), OK);
	assert_int_equal(read(fds[1], byte, sizeof(byte)), 5);
	stream_close(s);
	close(fds[1]);
	close(stop[0]);
	close(stop[1]);
}

static void
test_pipes(void **state)
{
	(void)state;
	enum { MUCH = 200000 };
	int in[2], out[2];
	pthread_t thread;
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	struct stream *s = stream_new(in[0], out[1]);
	stream_timeout(s, 10);
	assert_int_equal(write(in[1], "hi\n", 3), 3);
	struct buf line = BUF_INIT;
	assert_int_equal(stream_getline(s, &line, 10), OK);
	/* What the shell gave us stays as it was. */
	assert_false(fcntl(in[0], F_GETFL) & O_NONBLOCK);
	char *data = pattern(MUCH);
	struct drain d = { out[0], malloc(MUCH), 0, MUCH };
	pthread_create(&thread, NULL, drain, &d);
	stream_write(s, data, MUCH);
	assert_int_equal(stream_flush(s), OK);
	stream_close(s);
	pthread_join(thread, NULL);
	assert_int_equal(d.n, MUCH);
	assert_memory_equal(d.p, data, MUCH);
	close(in[1]);
	close(out[0]);
	free(d.p);
	free(data);
	buf_free(&line);
}

static void
test_telemetry(void **state)
{
	(void)state;
	int copy[2];
	char text[64], want[64] = "";
	struct buf out = BUF_INIT, line = BUF_INIT;
	assert_int_equal(pipe(copy), 0);
	struct stream *s = stream_mem(STR("a NOOP\r\n"), &out);
	time_t before = time(NULL);
	stream_telemetry(s, copy[1], false);
	assert_int_equal(stream_getline(s, &line, 100), OK);
	stream_puts(s, "a OK\r\n");
	assert_int_equal(stream_flush(s), OK);
	ssize_t n = read(copy[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	/* The clock may have moved on by a second or two between. */
	for (time_t t = before; t < before + 10 && strncmp(text, want, 12) != 0; t++)
		snprintf(want, sizeof(want), "<%lld<", (long long)t);
	assert_memory_equal(text, want, 12);
	assert_non_null(strstr(text, "<a NOOP\r\n>"));
	assert_non_null(strstr(text, ">a OK\r\n"));
	stream_telemetry(s, copy[1], true);
	stream_puts(s, "b");
	assert_int_equal(stream_flush(s), OK);
	n = read(copy[0], text, sizeof(text));
	assert_true(n == 4 && text[3] == 'b' && text[1] >= '0' && text[1] <= '9');
	stream_close(s);
	close(copy[0]);
	close(copy[1]);
	buf_free(&out);
	buf_free(&line);
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

/* --- a security layer --- */

/* A packet is a length of up to 9 and that many bytes, each XORed. */
struct toy {
	size_t left;
	bool freed;
};

static enum err
toy_encode(void *ctx, const void *p, size_t n, struct buf *out)
{
	(void)ctx;
	assert_in_range(n, 1, 9);
	buf_addc(out, (char)n);
	for (size_t i = 0; i < n; i++)
		buf_addc(out, (char)(((const char *)p)[i] ^ 0x5a));
	return OK;
}

static enum err
toy_decode(void *ctx, const void *p, size_t n, struct buf *out)
{
	struct toy *t = ctx;
	for (const char *c = p; n > 0; c++, n--)
		if (t->left > 0) {
			buf_addc(out, (char)(*c ^ 0x5a));
			t->left--;
		} else if ((unsigned char)*c > 9) {
			return ERR_SYNTAX;
		} else {
			t->left = (unsigned char)*c;
		}
	return OK;
}

static void
toy_free(void *ctx)
{
	((struct toy *)ctx)->freed = true;
}

static void
seal(const char *text, struct buf *out)
{
	for (size_t n = strlen(text), i = 0; i < n; i += 9)
		assert_int_equal(toy_encode(NULL, text + i, n - i < 9 ? n - i : 9, out), OK);
}

struct trickle {
	struct str in;
	size_t step;
	struct buf out;
};

static size_t
trickle_read(void *ctx, char *p, size_t max)
{
	struct trickle *t = ctx;
	size_t n = t->step < max ? t->step : max;
	n = n < t->in.n ? n : t->in.n;
	memcpy(p, t->in.p, n);
	t->in = str_slice(t->in, n, t->in.n);
	return n;
}

static void
trickle_write(void *ctx, const char *p, size_t n)
{
	buf_add(&((struct trickle *)ctx)->out, p, n);
}

/*
 * The line in the clear, and what goes through the layer, in the client's pieces:
 * some of it may have come with the line.
 */
static void
talk_sealed(size_t step)
{
	static const char first[] = "a1 NOOP with more than nine bytes\r\n", second[] = "a2 NOOP\r\n";
	struct buf in = BUF_INIT, line = BUF_INIT, want = BUF_INIT;
	buf_adds(&in, "clear\r\n");
	seal(first, &in);
	seal(second, &in);
	struct toy toy = { 0 };
	struct stream_layer layer = { toy_encode, toy_decode, toy_free, &toy, 9 };
	struct trickle t = { .in = buf_str(&in), .step = step, .out = BUF_INIT };
	struct stream *s = stream_to(&(struct stream_peer){ trickle_read, trickle_write, NULL, &t });
	assert_int_equal(stream_getline(s, &line, 100), OK);
	stream_puts(s, "ok\r\n");
	stream_start_layer(s, &layer);
	assert_string_equal(t.out.p, "ok\r\n");
	const char *const lines[] = { first, second };
	for (int i = 0; i < 2; i++) {
		buf_reset(&line);
		assert_int_equal(stream_getline(s, &line, 100), OK);
		assert_string_equal(line.p, lines[i]);
		stream_forget(s);
	}
	stream_puts(s, "a1 OK and something\r\n");
	assert_int_equal(stream_flush(s), OK);
	seal("a1 OK and something\r\n", &want);
	assert_int_equal(t.out.n, 4 + want.n);
	assert_memory_equal(t.out.p + 4, want.p, want.n);
	buf_reset(&line);
	assert_int_equal(stream_getline(s, &line, 100), ERR_CLOSED);
	assert_false(toy.freed);
	stream_close(s);
	assert_true(toy.freed);
	buf_free(&in);
	buf_free(&line);
	buf_free(&want);
	buf_free(&t.out);
}

static void
test_layer(void **state)
{
	(void)state;
	for (size_t step = 1; step < 60; step += 3)
		talk_sealed(step);
}

static void
test_damaged_layer(void **state)
{
	(void)state;
	for (int early = 0; early < 2; early++) {
		struct toy toy = { 0 };
		struct stream_layer layer = { toy_encode, toy_decode, toy_free, &toy, 9 };
		struct buf line = BUF_INIT;
		struct trickle t = { .in = STR("x\r\n\377\377"), .step = early ? 10 : 3, .out = BUF_INIT };
		struct stream *s = stream_to(&(struct stream_peer){ trickle_read, trickle_write, NULL, &t });
		assert_int_equal(stream_getline(s, &line, 100), OK);
		stream_start_layer(s, &layer);
		assert_int_equal(stream_getline(s, &line, 100), ERR_SYNTAX);
		assert_int_equal(stream_getline(s, &line, 100), ERR_SYNTAX);
		stream_close(s);
		buf_free(&line);
		buf_free(&t.out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_read_and_skip),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_big_write),
		cmocka_unit_test(test_big_read),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_write_timeout),
		cmocka_unit_test(test_dead_client),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_stop_fd),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_telemetry),
		cmocka_unit_test(test_tls13),
		cmocka_unit_test(test_tls12),
		cmocka_unit_test(test_starttls_injection),
		cmocka_unit_test(test_tls_deadline),
		cmocka_unit_test(test_no_tls),
		cmocka_unit_test(test_tls_big),
		cmocka_unit_test(test_certificate_errors),
		cmocka_unit_test(test_layer), cmocka_unit_test(test_damaged_layer),
	};
	return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
