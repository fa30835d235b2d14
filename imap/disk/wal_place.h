/*
 * wal_place.h - a place in the log, in memory that processes share
 *
 * Where something ends and the chain (crc) of the frame that ends there: two
 * numbers that mean nothing one without the other.  They are set by one
 * process at a time, under a lock of the caller's, and read by all without
 * one.  A reader gets two that belong together, and those that were set last.
 *
 * Whoever is killed while he sets it has set it wholly or not at all.
 */
#ifndef IMAP_DISK_WAL_PLACE_H
#define IMAP_DISK_WAL_PLACE_H

#include "imap/disk/wal.h"

#include <stdatomic.h>

/* All zero: 0 and 0. */
struct wal_place {
	_Atomic uint32_t count;		/* how often it was set; slot[count % 2] counts */
	struct {
		_Atomic uint64_t lsn;
		_Atomic uint32_t chain;
	} slot[2];
};

void wal_place_set(struct wal_place *p, struct wal_mark m);
struct wal_mark wal_place_get(const struct wal_place *p);

#endif
