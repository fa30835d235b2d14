/* Private keys that lie with another process: what is signed, and what is not. */
#include "lib/tls.h"
#include "lib/tlskey.h"
#include "test/unit/tls_fixture.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A holder in a thread: the loop that such a process is. */
struct holder {
	int fds[2];
	struct tlskey_ring *ring;
	pthread_t thread;
	int served;
	enum err last;
};

static void *
hold(void *ctx)
{
	struct holder *h = ctx;
	char request[TLSKEY_REQUEST_MAX + 1];
	struct buf reply = BUF_INIT;
	ssize_t n;
	while ((n = recv(h->fds[1], request, sizeof(request), 0)) > 0) {
		h->last = tlskey_serve(h->ring, (struct str){ request, (size_t)n }, &reply);
		h->served++;
		(void)!send(h->fds[1], reply.p, reply.n, MSG_NOSIGNAL);
	}
	buf_free(&reply);
	return NULL;
}

static void
holder_start(struct holder *h)
{
	*h = (struct holder){ .ring = tlskey_ring_new() };
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, h->fds), 0);
}

static void
holder_run(struct holder *h)
{
	assert_int_equal(pthread_create(&h->thread, NULL, hold, h), 0);
}

static void
holder_end(struct holder *h)
{
	close(h->fds[0]);
	pthread_join(h->thread, NULL);
	close(h->fds[1]);
	tlskey_ring_free(h->ring);
}

static void
add_key(struct holder *h, const struct identity *id)
{
	char why[300];
	assert_int_equal(tlskey_ring_add(h->ring, id->key_file, why, sizeof(why)), OK);
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
		struct tls_context *ctx;
		struct identity *id = identity_new(rows[i].type, "localhost", NULL, NULL);
		holder_start(&h);
		add_key(&h, id);
		assert_int_equal(unlink(id->key_file), 0);
		holder_run(&h);
		struct tlskey_holder *asker = tlskey_holder_new(h.fds[0]);
		const struct tls_params p = {
			.cert_file = id->cert_file, .key_file = id->key_file,
			.holder = asker,
		};
		assert_int_equal(tls_context_new(&p, &ctx), OK);
		SSL_CTX *client = client_for(rows[i].version, rows[i].algorithms, id);
		assert_true(shake(ctx, client, NULL));
		assert_int_equal(h.served, 1);
		SSL_CTX_free(client);
		tls_context_free(ctx);
		tlskey_holder_free(asker);
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
	struct identity *rsa = identity_new("RSA", "localhost", NULL, NULL);
	struct identity *ec = identity_new("EC", "localhost", NULL, NULL);
	char certs[300], keys[300];
	struct tls_context *remote, *local;
	holder_start(&h);
	add_key(&h, rsa);
	add_key(&h, ec);
	add_key(&h, ec);
	assert_int_equal(tlskey_ring_size(h.ring), 2);
	holder_run(&h);
	struct tlskey_holder *asker = tlskey_holder_new(h.fds[0]);
	snprintf(certs, sizeof(certs), "%s,%s", rsa->cert_file, ec->cert_file);
	snprintf(keys, sizeof(keys), "%s,%s", rsa->key_file, ec->key_file);
	struct tls_params p = { .cert_file = certs, .key_file = keys, .holder = asker };
	assert_int_equal(tls_context_new(&p, &remote), OK);
	p.holder = NULL;
	assert_int_equal(tls_context_new(&p, &local), OK);
	SSL_CTX *c1 = client_for(TLS1_3_VERSION, "RSA-PSS+SHA256", rsa);
	SSL_CTX *c2 = client_for(TLS1_3_VERSION, "ECDSA+SHA256", ec);
	for (int i = 1; i <= 3; i++) {
		assert_true(shake(remote, c1, NULL));
		assert_true(shake(local, c1, NULL));
		assert_true(shake(remote, c2, NULL));
		assert_true(shake(local, c2, NULL));
		assert_int_equal(h.served, 2 * i);
	}
	SSL_CTX_free(c1);
	SSL_CTX_free(c2);
	tls_context_free(remote);
	tls_context_free(local);
	tlskey_holder_free(asker);
	holder_end(&h);
	identity_free(rsa);
	identity_free(ec);
}

/* The handshake fails, and nothing else. */
static void
test_holder_fails(void **state)
{
	(void)state;
	struct holder h;
	struct identity *id = identity_new("RSA", "localhost", NULL, NULL);
	struct tls_context *ctx;
	holder_start(&h);
	holder_run(&h);
	struct tlskey_holder *asker = tlskey_holder_new(h.fds[0]);
	const struct tls_params p = { .cert_file = id->cert_file, .holder = asker };
	assert_int_equal(tls_context_new(&p, &ctx), OK);
	SSL_CTX *client = client_for(TLS1_3_VERSION, "RSA-PSS+SHA256", id);
	assert_false(shake(ctx, client, NULL));
	assert_int_equal(h.last, ERR_NOTFOUND);
	shutdown(h.fds[1], SHUT_RDWR);		/* it dies */
	assert_false(shake(ctx, client, NULL));
	SSL_CTX_free(client);
	tls_context_free(ctx);
	tlskey_holder_free(asker);
	holder_end(&h);
	identity_free(id);
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
	buf_add_u8(b, 1);
	buf_add_u8(b, padding);
	buf_add_u8(b, hash);
	buf_add_u8(b, 0);
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
	char why[300];
	struct buf request = BUF_INIT, reply = BUF_INIT;
	struct tlskey_ring *ring = tlskey_ring_new();
	struct identity *id = identity_new("RSA", "localhost", NULL, NULL);
	assert_int_equal(tlskey_ring_add(ring, id->key_file, why, sizeof(why)), OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_request(&request, id->key, rows[i].padding, rows[i].hash,
		    rows[i].text, rows[i].n);
		assert_int_equal(tlskey_serve(ring, buf_str(&request), &reply), rows[i].want);
		assert_int_equal(reply.n, rows[i].want == OK ? 8 + 256 : 8);
		if (rows[i].want != ERR_SYNTAX)
			assert_int_equal(reply.p[7], 7);
	}
	/* Whatever is cut off is refused, whatever it says. */
	put_request(&request, id->key, 2, 1, verify, sizeof(verify) - 1);
	for (size_t n = 0; n < request.n; n++)
		assert_true(tlskey_serve(ring, (struct str){ request.p, n }, &reply) != OK);
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

static void
add_file(void *ctx, const char *path)
{
	char why[300];
	assert_int_equal(tlskey_ring_add(ctx, path, why, sizeof(why)), OK);
}

/* What a holder has to read: the default's, and those of the names. */
static void
test_all_keys(void **state)
{
	(void)state;
	char names[80], one[120], both[300], keys[300];
	snprintf(names, sizeof(names), "%s/names", identities_dir());
	snprintf(one, sizeof(one), "%s/one.example.org", names);
	assert_int_equal(mkdir(names, 0700) + mkdir(one, 0700), 0);
	struct identity *ids[] = {
		identity_new("RSA", "localhost", NULL, NULL),
		identity_new("EC", "localhost", NULL, NULL),
		identity_new("EC", "one", NULL, &(struct identity_options){ .dir = one }),
	};
	snprintf(both, sizeof(both), "%s,%s", ids[0]->cert_file, ids[1]->cert_file);
	snprintf(keys, sizeof(keys), "%s,%s", ids[0]->key_file, ids[1]->key_file);
	const struct tls_params p = { .cert_file = both, .key_file = keys, .sni_dir = names };
	struct tlskey_ring *ring = tlskey_ring_new();
	assert_int_equal(tls_keys(&p, add_file, ring), OK);
	assert_int_equal(tlskey_ring_size(ring), 3);
	assert_int_equal(tls_keys(&p, add_file, ring), OK);
	assert_int_equal(tlskey_ring_size(ring), 3);
	tlskey_ring_free(ring);
	for (size_t i = 0; i < 3; i++)
		identity_free(ids[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_beside_local_keys),
		cmocka_unit_test(test_holder_fails),
		cmocka_unit_test(test_signs_tls_only),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_all_keys),
	};
	return cmocka_run_group_tests(tests, identities_begin, identities_end);
}
