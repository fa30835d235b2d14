/* stream_layers.c - TLS and compression of a connection */
#include "lib/stream_in.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err
stream_start_tls(struct stream *s, struct tls_context *ctx)
{
	if (s->tls != NULL || s->layer.ctx != NULL || s->deflate != NULL || !s->rsock || !s->wsock)
		return ERR_UNSUPPORTED;
	enum err e = stream_flush(s);
	if (e != OK)
		return e;
	s->in_pos = s->in_end = 0;
	struct tls *tls = tls_new(ctx, s->rfd, s->wfd);
	short events = POLLIN;
	int64_t deadline = s->deadline_ms, end = stream_now_ms() + TLS_HANDSHAKE_SECONDS * 1000;
	if (deadline == 0 || deadline > end)
		s->deadline_ms = end;
	while ((e = tls_handshake(tls, &events)) == ERR_AGAIN)
		if ((e = stream_wait_for(s, events, true)) != OK)
			break;
	s->deadline_ms = deadline;
	if (e != OK) {
		snprintf(s->tls_why, sizeof(s->tls_why), "%s",
		    e == ERR_SYNTAX ? tls_why(tls) : err_text(e));
		tls_free(tls);
		return s->in_err = s->out_err = e;
	}
	s->tls = tls;
	return OK;
}

const char *
stream_tls_why(const struct stream *s)
{
	return s->tls_why;
}

bool
stream_is_tls(const struct stream *s)
{
	return s->tls != NULL;
}

const char *
stream_tls_version(const struct stream *s)
{
	return s->tls != NULL ? tls_version(s->tls) : NULL;
}

const char *
stream_tls_cipher(const struct stream *s)
{
	return s->tls != NULL ? tls_cipher(s->tls) : NULL;
}

int
stream_tls_bits(const struct stream *s)
{
	return s->tls != NULL ? tls_bits(s->tls) : 0;
}

bool
stream_saw_tls(const struct stream *s)
{
	return s->saw_hello && s->tls == NULL;
}

bool
stream_tls_is_resumed(const struct stream *s)
{
	return s->tls != NULL && tls_is_resumed(s->tls);
}

const char *
stream_tls_server_name(const struct stream *s, bool *known)
{
	*known = false;
	return s->tls != NULL ? tls_server_name(s->tls, known) : NULL;
}

bool
stream_tls_is_truncated(const struct stream *s)
{
	return s->tls != NULL && tls_is_truncated(s->tls);
}

enum err
stream_tls_binding(const struct stream *s, enum tls_binding type, struct buf *out)
{
	return s->tls != NULL ? tls_binding(s->tls, type, out) : ERR_UNSUPPORTED;
}

bool
stream_tls_client_name(const struct stream *s, enum tls_name which, size_t n,
    struct buf *out)
{
	return s->tls != NULL && tls_client_name(s->tls, which, n, out);
}

void
stream_start_deflate(struct stream *s)
{
	ensure(s->deflate == NULL);
	if (s->out_n > 0)
		stream_flush_out(s);
	s->raw = mem_get(s->in_end - s->in_pos > RAW_SIZE ? IN_SIZE : RAW_SIZE);
	s->deflate = deflate_new();
	memcpy(s->raw, s->in + s->in_pos, s->in_end - s->in_pos);
	deflate_feed(s->deflate, s->raw, s->in_end - s->in_pos);
	s->in_pos = s->in_end = 0;
}

void
stream_stop_deflate(struct stream *s)
{
	if (s->deflate == NULL)
		return;
	if (s->out_n > 0)
		stream_flush_out(s);
	deflate_free(s->deflate);
	s->deflate = NULL;
	free(s->raw);
	s->raw = NULL;
}

bool
stream_is_deflated(const struct stream *s)
{
	return s->deflate != NULL;
}

void
stream_start_layer(struct stream *s, const struct stream_layer *layer)
{
	ensure(s->layer.ctx == NULL && s->deflate == NULL && layer->room > 0);
	if (s->out_n > 0)
		stream_flush_out(s);
	s->layer = *layer;
	if (s->in_end > s->in_pos) {
		enum err e = layer->decode(layer->ctx, s->in + s->in_pos,
		    s->in_end - s->in_pos, &s->opened);
		if (e != OK && s->in_err == OK)
			s->in_err = e;
	}
	s->in_pos = s->in_end = 0;
}

void
stream_stop_layer(struct stream *s)
{
	if (s->layer.ctx == NULL)
		return;
	if (s->out_n > 0)
		stream_flush_out(s);
	s->layer.free(s->layer.ctx);
	s->layer = (struct stream_layer){ .ctx = NULL };
	buf_free(&s->opened);
	buf_free(&s->sealed);
	s->opened_pos = 0;
}
