/*
 * thread_in.h - inside thread_build(): its state, and a table of nodes
 *
 * The table maps strings to nodes.  Strings are borrowed.  Ids come from the
 * network, so the hash is seeded anew for each table: nobody can choose them
 * to be equal.
 */
#ifndef IMAP_STORE_SEARCH_THREAD_IN_H
#define IMAP_STORE_SEARCH_THREAD_IN_H

#include "imap/store/search/thread.h"

struct thread_work {
	struct arena *arena;
	uint64_t seed;
	const struct thread_message *msgs;
	size_t n;
	struct thread_node root;
};

struct thread_slot {
	struct str key;
	uint64_t hash;			/* 0: the slot is free */
	struct thread_node *value;	/* the caller's */
};

struct thread_table {
	struct arena *arena;		/* for nodes; the slots are not in it */
	uint64_t seed;
	struct thread_slot *slot;
	size_t size, used;		/* size: a power of two, or 0 */
};

/* KEY's slot, made if there is none; good until the next call.  Never NULL. */
struct thread_slot *thread_table_find(struct thread_table *t, struct str key);
void thread_table_free(struct thread_table *t);

#endif
