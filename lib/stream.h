/*
 * stream.h - a client's connection as bytes with deadlines
 *
 * What a session has instead of a socket: buffered input, buffered output,
 * and layers (TLS, a SASL security layer, DEFLATE) that can be put underneath
 * without the session noticing.  Straight-line code: a call returns when it
 * is done, or with ERR_CLOSED, ERR_TIMEOUT or ERR_IO.  After one of those
 * every further call in that direction returns the same and the session ends;
 * the two directions fail apart, so that after a timeout or the end of input
 * a server can still say goodbye.
 *
 * Ownership.  A stream owns its descriptors and buffers; what it is given to
 * write is sent or copied before the call returns.
 *
 * Limits.  Two buffers of 64 KiB, touched only as far as they are used, and
 * what OpenSSL and zlib take.  Blocks that do not fit are passed to the kernel from
 * where they lie.  The first stream of a process makes it ignore SIGPIPE.
 *
 * Deadline.  stream_timeout() sets how long one wait for the client may last;
 * it starts anew with each byte that moves, but stream_deadline() can bound a
 * whole dialogue (login) too.
 *
 * Output is sent when the buffer is full or at stream_flush().  Reading does
 * not flush by itself: a session flushes when stream_pending() says that no
 * further command is waiting, so that pipelined commands are answered in one
 * write.
 */
#ifndef LIB_STREAM_H
#define LIB_STREAM_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"
#include "lib/tls.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;

/* Takes over both descriptors (they may be the same); stream_close() closes. */
struct stream *stream_new(int rfd, int wfd);

/*
 * Flushes what the client takes within a few seconds, ends TLS, closes and
 * frees.  NULL is allowed.
 */
void stream_close(struct stream *s);

/*
 * Frees the stream and gives its descriptor back, as it was: what we have said is
 * sent first, what the client has said and nobody has read is appended to UNREAD.
 * Without layers and over one descriptor only.  -1: the connection is broken, and closed.
 */
int stream_release(struct stream *s, struct buf *unread);

/* A stream over memory for tests and fuzzers: input IN, output kept in *out. */
struct stream *stream_mem(struct str in, struct buf *out);

/*
 * The same with functions at the other end.  READ gives 1 to MAX bytes, 0 at
 * the end of input; WAIT is stream_wait(): true if there is input, or its end,
 * false for ERR_AGAIN.
 */
struct stream_peer {
	size_t (*read)(void *ctx, char *p, size_t max);
	void (*write)(void *ctx, const char *p, size_t n);
	bool (*wait)(void *ctx);
	void *ctx;
};
struct stream *stream_to(const struct stream_peer *peer);

void stream_timeout(struct stream *s, int seconds);	/* 0: none */
void stream_deadline(struct stream *s, int seconds);	/* from now; 0: none */

/*
 * Waiting for input ends with ERR_CLOSED once FD is readable: how master gets
 * a busy worker to end (svc_stop_fd()).  -1: none.
 */
void stream_stop_fd(struct stream *s, int fd);

/* At least 1 and at most MAX bytes. */
enum err stream_read(struct stream *s, void *p, size_t max, size_t *got) MUST_CHECK;

/* Exactly N bytes. */
enum err stream_read_all(struct stream *s, void *p, size_t n) MUST_CHECK;

/*
 * Appends one line up to and with its LF.  ERR_LIMIT if it is longer than MAX
 * bytes: then the rest of the line has been read and dropped, so that the
 * next call reads the next line.
 */
enum err stream_getline(struct stream *s, struct buf *line, size_t max) MUST_CHECK;

/*
 * Borrows what is buffered, after waiting for at least one byte; valid until
 * the next call.  stream_skip() takes N of these bytes away.
 */
enum err stream_peek(struct stream *s, struct str *bytes) MUST_CHECK;
void stream_skip(struct stream *s, size_t n);

/* Overwrites what has been read and lies in the buffer still: passwords. */
void stream_forget(struct stream *s);

/*
 * Bytes that somebody else has read of what the client sent: they come first.
 * Before anything is read here; at most 64 KiB.
 */
void stream_unread(struct stream *s, struct str bytes);

/*
 * Bytes that can be read without waiting for the client and without asking
 * the kernel: 0 means that it is time to flush.
 */
size_t stream_pending(struct stream *s);

/*
 * Waits until the client sends something or OTHER_FD (-1: none) is readable
 * or TIMEOUT_MS (-1: none) has passed, for IDLE.  OK: input or end of input
 * is there; ERR_AGAIN: OTHER_FD; ERR_TIMEOUT.
 */
enum err stream_wait(struct stream *s, int other_fd, int timeout_ms) MUST_CHECK;

/* Errors of output are kept and come back from the next flush. */
void stream_write(struct stream *s, const void *p, size_t n);
void stream_puts(struct stream *s, const char *cstring);
void stream_put(struct stream *s, struct str bytes);
void stream_printf(struct stream *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum err stream_flush(struct stream *s) MUST_CHECK;
enum err stream_error(const struct stream *s);

/*
 * TLS as the server: flushes, then shakes hands within the stream's timeout
 * and deadline and TLS_HANDSHAKE_SECONDS.  What was buffered before is dropped: nothing a client sent
 * in the clear is read as if it had come through TLS.  After an error the
 * stream is dead in both directions, and stream_tls_why() says what was wrong,
 * for the log: only the caller knows who the client is.
 */
enum err stream_start_tls(struct stream *s, struct tls_context *ctx) MUST_CHECK;
const char *stream_tls_why(const struct stream *s);
bool stream_is_tls(const struct stream *s);
/* "TLSv1.3", "TLS_AES_256_GCM_SHA384" and its bits; NULL and 0 without TLS. */
const char *stream_tls_version(const struct stream *s);
const char *stream_tls_cipher(const struct stream *s);
int stream_tls_bits(const struct stream *s);
/* The client began with TLS, and nobody has started it. */
bool stream_saw_tls(const struct stream *s);
bool stream_tls_is_resumed(const struct stream *s);
const char *stream_tls_server_name(const struct stream *s, bool *known);
/* The client has gone without the word of TLS for it. */
bool stream_tls_is_truncated(const struct stream *s);
/* As tls_binding() and tls_client_name(); ERR_UNSUPPORTED, false without TLS. */
enum err stream_tls_binding(const struct stream *s, enum tls_binding type,
    struct buf *out) MUST_CHECK;
bool stream_tls_client_name(const struct stream *s, enum tls_name which, size_t n,
    struct buf *out);

/*
 * Compresses both directions from here on (RFC 4978): flushes first; what the
 * client has sent already and nobody has read is taken for compressed data.
 * Damaged data are ERR_SYNTAX.  Not before stream_start_tls(), which would
 * have to go underneath, and not twice.
 */
void stream_start_deflate(struct stream *s);
/* Flushes, and neither side is compressed any more (RFC 8437). */
void stream_stop_deflate(struct stream *s);
bool stream_is_deflated(const struct stream *s);

/*
 * A security layer of SASL's, in both directions from here on: flushes first;
 * what the client has sent already and nobody has read has gone through it.
 * Compression comes on top of it, TLS is below.  Functions append what they
 * make; ENCODE is given 1 to ROOM bytes, DECODE may give nothing yet and says
 * ERR_SYNTAX to what is not of the layer.  CTX becomes the stream's.
 */
struct stream_layer {
	enum err (*encode)(void *ctx, const void *p, size_t n, struct buf *out);
	enum err (*decode)(void *ctx, const void *p, size_t n, struct buf *out);
	void (*free)(void *ctx);
	void *ctx;
	size_t room;
};
void stream_start_layer(struct stream *s, const struct stream_layer *layer);
/* Flushes, and the layer is gone (RFC 8437). */
void stream_stop_layer(struct stream *s);

/*
 * A copy of everything that passes from now on, in both directions, as clear
 * text: "<TIME<" before what the client sent and ">TIME>" before what we
 * sent, in seconds since 1970, or, if RELATIVE, since the transfer before.  FD
 * stays the caller's; -1 ends it.  What cannot be written there is lost.
 */
void stream_telemetry(struct stream *s, int fd, bool relative);

/* Bytes read and written so far, before layers. */
uint64_t stream_bytes_in(const struct stream *s);
uint64_t stream_bytes_out(const struct stream *s);

#endif
