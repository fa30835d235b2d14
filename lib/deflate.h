/*
 * deflate.h - zlib, behind streams (RFC 1951, without header)
 *
 * A struct deflate compresses what one side says and expands what the other
 * says, each with the memory of all that went before.  It belongs to its
 * stream; nobody else calls it.
 *
 * Limits.  About 300 KiB, whatever passes.  What is expanded goes into memory
 * of the caller's, as much as that holds at a time: a small input that stands
 * for gigabytes is handed out piece by piece, and is as long a text as any.
 */
#ifndef LIB_DEFLATE_H
#define LIB_DEFLATE_H

#include "lib/buf.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>

struct deflate;

struct deflate *deflate_new(void);
void deflate_free(struct deflate *d);	/* NULL is allowed */

/* Appends N bytes in their compressed form, complete so far as they go. */
void deflate_write(struct deflate *d, const void *p, size_t n, struct buf *out);

/*
 * The next compressed bytes; borrowed until deflate_read() has said ERR_AGAIN,
 * before which there must be none.
 */
void deflate_feed(struct deflate *d, const void *p, size_t n);

/*
 * 1 to MAX bytes of what was fed, expanded.  ERR_AGAIN: feed it; ERR_CLOSED:
 * the other side has ended its data; ERR_SYNTAX: they are damaged.
 */
enum err deflate_read(struct deflate *d, void *p, size_t max, size_t *got) MUST_CHECK;

/* May deflate_read() have something without being fed? */
bool deflate_has_pending(const struct deflate *d);

#endif
