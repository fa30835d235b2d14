/* buf.c - bytes that grow */
#include "lib/buf.h"

#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char buf_empty[1];

void
buf_init(struct buf *b)
{
	*b = (struct buf)BUF_INIT;
}

void
buf_free(struct buf *b)
{
	if (b->size > 0)
		free(b->p);
	buf_init(b);
}

void
buf_wipe(struct buf *b)
{
	if (b->size > 0)
		explicit_bzero(b->p, b->size);
	buf_free(b);
}

void
buf_reset(struct buf *b)
{
	b->n = 0;
	if (b->size > 0)
		b->p[0] = '\0';
}

static void
grow(struct buf *b, size_t need)
{
	size_t size = b->size < 64 ? 64 : b->size;
	char *p;

	while (size < need) {
		ensure(size <= SIZE_MAX / 2);
		size *= 2;
	}
	p = mem_grow(b->size > 0 ? b->p : NULL, size);
	if (b->size == 0)
		p[0] = '\0';
	b->p = p;
	b->size = size;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t need;

	ensure(!__builtin_add_overflow(b->n, n, &need) && need < SIZE_MAX);
	if (need + 1 > b->size)
		grow(b, need + 1);
	return b->p + b->n;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_reserve(b, n), p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void
buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_adds(struct buf *b, const char *cstring)
{
	buf_add(b, cstring, strlen(cstring));
}

void
buf_addu(struct buf *b, uint64_t number)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buf_add(b, digits + n, sizeof(digits) - n);
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	const int saved = errno;	/* for %m, the second time too */
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	ensure(n >= 0);
	buf_reserve(b, (size_t)n);
	errno = saved;
	vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
	b->n += (size_t)n;
	va_end(again);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_truncate(struct buf *b, size_t n)
{
	ensure(n <= b->n);
	if (n == b->n)
		return;
	b->n = n;
	b->p[n] = '\0';
}

void
buf_consume(struct buf *b, size_t n)
{
	ensure(n <= b->n);
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->n - n + 1);
	b->n -= n;
}

struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->p, b->n };
}

char *
buf_take(struct buf *b)
{
	char *p;

	buf_reserve(b, 0);
	p = b->p;
	buf_init(b);
	return p;
}

/* --- big-endian numbers --- */

static void
add_be(struct buf *b, uint64_t v, unsigned bytes)
{
	char out[8];

	for (unsigned i = 0; i < bytes; i++)
		out[i] = (char)(v >> 8 * (bytes - 1 - i));
	buf_add(b, out, bytes);
}

void
buf_add_u8(struct buf *b, uint8_t v)
{
	add_be(b, v, 1);
}

void
buf_add_u16(struct buf *b, uint16_t v)
{
	add_be(b, v, 2);
}

void
buf_add_u32(struct buf *b, uint32_t v)
{
	add_be(b, v, 4);
}

void
buf_add_u64(struct buf *b, uint64_t v)
{
	add_be(b, v, 8);
}

static bool
get_be(struct str *s, unsigned bytes, uint64_t *v)
{
	if (s->n < bytes)
		return false;
	*v = 0;
	for (unsigned i = 0; i < bytes; i++)
		*v = *v << 8 | (unsigned char)s->p[i];
	s->p += bytes;
	s->n -= bytes;
	return true;
}

bool
str_get_u8(struct str *s, uint8_t *v)
{
	uint64_t w;

	if (!get_be(s, 1, &w))
		return false;
	*v = (uint8_t)w;
	return true;
}

bool
str_get_u16(struct str *s, uint16_t *v)
{
	uint64_t w;

	if (!get_be(s, 2, &w))
		return false;
	*v = (uint16_t)w;
	return true;
}

bool
str_get_u32(struct str *s, uint32_t *v)
{
	uint64_t w;

	if (!get_be(s, 4, &w))
		return false;
	*v = (uint32_t)w;
	return true;
}

bool
str_get_u64(struct str *s, uint64_t *v)
{
	return get_be(s, 8, v);
}

bool
str_get_bytes(struct str *s, size_t n, struct str *bytes)
{
	if (s->n < n)
		return false;
	*bytes = (struct str){ s->p, n };
	s->p += n;
	s->n -= n;
	return true;
}
