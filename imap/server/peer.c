#include "imap/server/peer.h"
#include "imap/server/secure.h"
#include "lib/log.h"
#include "lib/sasl.h"

#include <poll.h>

/* What a login_peer points to, until the login has its copies. */
struct facts {
	struct login_peer peer;
	struct buf exporter, unique, server_end_point, name;
};

static struct str
binding(const struct client *c, enum tls_binding type, struct buf *b)
{
	if (stream_tls_binding(c->stream, type, b) != OK)
		buf_reset(b);
	return buf_str(b);
}

static void
gather(struct facts *f, const struct server *s, const struct client *c)
{
	*f = (struct facts){
		.exporter = BUF_INIT, .unique = BUF_INIT, .server_end_point = BUF_INIT,
		.name = BUF_INIT,
	};
	f->peer = (struct login_peer){
		.service = s->program->sasl_service, .entry = s->service,
		.host = c->host,
		.local_ip_port = c->local_ip_port, .remote_ip_port = c->remote_ip_port,
		.is_local = c->is_local,
		.outer_ssf = s->ssf,
		.tls_version = stream_tls_version(c->stream),
		.tls_bits = stream_tls_bits(c->stream),
		.exporter = binding(c, TLS_BINDING_EXPORTER, &f->exporter),
		.unique = binding(c, TLS_BINDING_UNIQUE, &f->unique),
		.server_end_point = binding(c, TLS_BINDING_SERVER_END_POINT,
		    &f->server_end_point),
		.limits = s->limits,
	};
	enum tls_name which = conf_enum(s->conf, CONF_TLS_CLIENT_NAME) == 0
	    ? TLS_NAME_COMMON : TLS_NAME_EMAIL;
	if (stream_tls_client_name(c->stream, which, 0, &f->name))
		f->peer.external_name = f->name.p;
}

static void
free_facts(struct facts *f)
{
	buf_free(&f->exporter);
	buf_free(&f->unique);
	buf_free(&f->server_end_point);
	buf_free(&f->name);
}

struct login *
peer_login(const struct server *s, const struct client *c)
{
	struct facts f;
	gather(&f, s, c);
	struct login *l = login_new(s->conf, &f.peer);
	free_facts(&f);
	return l;
}

bool
peer_may_start_tls(const struct server *s, const struct client *c)
{
	return secure_may_start(s, c);
}

enum err
peer_start_tls(const struct server *s, struct client *c, struct login *l)
{
	enum err e = secure_start(s, c);
	if (e != OK)
		return e;
	struct facts f;
	gather(&f, s, c);
	login_peer_changed(l, &f.peer);
	free_facts(&f);
	return OK;
}

static enum err
encode(void *ctx, const void *p, size_t n, struct buf *out)
{
	return sasl_layer_encode(ctx, p, n, out);
}

static enum err
decode(void *ctx, const void *p, size_t n, struct buf *out)
{
	return sasl_layer_decode(ctx, p, n, out);
}

static void
free_layer(void *ctx)
{
	sasl_conn_free(ctx);
}

void
peer_start_layer(struct client *c, struct sasl_conn *layer)
{
	struct stream_layer l = {
		.encode = encode, .decode = decode, .free = free_layer,
		.ctx = layer, .room = sasl_layer_room(layer),
	};
	log_info("security layer: %d bits [%s]", sasl_layer_ssf(layer), c->host);
	stream_start_layer(c->stream, &l);
}

void
peer_pause(const struct login *l)
{
	struct pollfd stop = { .fd = svc_stop_fd(), .events = POLLIN };
	int ms = login_pause_ms(l);
	if (ms > 0)
		(void)poll(&stop, 1, ms);
}
