/* deflate.c - zlib, behind streams */
#include "lib/deflate.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <stdlib.h>
#include <zlib.h>

enum {
	RAW = -15,			/* window bits: 32 KiB, no zlib header */
	ROOM = 16 * 1024,		/* of compressed bytes at a time */
};

struct deflate {
	z_stream in, out;
	bool full;			/* the last read filled its buffer */
};

struct deflate *
deflate_new(void)
{
	struct deflate *d = mem_zero(1, sizeof(*d));
	ensure(inflateInit2(&d->in, RAW) == Z_OK);
	ensure(deflateInit2(&d->out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW, 8,
	    Z_DEFAULT_STRATEGY) == Z_OK);
	return d;
}

void
deflate_free(struct deflate *d)
{
	if (d == NULL)
		return;
	inflateEnd(&d->in);
	(void)deflateEnd(&d->out);	/* it says whether data were left over */
	free(d);
}

/* Sizes of zlib are unsigned int. */
static unsigned
piece_of(size_t n)
{
	return n < ROOM ? (unsigned)n : ROOM;
}

/* Takes what it has been given, and puts out what HOW says. */
static void
put_out(struct deflate *d, int how, struct buf *out)
{
	do {
		d->out.next_out = (unsigned char *)buf_reserve(out, ROOM);
		d->out.avail_out = ROOM;
		(void)deflate(&d->out, how);
		out->n += ROOM - d->out.avail_out;
	} while (d->out.avail_out == 0);
}

/*
 * The end of a flush is marked by an empty block.  zlib, when it is called again
 * because there was no room for all, makes a second one; so everything else goes
 * out first, and then there is room.
 */
void
deflate_write(struct deflate *d, const void *p, size_t n, struct buf *out)
{
	const unsigned char *from = p;
	if (n == 0)
		return;
	while (n > 0) {
		unsigned piece = piece_of(n);
		/* zlib reads from there only, but its type does not say so. */
		d->out.next_in = (unsigned char *)(uintptr_t)from;
		d->out.avail_in = piece;
		from += piece;
		n -= piece;
		put_out(d, Z_NO_FLUSH, out);
	}
	put_out(d, Z_BLOCK, out);
	put_out(d, Z_SYNC_FLUSH, out);
	out->p[out->n] = '\0';
}

void
deflate_feed(struct deflate *d, const void *p, size_t n)
{
	d->in.next_in = (unsigned char *)(uintptr_t)p;
	d->in.avail_in = (unsigned)n;
}

enum err
deflate_read(struct deflate *d, void *p, size_t max, size_t *got)
{
	unsigned room = max < (1u << 30) ? (unsigned)max : 1u << 30;
	d->in.next_out = p;
	d->in.avail_out = room;
	int z = inflate(&d->in, Z_SYNC_FLUSH);
	*got = room - d->in.avail_out;
	d->full = d->in.avail_out == 0;
	if (*got > 0)
		return OK;
	if (z == Z_STREAM_END)
		return ERR_CLOSED;
	return z == Z_OK || z == Z_BUF_ERROR ? ERR_AGAIN : ERR_SYNTAX;
}

bool
deflate_has_pending(const struct deflate *d)
{
	return d->full || d->in.avail_in > 0;
}
