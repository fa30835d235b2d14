/* wire.c - see wire.h */
#include "imap/probe/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 65536, READ_SIZE = 16384 };

void
wire_init(struct wire *w, int fd)
{
	*w = (struct wire){ .fd = fd };
	buf_init(&w->in);
}

void
wire_close(struct wire *w)
{
	tlsclient_free(w->tls);
	w->tls = NULL;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	buf_wipe(&w->in);
}

enum err
wire_start_tls(struct wire *w, const char *host, const char *keyfile, struct buf *why)
{
	if (w->in.n > 0) {
		buf_adds(why, "the server has gone on in the clear");
		return ERR_SYNTAX;
	}
	enum err e = tlsclient_new(w->fd, host, keyfile, WIRE_SECONDS, &w->tls, why);
	if (e != OK)
		return e;
	struct buf facts = BUF_INIT;
	tlsclient_facts(w->tls, &facts);
	fputs(facts.p, stdout);
	buf_free(&facts);
	return OK;
}

enum err
wire_start_layer(struct wire *w, struct saslclient *layer)
{
	struct buf plain = BUF_INIT;
	enum err e = OK;
	if (w->in.n > 0)
		e = saslclient_decode(layer, buf_str(&w->in), &plain);
	buf_free(&w->in);
	w->in = plain;
	w->layer = layer;
	return e;
}

static enum err
wait_for(const struct wire *w, short events)
{
	struct pollfd p = { .fd = w->fd, .events = events };
	int n;
	do
		n = poll(&p, 1, WIRE_SECONDS * 1000);
	while (n < 0 && errno == EINTR);
	return n > 0 ? OK : n == 0 ? ERR_TIMEOUT : ERR_IO;
}

static enum err
read_some(struct wire *w, char *p, size_t *got)
{
	*got = 0;
	if (w->tls != NULL)
		return tlsclient_read(w->tls, p, READ_SIZE, got);
	ssize_t n;
	do
		n = read(w->fd, p, READ_SIZE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
	*got = (size_t)n;
	return n == 0 ? ERR_CLOSED : OK;
}

enum err
wire_fetch(struct wire *w)
{
	char bytes[READ_SIZE];
	size_t n;
	enum err e = read_some(w, bytes, &n);
	if (e != OK)
		return e;
	if (w->layer != NULL)
		return saslclient_decode(w->layer, (struct str){ bytes, n }, &w->in);
	buf_add(&w->in, bytes, n);
	return OK;
}

enum err
wire_line(struct wire *w, struct buf *line)
{
	buf_reset(line);
	size_t end;
	while ((end = str_chr(buf_str(&w->in), '\n')) == w->in.n) {
		if (w->in.n > LINE_MAX_BYTES)
			return ERR_LIMIT;
		enum err e = wire_fetch(w);
		if (e == ERR_AGAIN)
			e = wait_for(w, POLLIN);
		if (e != OK)
			return e;
	}
	buf_add(line, w->in.p, end > 0 && w->in.p[end - 1] == '\r' ? end - 1 : end);
	buf_consume(&w->in, end + 1);
	printf("S: %.*s\n", STR_ARG(buf_str(line)));
	fflush(stdout);
	return OK;
}

static enum err
write_all(struct wire *w, struct str s)
{
	if (w->tls != NULL)
		return tlsclient_write(w->tls, s.p, s.n, WIRE_SECONDS);
	while (s.n > 0) {
		ssize_t n = write(w->fd, s.p, s.n);
		if (n >= 0) {
			s = str_slice(s, (size_t)n, s.n);
			continue;
		}
		if (errno == EINTR)
			continue;
		enum err e = errno == EAGAIN ? wait_for(w, POLLOUT) : ERR_CLOSED;
		if (e != OK)
			return e;
	}
	return OK;
}

enum err
wire_send(struct wire *w, struct str bytes)
{
	if (w->layer == NULL)
		return write_all(w, bytes);
	struct buf coded = BUF_INIT;
	enum err e = saslclient_encode(w->layer, bytes, &coded);
	if (e == OK)
		e = write_all(w, buf_str(&coded));
	buf_free(&coded);
	return e;
}

enum err
wire_say(struct wire *w, struct str text, const char *shown)
{
	if (shown != NULL)
		printf("C: %s\n", shown);
	else
		printf("C: %.*s\n", STR_ARG(text));
	fflush(stdout);
	struct buf line = BUF_INIT;
	buf_add_str(&line, text);
	buf_adds(&line, "\r\n");
	enum err e = wire_send(w, buf_str(&line));
	buf_wipe(&line);
	return e;
}
