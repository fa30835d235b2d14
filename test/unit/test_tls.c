/* TLS without streams: what an event loop would do, both ends in one thread. */
#include "lib/tls.h"
#include "test/unit/tls_fixture.h"

#include <openssl/ssl.h>

#include <poll.h>
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

/* A connection: our end and OpenSSL's client, over sockets that do not block. */
struct pair {
	int fds[2];
	struct tls *server;
	SSL *client;
	enum err server_says;
	int client_error;	/* SSL_get_error() */
};

static void
pair_open(struct pair *p, struct tls_context *ctx, SSL_CTX *client)
{
	*p = (struct pair){ .server_says = ERR_AGAIN };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
	p->server = tls_new(ctx, p->fds[0], p->fds[0]);
	p->client = SSL_new(client);
	assert_int_equal(SSL_set_fd(p->client, p->fds[1]), 1);
}

/* Each end in turn until neither has anything left to do; true: both are happy. */
static bool
pair_shake(struct pair *p)
{
	short events;
	int rc = -1;
	p->client_error = SSL_ERROR_WANT_READ;
	for (int i = 0; i < 100; i++) {
		if (p->client_error == SSL_ERROR_WANT_READ) {
			rc = SSL_connect(p->client);
			p->client_error = rc == 1 ? SSL_ERROR_NONE
			    : SSL_get_error(p->client, rc);
		}
		if (p->server_says == ERR_AGAIN)
			p->server_says = tls_handshake(p->server, &events);
		if (p->server_says != ERR_AGAIN && p->client_error != SSL_ERROR_WANT_READ)
			break;
	}
	return p->server_says == OK && rc == 1;
}

/* The client reads, so that it takes session tickets that lie there. */
static void
pair_take_tickets(struct pair *p)
{
	char byte;
	assert_int_equal(SSL_read(p->client, &byte, 1), -1);
}

static void
pair_close(struct pair *p)
{
	tls_free(p->server);
	SSL_free(p->client);
	close(p->fds[0]);
	close(p->fds[1]);
}

static struct tls_context *
server_context(const struct tls_params *p)
{
	struct tls_context *ctx;
	assert_int_equal(tls_context_new(p, &ctx), OK);
	return ctx;
}

static SSL_CTX *
client_context(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(ctx);
	if (version != 0) {
		SSL_CTX_set_min_proto_version(ctx, version);
		SSL_CTX_set_max_proto_version(ctx, version);
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
	return ctx;
}

/* --- channel bindings --- */

static void
same_exporter(struct pair *p)
{
	struct buf ours = BUF_INIT;
	unsigned char theirs[32];
	assert_int_equal(tls_binding(p->server, TLS_BINDING_EXPORTER, &ours), OK);
	assert_int_equal(SSL_export_keying_material(p->client, theirs, 32,
	    "EXPORTER-Channel-Binding", 24, (const unsigned char *)"", 0, 1), 1);
	assert_int_equal(ours.n, 32);
	assert_memory_equal(ours.p, theirs, 32);
	buf_free(&ours);
}

static void
same_end_point(struct pair *p, const struct identity *id, const EVP_MD *md)
{
	struct buf ours = BUF_INIT;
	unsigned char theirs[EVP_MAX_MD_SIZE];
	unsigned n;
	assert_int_equal(tls_binding(p->server, TLS_BINDING_SERVER_END_POINT, &ours), OK);
	assert_int_equal(X509_digest(id->cert, md, theirs, &n), 1);
	assert_int_equal(ours.n, n);
	assert_memory_equal(ours.p, theirs, n);
	buf_free(&ours);
}

static void
bindings_of(int version, const char *type, const EVP_MD *signed_with, const EVP_MD *md)
{
	struct identity *id = identity_new(type, "localhost", NULL,
	    &(struct identity_options){ .md = signed_with });
	struct tls_context *ctx = server_context(&(struct tls_params){
	    .cert_file = id->cert_file, .key_file = id->key_file, .session_timeout = 60 });
	SSL_CTX *client = client_context(version);
	struct pair first, second;
	pair_open(&first, ctx, client);
	struct buf early = BUF_INIT;
	assert_int_equal(tls_binding(first.server, TLS_BINDING_EXPORTER, &early),
	    ERR_UNSUPPORTED);
	assert_true(pair_shake(&first));
	pair_take_tickets(&first);
	same_exporter(&first);
	same_end_point(&first, id, md);
	/* Resumed: no certificate is shown, and it is the same end all the same. */
	pair_open(&second, ctx, client);
	SSL_SESSION *session = SSL_get1_session(first.client);
	assert_int_equal(SSL_set_session(second.client, session), 1);
	assert_true(pair_shake(&second));
	assert_true(SSL_session_reused(second.client));
	same_exporter(&second);
	same_end_point(&second, id, md);
	SSL_SESSION_free(session);
	pair_close(&second);
	pair_close(&first);
	SSL_CTX_free(client);
	tls_context_free(ctx);
	identity_free(id);
}

static void
test_bindings(void **state)
{
	(void)state;
	bindings_of(TLS1_3_VERSION, "EC", EVP_sha256(), EVP_sha256());
	bindings_of(TLS1_3_VERSION, "RSA", EVP_sha384(), EVP_sha384());
	bindings_of(TLS1_2_VERSION, "RSA", EVP_sha1(), EVP_sha256());
	bindings_of(TLS1_2_VERSION, "EC", EVP_sha512(), EVP_sha512());
}

/* What is not defined is not made up. */
static void
test_no_bindings(void **state)
{
	(void)state;
	struct buf out = BUF_INIT;
	struct identity *id = identity_new("ED25519", "localhost", NULL, NULL);
	struct tls_context *ctx = server_context(&(struct tls_params){
	    .cert_file = id->cert_file, .key_file = id->key_file });
	SSL_CTX *client = client_context(TLS1_2_VERSION);
	SSL_CTX_set_options(client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	struct pair p;
	pair_open(&p, ctx, client);
	assert_true(pair_shake(&p));
	assert_int_equal(tls_binding(p.server, TLS_BINDING_EXPORTER, &out), ERR_UNSUPPORTED);
	assert_int_equal(tls_binding(p.server, TLS_BINDING_SERVER_END_POINT, &out),
	    ERR_UNSUPPORTED);
	assert_int_equal(out.n, 0);
	assert_false(tls_client_name(p.server, TLS_NAME_EMAIL, 0, &out));
	pair_close(&p);
	SSL_CTX_free(client);
	tls_context_free(ctx);
	identity_free(id);
}

/* --- clients with certificates --- */

static void
client_is(const char *san, const char *common, const char *const emails[], size_t n)
{
	struct identity *ca = identity_new("EC", "people", NULL,
	    &(struct identity_options){ .is_ca = true });
	struct identity *fred = identity_new("EC", common, ca,
	    &(struct identity_options){ .san = san });
	struct identity *id = identity_new("EC", "localhost", NULL, NULL);
	struct tls_context *ctx = server_context(&(struct tls_params){
	    .cert_file = id->cert_file, .key_file = id->key_file,
	    .client_certs = TLS_CLIENTS_REQUIRE, .client_ca_file = ca->cert_file });
	SSL_CTX *client = client_context(TLS1_3_VERSION);
	assert_int_equal(SSL_CTX_use_cert_and_key(client, fred->cert, fred->key, NULL, 1), 1);
	struct pair p;
	struct buf name = BUF_INIT;
	pair_open(&p, ctx, client);
	assert_true(pair_shake(&p));
	for (size_t i = 0; i < n; i++) {
		buf_reset(&name);
		assert_int_equal(tls_client_name(p.server, TLS_NAME_EMAIL, i, &name),
		    emails[i] != NULL);
		if (emails[i] != NULL)
			assert_string_equal(name.p, emails[i]);
	}
	buf_reset(&name);
	assert_true(tls_client_name(p.server, TLS_NAME_COMMON, 0, &name));
	assert_string_equal(name.p, common);
	assert_false(tls_client_name(p.server, TLS_NAME_COMMON, 1, &name));
	buf_free(&name);
	pair_close(&p);
	SSL_CTX_free(client);
	tls_context_free(ctx);
	identity_free(ca);
	identity_free(fred);
	identity_free(id);
}

static void
test_client_names(void **state)
{
	(void)state;
	client_is("DNS:host.example,email:fred@example.org,email:f@example.org", "Fred",
	    (const char *const[]){ "fred@example.org", "f@example.org", NULL }, 3);
	client_is(NULL, "J\303\266rg", (const char *const[]){ NULL }, 1);
}

/* --- who waits and who does not --- */

/* Nobody blocks: what the client has not sent is asked for, and no more. */
static void
test_piece_by_piece(void **state)
{
	(void)state;
	struct identity *id = identity_new("EC", "localhost", NULL, NULL);
	struct tls_context *ctx = server_context(&(struct tls_params){
	    .cert_file = id->cert_file, .key_file = id->key_file });
	SSL_CTX *client = client_context(0);
	struct pair p;
	short events = 0;
	char byte;
	size_t got;
	pair_open(&p, ctx, client);
	assert_int_equal(tls_handshake(p.server, &events), ERR_AGAIN);
	assert_int_equal(events, POLLIN);
	assert_true(pair_shake(&p));
	assert_int_equal(tls_read(p.server, &byte, 1, &got, &events), ERR_AGAIN);
	assert_int_equal(events, POLLIN);
	assert_int_equal(SSL_write(p.client, "ab", 2), 2);
	assert_int_equal(tls_read(p.server, &byte, 1, &got, &events), OK);
	assert_true(tls_has_pending(p.server));
	assert_int_equal(tls_read(p.server, &byte, 1, &got, &events), OK);
	assert_int_equal(byte, 'b');
	/* More than the socket takes: it says what it waits for. */
	enum { BIG = 4 << 20 };
	char *big = calloc(1, BIG);
	enum err e = OK;
	while (e == OK)
		e = tls_write(p.server, big, BIG, &got, &events);
	assert_int_equal(e, ERR_AGAIN);
	assert_int_equal(events, POLLOUT);
	free(big);
	pair_close(&p);
	SSL_CTX_free(client);
	tls_context_free(ctx);
	identity_free(id);
}

/* An end in order, and one that may have been cut off. */
static void
test_ends(void **state)
{
	(void)state;
	struct identity *id = identity_new("EC", "localhost", NULL, NULL);
	struct tls_context *ctx = server_context(&(struct tls_params){
	    .cert_file = id->cert_file, .key_file = id->key_file });
	SSL_CTX *client = client_context(0);
	for (int cut = 0; cut < 2; cut++) {
		struct pair p;
		short events;
		char byte;
		size_t got;
		pair_open(&p, ctx, client);
		assert_true(pair_shake(&p));
		if (!cut)
			assert_int_equal(SSL_shutdown(p.client), 0);
		shutdown(p.fds[1], SHUT_WR);
		assert_int_equal(tls_read(p.server, &byte, 1, &got, &events), ERR_CLOSED);
		assert_int_equal(tls_is_truncated(p.server), cut);
		tls_end(p.server);
		assert_int_equal(SSL_read(p.client, &byte, 1), 0);
		if (!cut)
			assert_int_equal(SSL_get_error(p.client, 0), SSL_ERROR_ZERO_RETURN);
		pair_close(&p);
	}
	SSL_CTX_free(client);
	tls_context_free(ctx);
	identity_free(id);
}

/* Names lead to directories; what is no name leads nowhere. */
static void
test_server_names(void **state)
{
	(void)state;
	static const struct {
		const char *asks, *sees;
		bool known;
	} rows[] = {
		{ "a.example.org", "a", true }, { "A.EXAMPLE.ORG", "a", true },
		{ "b.example.org", "wild", true }, { "x.b.example.org", "default", false },
		{ "example.org", "default", false }, { "../a.example.org", "default", false },
		{ "..", "default", false }, { "a..example.org", "default", false },
		{ ".a.example.org", "default", false }, { "*.example.org", "default", false },
		{ "a.example.org/", "default", false }, { NULL, "default", false },
	};
	char dir[80], a[128], wild[128];
	snprintf(dir, sizeof(dir), "%s/names", identities_dir());
	snprintf(a, sizeof(a), "%s/a.example.org", dir);
	snprintf(wild, sizeof(wild), "%s/*.example.org", dir);
	assert_int_equal(mkdir(dir, 0700) + mkdir(a, 0700) + mkdir(wild, 0700), 0);
	struct identity *ids[] = {
		identity_new("EC", "default", NULL, NULL),
		identity_new("EC", "a", NULL, &(struct identity_options){ .dir = a }),
		identity_new("EC", "wild", NULL, &(struct identity_options){ .dir = wild }),
	};
	struct tls_context *ctx = server_context(&(struct tls_params){
	    .cert_file = ids[0]->cert_file, .key_file = ids[0]->key_file, .sni_dir = dir });
	SSL_CTX *client = client_context(0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p;
		char name[64];
		bool known;
		pair_open(&p, ctx, client);
		if (rows[i].asks != NULL)
			SSL_set_tlsext_host_name(p.client, rows[i].asks);
		assert_true(pair_shake(&p));
		X509 *cert = SSL_get0_peer_certificate(p.client);
		X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name,
		    sizeof(name));
		assert_string_equal(name, rows[i].sees);
		(void)tls_server_name(p.server, &known);
		assert_int_equal(known, rows[i].known);
		pair_close(&p);
	}
	SSL_CTX_free(client);
	tls_context_free(ctx);
	for (size_t i = 0; i < 3; i++)
		identity_free(ids[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_no_bindings),
		cmocka_unit_test(test_client_names),
		cmocka_unit_test(test_piece_by_piece),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_server_names),
	};
	return cmocka_run_group_tests(tests, identities_begin, identities_end);
}
