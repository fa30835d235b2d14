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
	uint64_t hash;
	struct thread_node *value;	/* the caller's */
};

struct thread_table {
	struct arena *arena;		/* for nodes; the rest is not in it */
	uint64_t seed;
	size_t expected;		/* so many keys, or some more */
	struct thread_slot *slot;	/* in the order in which they came */
	size_t used, room;
	/* By hash: its upper half and, below, the slot's number from 1; 0: free. */
	uint64_t *place;
	size_t size;			/* a power of two, or 0 */
};

/* KEY's slot, made if there is none; good until the next call.  Never NULL. */
struct thread_slot *thread_table_find(struct thread_table *t, struct str key);
void thread_table_free(struct thread_table *t);

#endif
