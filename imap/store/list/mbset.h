/*
 * mbset.h - entries that are changed together
 */
#ifndef IMAP_STORE_LIST_MBSET_H
#define IMAP_STORE_LIST_MBSET_H

#include "imap/store/list/mbdb.h"

enum { MBSET_ARENA = 1 << 30 };		/* a bound, not what is taken */

/* Entries in hierarchical order, copied into the arena. */
struct mbset {
	struct arena *arena;
	struct mbentry **e;
	size_t n, size;
	enum err err;			/* ERR_LIMIT */
};

/* For mblist_walk(): false if the set is full. */
bool mbset_add(struct mbset *set, const struct mbentry *e);
/* Tells who watches the mailboxes that they may be called otherwise by now. */
void mbset_publish(struct store *s, const struct mbset *set);

void mbset_free(struct mbset *set);	/* with its arena */

#endif
