/*
 * buf.h - bytes that grow
 *
 * A struct buf owns its memory.  Invariants: .p is never NULL and .p[.n] is
 * always NUL, also when the buffer is empty, so that it can be handed to libc
 * when it is known to hold no other NUL.  BUF_INIT is a valid empty buffer
 * without memory of its own.
 *
 * Limits.  A buffer grows until memory is exhausted, which ends the process;
 * who fills it from the network checks .n against his own limit first.
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include "lib/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;
	size_t n;		/* bytes in use */
	size_t size;		/* bytes owned; 0: .p is the static empty string */
};

extern char buf_empty[1];
#define BUF_INIT	{ .p = buf_empty, .n = 0, .size = 0 }

void buf_init(struct buf *b);

/* Gives the memory back; the buffer is empty and usable again. */
void buf_free(struct buf *b);

/* As buf_free(), but the bytes are wiped first: for passwords and keys. */
void buf_wipe(struct buf *b);

/* Empties it and keeps the memory for the next use. */
void buf_reset(struct buf *b);

/* Room for N more bytes; returns where they go.  Add them to .n yourself. */
char *buf_reserve(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *cstring);
void buf_addu(struct buf *b, uint64_t number);		/* decimal */
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Shortens to N bytes; N must not exceed .n. */
void buf_truncate(struct buf *b, size_t n);

/* Removes the first N bytes. */
void buf_consume(struct buf *b, size_t n);

/* What is in it now, borrowed until the next change. */
struct str buf_str(const struct buf *b);

/* The C string, now the caller's to free(); the buffer is empty again. */
char *buf_take(struct buf *b);

/* Big-endian numbers for on-disk and on-wire formats. */
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_u16(struct buf *b, uint16_t v);
void buf_add_u32(struct buf *b, uint32_t v);
void buf_add_u64(struct buf *b, uint64_t v);

/*
 * The reader's side: moves *s past the number.  False, and *s unmoved, if too
 * few bytes are left.  str_get_bytes() borrows N bytes of *s.
 */
bool str_get_u8(struct str *s, uint8_t *v);
bool str_get_u16(struct str *s, uint16_t *v);
bool str_get_u32(struct str *s, uint32_t *v);
bool str_get_u64(struct str *s, uint64_t *v);
bool str_get_bytes(struct str *s, size_t n, struct str *bytes);

#endif
