/* stream_in.h - the inside of a stream, for stream*.c */
#ifndef LIB_STREAM_IN_H
#define LIB_STREAM_IN_H

#include "lib/deflate.h"
#include "lib/stream.h"
#include "lib/tls.h"

#include <poll.h>
#include <time.h>

enum {
	IN_SIZE = 64 * 1024,
	OUT_SIZE = 64 * 1024,
	RAW_SIZE = 16 * 1024,	/* compressed input at a time */
	SEALED_SIZE = 4 * 1024,	/* input of a security layer at a time */
};

struct stream {
	int rfd, wfd;		/* -1: memory */
	bool rsock, wsock;
	bool answered;		/* flushed since the last read: poll first */
	enum err in_err, out_err;
	struct tls *tls;
	struct deflate *deflate;
	char *raw;		/* RAW_SIZE bytes of compressed input */
	struct buf raw_out;	/* compressed output */
	struct stream_layer layer;	/* .ctx NULL: none */
	struct buf opened;	/* decoded input, from opened_pos on not yet read */
	size_t opened_pos;
	struct buf sealed;	/* encoded output */
	char *in, *out;
	size_t in_pos, in_end;
	size_t out_n;
	int64_t timeout_ms;	/* 0: none */
	int64_t deadline_ms;	/* CLOCK_MONOTONIC; 0: none */
	int stop_fd;
	int tele_fd;
	bool tele_relative;
	time_t tele_last;
	uint64_t bytes_in, bytes_out;
	bool saw_hello;		/* the first bytes are a ClientHello's */
	char tls_why[160];	/* the handshake failed */
	struct str mem_in;
	struct buf *mem_out;
	struct stream_peer peer;	/* its functions: NULL, or what is used */
};

/* --- stream_wait.c --- */

int64_t stream_now_ms(void);

/* poll(2) until END, whatever signals come. */
int stream_poll_until(struct pollfd *pfd, nfds_t n, int64_t end);

/* Waits for POLLIN or POLLOUT.  Only input gives way to stop_fd. */
enum err stream_wait_for(const struct stream *s, short events, bool for_input) MUST_CHECK;

/* What errno means when a client's socket says it. */
enum err stream_from_errno(const char *what) MUST_CHECK;

/* Copies what went in DIRECTION, '<' or '>', to the user's telemetry log. */
void stream_note(struct stream *s, char direction, const void *p, size_t n);

/* --- stream_write.c --- */

/* Sends what is in the buffer; on failure out_err is set. */
void stream_flush_out(struct stream *s);

#endif
