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
 * values reads it before the value and compares it later to know whether they
 * still hold.
 *
 * Locks.  Every call but kv_changes() takes the environment's lock (LOCK_KV),
 * a transaction holds it from kv_begin() to its end; so a process has at most
 * one transaction open, and uses no other kv meanwhile.  ERR_BUSY: for
 * KV_WAIT_MS nobody has had a turn, or for ten times that it was not ours.
 *
 * Limits.  Keys of 1 to KV_KEY_MAX bytes, values of at most KV_VALUE_MAX:
 * ERR_LIMIT.  A handle belongs to the process and the thread that opened it:
 * not to be used after fork().
 *
 * Errors of every call.  ERR_NOSPACE: the disk is full; nothing has changed
 * and it works again when there is room.  ERR_IO: so says the system, see the
 * log.  ERR_CORRUPT: the files contradict each other and cannot be recovered;
 * kv_reset() and build them anew.  So says a recovery, too, after which
 * durable commits are missing: its log has rotted.  ERR_STALE: kv_reset() has moved the
 * environment away, or somebody has deleted it; kv_close() and kv_open().
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

enum {
	KV_KEY_MAX = 4096,
	KV_VALUE_MAX = 1 << 20,
	KV_WAIT_MS = 30000,
};

enum kv_flags {
	KV_CREATE = 1,		/* make it if it is not there */
	KV_DURABLE = 2,		/* a commit is flushed before it returns */
};

/*
 * DIR is the environment's directory (made if KV_CREATE) and holds nothing
 * else, NAME the file in it.  ERR_NOTFOUND without KV_CREATE.  The first
 * process that opens it, after a crash or not, recovers it.
 */
enum err kv_open(const char *dir, const char *name, unsigned flags, struct kv **kv) MUST_CHECK;
void kv_close(struct kv *kv);		/* NULL is allowed */

/*
 * After ERR_CORRUPT: moves the damaged environment to DIR.damaged-TIME, for
 * people to look at, so that kv_open() with KV_CREATE makes an empty one.
 * Others who have it open get ERR_STALE.  OK and nothing moved if it is not
 * (or no longer) damaged: call it before building anew, by several processes
 * if it comes so.
 */
enum err kv_reset(const char *dir, const char *name) MUST_CHECK;

/*
 * Looks at every page; others wait meanwhile.  ERR_CORRUPT (logged): some are
 * not what was written, and nobody uses it any more before kv_reset().
 */
enum err kv_verify(struct kv *kv) MUST_CHECK;

/* The same verdict by one who knows what the values mean; WHY is for the log. */
void kv_condemn(struct kv *kv, const char *why);

/*
 * Appends the value to VALUE (which may be NULL: only asks); ERR_NOTFOUND.
 * While this handle has a transaction open, kv_get() and kv_walk() read
 * within it.
 */
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

/* The same for what makes room: also when the disk is full, from a reserve. */
enum err kv_begin_small(struct kv *kv, struct kv_txn **txn) MUST_CHECK;
enum err kv_txn_get(struct kv_txn *txn, struct str key, struct buf *value) MUST_CHECK;
enum err kv_txn_walk(struct kv_txn *txn, struct str prefix, struct str from,
    kv_each_fn each, void *ctx) MUST_CHECK;
enum err kv_put(struct kv_txn *txn, struct str key, struct str value) MUST_CHECK;
enum err kv_del(struct kv_txn *txn, struct str key) MUST_CHECK;	/* ERR_NOTFOUND */
enum err kv_commit(struct kv_txn *txn) MUST_CHECK;	/* TXN is gone either way */
void kv_abort(struct kv_txn *txn);

uint64_t kv_changes(const struct kv *kv);

/*
 * Flushes everything and lets old log files go.  Happens by itself every few
 * megabytes; others wait meanwhile.
 */
enum err kv_checkpoint(struct kv *kv) MUST_CHECK;

/*
 * Moves what is left after much was deleted to the front of the file, whose
 * end goes back to the file system.  In many small transactions, between which
 * others come in.
 */
enum err kv_compact(struct kv *kv) MUST_CHECK;

#endif
