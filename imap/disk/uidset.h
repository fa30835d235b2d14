/*
 * uidset.h - a set of UIDs as sorted ranges, "1:4,7" in text
 *
 * Owns its memory; UIDSET_INIT is the empty set.
 */
#ifndef IMAP_DISK_UIDSET_H
#define IMAP_DISK_UIDSET_H

#include "lib/buf.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uidrange {
	uint32_t first, last;
};

struct uidset {
	struct uidrange *r;		/* rising, with gaps between */
	size_t n, size;
};
#define UIDSET_INIT	{ NULL, 0, 0 }

void uidset_free(struct uidset *s);
bool uidset_has(const struct uidset *s, uint32_t uid);
void uidset_add(struct uidset *s, uint32_t first, uint32_t last);
/* Makes it the union of N ranges in any order, which are sorted in place. */
void uidset_take(struct uidset *s, struct uidrange *r, size_t n);
void uidset_remove(struct uidset *s, uint32_t uid);
void uidset_copy(struct uidset *to, const struct uidset *from);
void uidset_format(const struct uidset *s, struct buf *out);

/* False, and an empty set, if TEXT is not a sorted set of numbers. */
bool uidset_parse(struct uidset *s, struct str text);

#endif
