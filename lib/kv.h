/*
 * kv.h - ordered key-value databases
 *
 * Keys and values are byte strings; keys are ordered by memcmp, shorter
 * first.  One struct kv is one database in an environment directory of its
 * own, open in any number of processes at once.  A process that is killed at
 * any instruction, reader or writer, never leaves the others stuck, and what
 * a committed transaction wrote is there after a power cut (KV_DURABLE) or
 * after a kill (always).
 *
 * Transactions.  kv_begin() waits for the one writer's place; between it and
 * kv_commit() or kv_abort() the caller must not wait for a client.  Reads
 * outside a transaction see the last committed state.
 *
 * Cache.  kv_changes() is a number that costs no lock and no system call to
 * read and differs after every commit by any process: who keeps copies of
 * values compares it to know whether they still hold.
 */
#ifndef LIB_KV_H
#define LIB_KV_H

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

struct kv;
struct kv_txn;

enum kv_flags {
	KV_CREATE = 1,		/* make it if it is not there */
	KV_DURABLE = 2,		/* a commit is flushed before it returns */
};

/* DIR is the environment's directory (made if KV_CREATE), NAME the file in it. */
enum err kv_open(const char *dir, const char *name, unsigned flags, struct kv **kv) MUST_CHECK;
void kv_close(struct kv *kv);

/* Appends the value to VALUE (which may be NULL: only asks); ERR_NOTFOUND. */
enum err kv_get(struct kv *kv, struct str key, struct buf *value) MUST_CHECK;

/*
 * Calls EACH for every pair whose key is >= FROM and starts with PREFIX, in
 * order, until it returns false.  EACH may call anything: pairs are read in
 * batches and no lock is held meanwhile, so a pair that is written during the
 * walk may be seen or not.
 */
typedef bool (*kv_each_fn)(void *ctx, struct str key, struct str value);
enum err kv_walk(struct kv *kv, struct str prefix, struct str from,
    kv_each_fn each, void *ctx) MUST_CHECK;

enum err kv_begin(struct kv *kv, struct kv_txn **txn) MUST_CHECK;
enum err kv_txn_get(struct kv_txn *txn, struct str key, struct buf *value) MUST_CHECK;
enum err kv_txn_walk(struct kv_txn *txn, struct str prefix, struct str from,
    kv_each_fn each, void *ctx) MUST_CHECK;
enum err kv_put(struct kv_txn *txn, struct str key, struct str value) MUST_CHECK;
enum err kv_del(struct kv_txn *txn, struct str key) MUST_CHECK;	/* ERR_NOTFOUND */
enum err kv_commit(struct kv_txn *txn) MUST_CHECK;	/* TXN is gone either way */
void kv_abort(struct kv_txn *txn);

uint64_t kv_changes(const struct kv *kv);

/* Flushes everything and lets old log files go. */
enum err kv_checkpoint(struct kv *kv) MUST_CHECK;

#endif
