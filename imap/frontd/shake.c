#include "imap/frontd/shake.h"
#include "lib/log.h"

#include <poll.h>

void
shake_begin(struct conn *c, poll_timer_fn late)
{
	c->starts_tls = false;
	/* What was sent in the clear must not be taken for what came through TLS. */
	buf_wipe(&c->in);
	c->tls = tls_new(c->service->tls, c->fd, c->fd);
	c->stage = STAGE_HANDSHAKE;
	c->tls_read = POLLIN;
	c->timer = poll_after(c->service->front->poll, TLS_HANDSHAKE_SECONDS * INT64_C(1000),
	    late, c);
}

static void
log_tls(const struct conn *c)
{
	struct buf more = BUF_INIT;
	bool known;
	const char *name = tls_server_name(c->tls, &known);
	if (tls_is_resumed(c->tls))
		buf_adds(&more, " reused");
	if (name != NULL && known)
		buf_printf(&more, " name %s", name);
	size_t before = more.n;
	buf_adds(&more, " client ");
	if (!tls_client_name(c->tls, TLS_NAME_EMAIL, 0, &more)
	    && !tls_client_name(c->tls, TLS_NAME_COMMON, 0, &more))
		buf_truncate(&more, before);
	log_info("starttls: %s with cipher %s (%d bits) [%s]%.*s", tls_version(c->tls),
	    tls_cipher(c->tls), tls_bits(c->tls), c->host.p,
	    more.n < 300 ? (int)more.n : 300, more.p);
	buf_free(&more);
}

enum err
shake(struct conn *c)
{
	enum err e = tls_handshake(c->tls, &c->tls_read);
	if (e == ERR_AGAIN)
		return e;
	poll_cancel(c->service->front->poll, c->timer);
	c->timer = NULL;
	if (e == OK) {
		c->tls_read = 0;
		log_tls(c);
	} else {
		/* A port that is only tried out is nobody's failure. */
		(e == ERR_CLOSED ? log_info : log_notice)("TLS handshake failed: [%s] %s",
		    c->host.p, e == ERR_SYNTAX ? tls_why(c->tls) : err_text(e));
	}
	return e;
}

void
shake_missed(const struct conn *c)
{
	log_notice("TLS handshake failed: [%s] it took too long", c->host.p);
}
