/*
 * wal_place.c - a place in the log, in memory that processes share
 *
 * The slot that counts is never written: the other one is, and then `count`
 * says by one store that this one counts now.  A reader who sees `count`
 * unchanged after he has read the slot had one that nobody was writing: it is
 * only written again after `count` has gone on.
 *
 * The fence in wal_place_set() keeps the stores into the slot behind the last
 * store into `count`, whoever made that: a release store holds back only what
 * was written before it.  The loads of the slot are acquiring because they
 * must come before the second look at `count`.
 */
#include "imap/disk/wal_place.h"

void
wal_place_set(struct wal_place *p, struct wal_mark m)
{
	uint32_t next = atomic_load_explicit(&p->count, memory_order_relaxed) + 1;

	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&p->slot[next % 2].lsn, m.lsn, memory_order_relaxed);
	atomic_store_explicit(&p->slot[next % 2].chain, m.chain, memory_order_relaxed);
	atomic_store_explicit(&p->count, next, memory_order_release);
}

struct wal_mark
wal_place_get(const struct wal_place *p)
{
	uint32_t now = atomic_load_explicit(&p->count, memory_order_acquire), before;
	struct wal_mark m;

	do {
		before = now;
		m.lsn = atomic_load_explicit(&p->slot[now % 2].lsn, memory_order_acquire);
		m.chain = atomic_load_explicit(&p->slot[now % 2].chain, memory_order_acquire);
		now = atomic_load_explicit(&p->count, memory_order_acquire);
	} while (now != before);
	return m;
}
