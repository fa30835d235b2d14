/*
 * wire.h - a connection to a server, shown as it is spoken
 *
 * Lines that are read are printed to stdout with "S: " before them, what is
 * said with "C: ".  Under the lines there may be TLS or a SASL security layer.
 *
 * Ownership.  A struct wire owns its descriptor and its TLS; the layer is borrowed.
 * Limits.  A line of 64 KiB; a silence of two minutes.
 */
#ifndef IMAP_PROBE_WIRE_H
#define IMAP_PROBE_WIRE_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/saslclient.h"
#include "lib/tlsclient.h"

enum { WIRE_SECONDS = 120 };

struct wire {
	int fd;
	struct tlsclient *tls;		/* NULL: none */
	struct saslclient *layer;	/* NULL: none */
	struct buf in;			/* has come and is not yet read */
};

/* Takes over FD, which must not block. */
void wire_init(struct wire *w, int fd);
void wire_close(struct wire *w);

/*
 * From now on in TLS, about which the facts are printed.  WHY as in tlsclient.h;
 * ERR_SYNTAX also if the server has said anything already: it would seem to
 * have come in TLS.
 */
enum err wire_start_tls(struct wire *w, const char *host, const char *keyfile,
    struct buf *why) MUST_CHECK;

/* From now on in the layer, what has come and is not read too.  ERR_SYNTAX. */
enum err wire_start_layer(struct wire *w, struct saslclient *layer) MUST_CHECK;

/* The next line, without its end.  ERR_CLOSED, ERR_TIMEOUT, ERR_LIMIT, ERR_SYNTAX. */
enum err wire_line(struct wire *w, struct buf *line) MUST_CHECK;

/* Says TEXT and CRLF; SHOWN, if it is not NULL, is printed in its place. */
enum err wire_say(struct wire *w, struct str text, const char *shown) MUST_CHECK;

/* Without a word on stdout: what has come into .in, not waiting (ERR_AGAIN); bytes out. */
enum err wire_fetch(struct wire *w) MUST_CHECK;
enum err wire_send(struct wire *w, struct str bytes) MUST_CHECK;

#endif
