/* TLS without streams: what an event loop would do, both ends in one thread. */
#include "lib/tls.h"
#include "test/unit/tls_fixture.h"

#include <openssl/ssl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bindings),
		cmocka_unit_test(test_no_bindings),
	};
	return cmocka_run_group_tests(tests, identities_begin, identities_end);
}
