/* id128.h - what mailboxes and blobs are known by on disk */
#ifndef IMAP_DISK_ID128_H
#define IMAP_DISK_ID128_H

#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Mailbox and blob ids: 128 random bits, made once, never used again. */
struct id128 {
	uint8_t b[16];
};

bool id128_eq(const struct id128 *a, const struct id128 *b);
struct id128 id128_new(void);
/* 32 hex digits and NUL. */
void id128_hex(const struct id128 *id, char hex[33]);
bool id128_parse(struct str hex, struct id128 *id);

#endif
