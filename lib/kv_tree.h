/*
 * kv_tree.h - is a B-tree of Berkeley DB what was written?
 *
 * The part of kv_env.c that knows nothing of environments.  All calls are made
 * by who is inside.
 */
#ifndef LIB_KV_TREE_H
#define LIB_KV_TREE_H

#include "lib/str.h"

#include <db.h>

/* The key under which commits are counted; walks pass over it. */
extern const struct str kv_tree_own_key;

/* How many durable commits the tree has seen. */
int kv_tree_get_commits(DB *db, uint64_t *n);
int kv_tree_put_commits(DB *db, DB_TXN *txn, uint64_t n);

/*
 * Are all pages of the file at PATH there, and right?  0, DB_VERIFY_BAD, or an
 * error.  What is only in the cache must have been written.
 */
int kv_tree_verify(const char *path);

#endif
