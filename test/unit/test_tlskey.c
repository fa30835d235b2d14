/* Private keys that lie with another process: what is signed, and what is not. */
#include "lib/pass.h"
#include "lib/tls.h"
#include "lib/tls_shelf.h"
#include "lib/tlskey.h"
#include "test/unit/tls_fixture.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A holder in a thread: the loop that such a process is. */
struct holder {
	int queue[2];
	struct tlskey_ring *ring;
	struct tls_shelf *shelf;
	pthread_t thread;
	int signed_;
	atomic_bool is_deaf, hangs_up;
	enum err last;
};

static struct tls_shelf *
shelf_of(void *ctx, struct str service)
{
	struct holder *h = ctx;
	return str_eq(service, STR("imap")) ? h->shelf : NULL;
}

static void
answer(struct holder *h, int line, const struct buf *request)
{
	const struct tlskey_stand stand = { h->ring, shelf_of, h };
	struct buf reply = BUF_INIT;
	int fd;
	h->last = tlskey_serve(&stand, buf_str(request), &reply, &fd);
	h->signed_ += request->p[1] == 1;
	(void)!pass_send(line, buf_str(&reply), &fd, fd >= 0 ? 1 : 0);
	if (fd >= 0)
		close(fd);
	buf_free(&reply);
}

/* Ends with the queue. */
static void *
hold(void *ctx)
{
	struct holder *h = ctx;
	struct pollfd p[2] = { { .fd = h->queue[1], .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	struct buf message = BUF_INIT;
	int fds[PASS_FDS];
	while (poll(p, 2, -1) > 0) {
		if (p[0].revents != 0) {
			if (pass_receive(p[0].fd, &message, fds) != OK)
				break;
			if (p[1].fd >= 0)
				close(p[1].fd);
			p[1].fd = fds[0];
		} else if (h->is_deaf) {
			(void)poll(NULL, 0, 1);
		} else if (pass_receive(p[1].fd, &message, fds) == OK && !h->hangs_up) {
			answer(h, p[1].fd, &message);
		} else {
			h->hangs_up = false;
			close(p[1].fd);
			p[1].fd = -1;
		}
	}
	if (p[1].fd >= 0)
		close(p[1].fd);
	buf_free(&message);
	return NULL;
}

/* Its files are P's. */
static void
holder_start(struct holder *h, const struct tls_params *p)
{
	*h = (struct holder){ .ring = tlskey_ring_new() };
	h->shelf = tls_shelf_new(p, h->ring);
	assert_int_equal(pass_queue(h->queue), OK);
	assert_int_equal(pthread_create(&h->thread, NULL, hold, h), 0);
}

static void
holder_end(struct holder *h)
{
	close(h->queue[0]);
	pthread_join(h->thread, NULL);
	close(h->queue[1]);
	tls_shelf_free(h->shelf);
	tlskey_ring_free(h->ring);
}

/* A server that has the certificates and keys of P's files from H. */
struct asker {
	struct tlskey_holder *holder;
	struct tls_context *ctx;
};

static enum err
asker_start(struct asker *a, const struct holder *h)
{
	a->holder = tlskey_holder_new(h->queue[0]);
	const struct tls_params p = {
		.cert_file = "/nonexistent", .holder = a->holder, .service = "imap",
		.sni_dir = "/nonexistent",
	};
	return tls_context_new(&p, &a->ctx);
}

static void
asker_end(struct asker *a)
{
	tls_context_free(a->ctx);
	tlskey_holder_free(a->holder);
}

/* Both ends in turn; the holder answers from its thread. */
static bool
shake(struct tls_context *ctx, SSL_CTX *client_ctx, SSL **client_out)
{
	int fds[2];
	short events;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	struct tls *server = tls_new(ctx, fds[0], fds[0]);
	SSL *client = SSL_new(client_ctx);
	SSL_set_fd(client, fds[1]);
	enum err e = ERR_AGAIN;
	int rc = -1;
	for (int i = 0; i < 20 && (rc != 1 || e == ERR_AGAIN); i++) {
		rc = SSL_connect(client);
		if (e == ERR_AGAIN)
			e = tls_handshake(server, &events);
		if (e != OK && e != ERR_AGAIN)
			break;
	}
	tls_free(server);
	if (client_out != NULL)
		*client_out = client;
	else
		SSL_free(client);
	close(fds[0]);
	close(fds[1]);
	ERR_clear_error();
	return rc == 1 && e == OK;
}

static SSL_CTX *
client_for(int version, const char *algorithms, const struct identity *trust)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, algorithms), 1);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trust->cert);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

/* Every kind of signature, made elsewhere; the server never opens a key file. */
static void
test_signatures(void **state)
{
	(void)state;
	static const struct {
		const char *type;
		int version;
		const char *algorithms;
	} rows[] = {
		{ "RSA", TLS1_3_VERSION, "RSA-PSS+SHA256" },
		{ "RSA", TLS1_3_VERSION, "RSA-PSS+SHA384" },
		{ "RSA", TLS1_3_VERSION, "RSA-PSS+SHA512" },
		{ "RSA", TLS1_2_VERSION, "RSA+SHA256" },
		{ "RSA", TLS1_2_VERSION, "RSA+SHA512" },
		{ "RSA", TLS1_2_VERSION, "RSA-PSS+SHA256" },
		{ "EC", TLS1_3_VERSION, "ECDSA+SHA256" },
		{ "EC", TLS1_2_VERSION, "ECDSA+SHA256" },
		{ "EC", TLS1_2_VERSION, "ECDSA+SHA384" },
		{ "ED25519", TLS1_3_VERSION, "ed25519" },
		{ "ED25519", TLS1_2_VERSION, "ed25519" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct holder h;
		struct asker a;
		struct identity *id = identity_new(rows[i].type, "localhost", NULL, NULL);
		const struct tls_params p = {
			.cert_file = id->cert_file, .key_file = id->key_file,
		};
		holder_start(&h, &p);
		assert_int_equal(asker_start(&a, &h), OK);
		assert_int_equal(unlink(id->key_file), 0);
		SSL_CTX *client = client_for(rows[i].version, rows[i].algorithms, id);
		assert_true(shake(a.ctx, client, NULL));
		assert_int_equal(h.signed_, 1);
		SSL_CTX_free(client);
		asker_end(&a);
		holder_end(&h);
		identity_free(id);
	}
}

/* Two certificates, and local keys in the same process: nobody takes the other's. */
static void
test_beside_local_keys(void **state)
{
	(void)state;
	struct holder h;
	struct asker a;
	struct identity *rsa = identity_new("RSA", "localhost", NULL, NULL);
	struct identity *ec = identity_new("EC", "localhost", NULL, NULL);
	char certs[300], keys[300];
	struct tls_context *local;
	snprintf(certs, sizeof(certs), "%s,%s", rsa->cert_file, ec->cert_file);
	snprintf(keys, sizeof(keys), "%s,%s", rsa->key_file, ec->key_file);
	const struct tls_params p = { .cert_file = certs, .key_file = keys };
	holder_start(&h, &p);
	assert_int_equal(asker_start(&a, &h), OK);
	assert_int_equal(tlskey_ring_size(h.ring), 2);
	assert_int_equal(tls_context_new(&p, &local), OK);
	SSL_CTX *c1 = client_for(TLS1_3_VERSION, "RSA-PSS+SHA256", rsa);
	SSL_CTX *c2 = client_for(TLS1_3_VERSION, "ECDSA+SHA256", ec);
	for (int i = 1; i <= 3; i++) {
		assert_true(shake(a.ctx, c1, NULL));
		assert_true(shake(local, c1, NULL));
		assert_true(shake(a.ctx, c2, NULL));
		assert_true(shake(local, c2, NULL));
		assert_int_equal(h.signed_, 2 * i);
	}
	SSL_CTX_free(c1);
	SSL_CTX_free(c2);
	tls_context_free(local);
	asker_end(&a);
	holder_end(&h);
	identity_free(rsa);
	identity_free(ec);
}

/* A holder and a server of one certificate, and a client that trusts it. */
struct pair {
	struct identity *id;
	struct tls_params p;
	struct holder h;
	struct asker a;
	SSL_CTX *client;
};

static void
pair_start(struct pair *t)
{
	t->id = identity_new("RSA", "localhost", NULL, NULL);
	t->p = (struct tls_params){ .cert_file = t->id->cert_file, .key_file = t->id->key_file };
	t->client = client_for(TLS1_3_VERSION, "RSA-PSS+SHA256", t->id);
	holder_start(&t->h, &t->p);
	assert_int_equal(asker_start(&t->a, &t->h), OK);
}

static void
pair_end(struct pair *t)
{
	SSL_CTX_free(t->client);
	asker_end(&t->a);
	holder_end(&t->h);
	identity_free(t->id);
}

/* A holder that has not the key: the handshake fails, and nothing else. */
static void
test_no_key(void **state)
{
	(void)state;
	struct pair t;
	pair_start(&t);
	t.h.last = OK;
	tls_shelf_free(t.h.shelf);
	t.h.shelf = tls_shelf_new(&t.p, NULL);
	tlskey_ring_expire(t.h.ring, 0);
	assert_int_equal(tlskey_ring_size(t.h.ring), 0);
	assert_false(shake(t.a.ctx, t.client, NULL));
	assert_int_equal(t.h.last, ERR_NOTFOUND);
	pair_end(&t);
}

/* One that ends is followed by another; what was asked is asked again. */
static void
test_holder_ends(void **state)
{
	(void)state;
	struct pair t;
	pair_start(&t);
	assert_true(shake(t.a.ctx, t.client, NULL));
	for (int i = 0; i < 3; i++) {
		t.h.hangs_up = true;		/* when it is asked next */
		assert_true(shake(t.a.ctx, t.client, NULL));
		assert_false(t.h.hangs_up);
	}
	pair_end(&t);
}

/* One that hangs is waited for once, not each time, and is found again. */
static void
test_holder_hangs(void **state)
{
	(void)state;
	struct pair t;
	struct timespec from, to;
	enum { PATIENCE = 1500 };
	pair_start(&t);
	tlskey_holder_patience(t.a.holder, PATIENCE);
	t.h.is_deaf = true;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < 20; i++)
		assert_false(shake(t.a.ctx, t.client, NULL));
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_in_range((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000,
	    PATIENCE, 10 * PATIENCE);
	t.h.is_deaf = false;
	for (int i = 0; i < 1000 && !shake(t.a.ctx, t.client, NULL); i++) {
		(void)poll(NULL, 0, 10);
		assert_true(i < 999);
	}
	assert_true(shake(t.a.ctx, t.client, NULL));
	pair_end(&t);
}

/* A copy of the process asks on a way of its own. */
static void
test_copies(void **state)
{
	(void)state;
	struct pair t;
	int status;
	pair_start(&t);
	pid_t pid = fork();
	if (pid == 0)
		_exit(shake(t.a.ctx, t.client, NULL) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(shake(t.a.ctx, t.client, NULL));
	pair_end(&t);
}

/* Nobody reads the queue: that is found out, and said. */
static void
test_nobody(void **state)
{
	(void)state;
	int queue[2];
	struct tls_stock stock;
	bool changed;
	char why[TLSKEY_REPLY_MAX] = "";
	assert_int_equal(pass_queue(queue), OK);
	struct tlskey_holder *h = tlskey_holder_new(queue[0]);
	tlskey_holder_patience(h, 20);
	tls_stock_init(&stock);
	for (int i = 0; i < 3; i++)
		assert_int_equal(tlskey_fetch(h, "imap", "", &stock, &changed, why, sizeof(why)),
		    ERR_TIMEOUT);
	assert_non_null(strstr(why, "does not answer"));
	close(queue[1]);
	assert_int_equal(tlskey_fetch(h, "imap", "", &stock, &changed, why, sizeof(why)), ERR_TIMEOUT);
	tlskey_holder_free(h);
	close(queue[0]);
}

/* --- certificates from a holder --- */

static enum err
fetch(struct asker *a, const char *service, const char *name, struct tls_stock *stock, bool *changed)
{
	char why[TLSKEY_REPLY_MAX];
	return tlskey_fetch(a->holder, service, name, stock, changed, why, sizeof(why));
}

/* What is in PATH of the holder's files as TEXT. */
static void
write_file(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "w");
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void
test_fetch(void **state)
{
	(void)state;
	struct pair t;
	struct tls_stock stock;
	bool changed;
	pair_start(&t);
	tls_stock_init(&stock);
	assert_int_equal(fetch(&t.a, "imap", "", &stock, &changed), OK);
	assert_true(changed);
	assert_int_equal(stock.bundle.n, 1);
	assert_string_equal(stock.bundle.certs[0].path.p, t.id->cert_file);
	assert_null(stock.keys[0]);
	assert_int_equal(fetch(&t.a, "imap", "", &stock, &changed), OK);
	assert_false(changed);
	assert_int_equal(fetch(&t.a, "pop3", "", &stock, &changed), ERR_NOTFOUND);
	assert_int_equal(fetch(&t.a, "imap", "x.example.org", &stock, &changed), ERR_NOTFOUND);
	assert_int_equal(fetch(&t.a, "imap", "..", &stock, &changed), ERR_NOTFOUND);
	assert_int_equal(fetch(&t.a, "imap", "a/b", &stock, &changed), ERR_NOTFOUND);
	tls_stock_free(&stock);
	pair_end(&t);
}

/* What is in one file with the certificate stays with the holder. */
static void
test_a_key_in_the_certificates_file(void **state)
{
	(void)state;
	struct holder h;
	struct asker a;
	struct tls_stock stock;
	bool changed;
	struct buf both = BUF_INIT;
	struct identity *id = identity_new("RSA", "localhost", NULL, NULL);
	assert_true(tlskey_slurp(id->key_file, &both));
	assert_true(tlskey_slurp(id->cert_file, &both));
	write_file(id->cert_file, both.p, both.n);
	const struct tls_params p = { .cert_file = id->cert_file };
	holder_start(&h, &p);
	assert_int_equal(asker_start(&a, &h), OK);
	tls_stock_init(&stock);
	assert_int_equal(fetch(&a, "imap", "", &stock, &changed), OK);
	struct buf bytes = BUF_INIT;
	tls_bundle_encode(&stock.bundle, &bytes);
	assert_true(str_find(buf_str(&bytes), STR("BEGIN CERTIFICATE")) < bytes.n);
	assert_int_equal(str_find(buf_str(&bytes), STR("PRIVATE")), bytes.n);
	SSL_CTX *client = client_for(TLS1_3_VERSION, "RSA-PSS+SHA256", id);
	assert_true(shake(a.ctx, client, NULL));
	SSL_CTX_free(client);
	buf_free(&bytes);
	buf_free(&both);
	tls_stock_free(&stock);
	asker_end(&a);
	holder_end(&h);
	identity_free(id);
}

/* Half of a renewal is none; the former key stays for who has the former certificate. */
static void
test_renewal(void **state)
{
	(void)state;
	struct tls_params p;
	const struct tls_stock *stock;
	uint8_t first[TLS_BUNDLE_HASH];
	char why[700] = "";
	struct buf cert = BUF_INIT, key = BUF_INIT;
	struct identity *old = identity_new("EC", "localhost", NULL, NULL);
	struct identity *new = identity_new("EC", "localhost", NULL, NULL);
	struct tlskey_ring *ring = tlskey_ring_new();
	p = (struct tls_params){ .cert_file = old->cert_file, .key_file = old->key_file };
	struct tls_shelf *shelf = tls_shelf_new(&p, ring);
	assert_int_equal(tls_shelf_find(shelf, "", &stock, why, sizeof(why)), OK);
	memcpy(first, stock->hash, sizeof(first));
	assert_true(tlskey_slurp(new->cert_file, &cert));
	assert_true(tlskey_slurp(new->key_file, &key));
	write_file(old->cert_file, cert.p, cert.n / 2);
	assert_int_equal(tls_shelf_find(shelf, "", &stock, why, sizeof(why)), OK);
	assert_memory_equal(stock->hash, first, sizeof(first));
	write_file(old->cert_file, cert.p, cert.n);
	assert_int_equal(tls_shelf_find(shelf, "", &stock, why, sizeof(why)), OK);
	assert_memory_equal(stock->hash, first, sizeof(first));
	assert_int_equal(tlskey_ring_size(ring), 1);
	write_file(old->key_file, key.p, key.n);
	assert_int_equal(tls_shelf_find(shelf, "", &stock, why, sizeof(why)), OK);
	assert_memory_not_equal(stock->hash, first, sizeof(first));
	assert_int_equal(tlskey_ring_size(ring), 2);
	tlskey_ring_expire(ring, TLSKEY_GRACE);
	assert_int_equal(tlskey_ring_size(ring), 2);
	tlskey_ring_expire(ring, 0);
	assert_int_equal(tlskey_ring_size(ring), 1);
	tls_shelf_free(shelf);
	tlskey_ring_expire(ring, 0);
	assert_int_equal(tlskey_ring_size(ring), 0);
	tlskey_ring_free(ring);
	buf_wipe(&cert);
	buf_wipe(&key);
	identity_free(old);
	identity_free(new);
}

/* Whatever is cut off or changed is refused, and nothing else happens. */
static void
test_bundles(void **state)
{
	(void)state;
	struct tls_bundle b, back;
	struct buf bytes = BUF_INIT, again = BUF_INIT;
	tls_bundle_init(&b);
	b.n = 2;
	for (size_t i = 0; i < b.n; i++) {
		buf_printf(&b.certs[i].path, "/%zu", i);
		buf_adds(&b.certs[i].pem, "pem");
	}
	buf_adds(&b.certs[1].ocsp, "response");
	buf_adds(&b.crl, "list");
	tls_bundle_encode(&b, &bytes);
	tls_bundle_init(&back);
	assert_int_equal(tls_bundle_decode(buf_str(&bytes), &back), OK);
	tls_bundle_encode(&back, &again);
	assert_true(str_eq(buf_str(&bytes), buf_str(&again)));
	tls_bundle_free(&back);
	for (size_t n = 0; n < bytes.n; n++) {
		tls_bundle_init(&back);
		if (tls_bundle_decode((struct str){ bytes.p, n }, &back) == OK)
			assert_true(back.n < 2 || back.crl.n == 0 || back.certs[1].ocsp.n == 0);
		tls_bundle_free(&back);
	}
	static const char *const wrong[] = {
		"\x02\0\0\0\1x",			/* no certificate yet */
		"\1\0\0\0\1/\x08\0\0\0\1x",	/* unknown */
		"\1\0\0\0\1/\2\0\0\0\1x\2\0\0\0\1x",
		"\1\0\0\0\0",
	};
	static const size_t lengths[] = { 6, 12, 18, 5 };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		tls_bundle_init(&back);
		assert_int_equal(tls_bundle_decode((struct str){ wrong[i], lengths[i] }, &back),
		    ERR_CORRUPT);
		tls_bundle_free(&back);
	}
	tls_bundle_free(&b);
	buf_free(&bytes);
	buf_free(&again);
}

/* --- what a holder signs --- */

static void
put_request(struct buf *b, EVP_PKEY *key, uint8_t padding, uint8_t hash,
    const void *text, size_t n)
{
	unsigned char *der = NULL, id[TLSKEY_ID];
	unsigned id_n;
	int der_n = i2d_PUBKEY(key, &der);
	EVP_Digest(der, (size_t)der_n, id, &id_n, EVP_sha256(), NULL);
	OPENSSL_free(der);
	buf_reset(b);
	buf_add_u8(b, 2);
	buf_add_u8(b, 1);
	buf_add_u8(b, padding);
	buf_add_u8(b, hash);
	buf_add_u32(b, 7);
	buf_add(b, id, sizeof(id));
	buf_add(b, text, n);
}

static void
test_signs_tls_only(void **state)
{
	(void)state;
	static const char verify[] =
	    "                                                                "
	    "TLS 1.3, server CertificateVerify\0" "0123456789abcdef0123456789abcdef";
	static const char client[] =
	    "                                                                "
	    "TLS 1.3, client CertificateVerify\0" "0123456789abcdef0123456789abcdef";
	static const char exchange[64 + 4 + 3] = {
		[64] = 3, [65] = 0, [66] = 29, [67] = 3, [68] = 'a', 'b', 'c',
	};
	static const char dhe[64 + 9] = {
		[65] = 1, 'p', 0, 1, 'g', 0, 1, 'y',
	};
	static const char long_exchange[64 + 4 + 4] = {
		[64] = 3, [65] = 0, [66] = 29, [67] = 3, [68] = 'a', 'b', 'c', 'd',
	};
	struct {
		const char *text;
		size_t n;
		uint8_t padding, hash;
		enum err want;
	} rows[] = {
		{ verify, sizeof(verify) - 1, 2, 1, OK },
		{ verify, sizeof(verify) - 1, 1, 1, OK },
		{ verify, sizeof(verify) - 1, 0, 1, ERR_UNSUPPORTED },
		{ verify, sizeof(verify) - 1, 3, 1, ERR_SYNTAX },
		{ verify, sizeof(verify) - 1, 2, 4, ERR_SYNTAX },
		{ verify, sizeof(verify) - 2, 2, 1, ERR_DENIED },
		{ client, sizeof(client) - 1, 2, 1, ERR_DENIED },
		{ exchange, sizeof(exchange), 1, 1, OK },
		{ exchange, sizeof(exchange) - 1, 1, 1, ERR_DENIED },
		{ long_exchange, sizeof(long_exchange), 1, 1, ERR_DENIED },
		{ dhe, sizeof(dhe), 1, 1, OK },
		{ dhe, sizeof(dhe) - 1, 1, 1, ERR_DENIED },
		{ "From: a@b", 9, 1, 1, ERR_DENIED },
		{ "", 0, 1, 1, ERR_DENIED },
	};
	int fd;
	struct buf request = BUF_INIT, reply = BUF_INIT;
	struct tlskey_ring *ring = tlskey_ring_new();
	const struct tlskey_stand stand = { .ring = ring };
	struct identity *id = identity_new("RSA", "localhost", NULL, NULL);
	tlskey_ring_put(ring, id->key);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_request(&request, id->key, rows[i].padding, rows[i].hash,
		    rows[i].text, rows[i].n);
		assert_int_equal(tlskey_serve(&stand, buf_str(&request), &reply, &fd), rows[i].want);
		assert_int_equal(reply.n, rows[i].want == OK ? 8 + 256 : 8);
		if (rows[i].want != ERR_SYNTAX)
			assert_int_equal(reply.p[7], 7);
	}
	/* Whatever is cut off is refused, whatever it says. */
	put_request(&request, id->key, 2, 1, verify, sizeof(verify) - 1);
	for (size_t n = 0; n < request.n; n++)
		assert_true(tlskey_serve(&stand, (struct str){ request.p, n }, &reply, &fd) != OK);
	tlskey_ring_free(ring);
	identity_free(id);
	buf_free(&request);
	buf_free(&reply);
}

static void
test_files(void **state)
{
	(void)state;
	struct identity *id = identity_new("EC", "localhost", NULL, NULL);
	EVP_PKEY *key;
	char why[300];
	assert_int_equal(tlskey_read("/nonexistent", &key, why, sizeof(why)), ERR_NOTFOUND);
	assert_non_null(strstr(why, "No such file"));
	assert_int_equal(tlskey_read(id->cert_file, &key, why, sizeof(why)), ERR_CORRUPT);
	assert_non_null(strstr(why, "no PEM private key"));
	FILE *f = fopen(id->key_file, "w");
	PEM_write_PrivateKey(f, id->key, EVP_aes_128_cbc(), (const unsigned char *)"x", 1,
	    NULL, NULL);
	fclose(f);
	assert_int_equal(tlskey_read(id->key_file, &key, why, sizeof(why)), ERR_CORRUPT);
	assert_non_null(strstr(why, "has a passphrase"));
	identity_free(id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_beside_local_keys),
		cmocka_unit_test(test_no_key),
		cmocka_unit_test(test_holder_ends),
		cmocka_unit_test(test_holder_hangs),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_a_key_in_the_certificates_file),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_signs_tls_only),
		cmocka_unit_test(test_files),
	};
	return cmocka_run_group_tests(tests, identities_begin, identities_end);
}
