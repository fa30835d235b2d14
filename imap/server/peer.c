#include "imap/server/peer.h"
#include "lib/log.h"

#include <poll.h>

static struct login_peer
facts(const struct server *s, const struct client *c)
{
	return (struct login_peer){
		.service = s->program->sasl_service, .entry = s->service,
		.host = c->host,
		.local_ip_port = c->local_ip_port, .remote_ip_port = c->remote_ip_port,
		.is_local = c->is_local,
		.outer_ssf = s->ssf,
		.tls_version = stream_tls_version(c->stream),
		.tls_bits = stream_tls_bits(c->stream),
	};
}

struct login *
peer_login(const struct server *s, const struct client *c)
{
	struct login_peer peer = facts(s, c);
	return login_new(s->conf, &peer);
}

bool
peer_may_start_tls(const struct server *s, const struct client *c)
{
	return s->tls != NULL && !stream_is_tls(c->stream);
}

enum err
peer_start_tls(const struct server *s, struct client *c, struct login *l)
{
	enum err e = stream_start_tls(c->stream, s->tls);
	if (e != OK) {
		/* A port that is only tried out is nobody's failure. */
		(e == ERR_CLOSED ? log_info : log_notice)("TLS handshake failed: [%s] %s",
		    c->host, stream_tls_why(c->stream));
		return e;
	}
	log_info("starttls: %s with cipher %s (%d bits) [%s]",
	    stream_tls_version(c->stream), stream_tls_cipher(c->stream),
	    stream_tls_bits(c->stream), c->host);
	struct login_peer peer = facts(s, c);
	login_peer_changed(l, &peer);
	return OK;
}

void
peer_pause(const struct login *l)
{
	struct pollfd stop = { .fd = svc_stop_fd(), .events = POLLIN };
	int ms = login_pause_ms(l);
	if (ms > 0)
		(void)poll(&stop, 1, ms);
}
