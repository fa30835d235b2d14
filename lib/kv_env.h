/*
 * kv_env.h - an environment of Berkeley DB 5.3 that survives everybody in it
 *
 * What kv_bdb.c and kv_walk.c have in common, and nobody else's business: the
 * handles, who is inside, recovery.  kv_env.c has the whole of the argument.
 *
 * Between kv_env_enter() that returned OK and one of the three ways to leave,
 * Berkeley DB may be called with ->env and ->db, and by nobody else.
 */
#ifndef LIB_KV_ENV_H
#define LIB_KV_ENV_H

#include "lib/kv.h"
#include "lib/kv_state.h"

#include <db.h>

#include <sys/types.h>
#include <time.h>

struct kv_txn {
	struct kv *kv;
	DB_TXN *handle;			/* NULL: none is open */
	enum err failed;
};

struct kv {
	char *dir;			/* absolute: we may chdir(2) */
	char *name;
	unsigned flags;
	pid_t pid;
	struct kv_state state;
	uint64_t epoch;			/* of the handles */
	DB_ENV *env;			/* NULL: none */
	DB *db;
	bool may_create;		/* only while kv_open() runs */
	bool is_alone;			/* the same; nobody else has it open */
	bool is_quiet;
	bool saw_full;			/* it complained about a full disk */
	bool saw_lack;			/* of memory or descriptors: that passes */
	time_t complained;
	int complaints;			/* in the minute since then */
	struct kv_txn txn;
};

/* .dir and .name are set.  Also makes what is missing, with KV_CREATE. */
enum err kv_env_open(struct kv *kv) MUST_CHECK;

/* Inside: closes the handles, which are in order. */
void kv_env_detach(struct kv *kv);

/*
 * Gets rid of handles on regions that nobody is to use any more: of another
 * epoch, or with the lock.  Regions that are in use it would panic for everybody.
 */
void kv_env_abandon(struct kv *kv);

enum err kv_env_enter(struct kv *kv) MUST_CHECK;
void kv_env_leave(struct kv *kv);

/* Leaves the mending to the next one who enters. */
void kv_env_leave_broken(struct kv *kv);

/*
 * After a read that returned RET: leaves, or mends what is broken and says
 * that the read is to be tried again.  *TRIES is 0 at first.
 */
bool kv_env_leave_or_retry(struct kv *kv, int ret, int *tries, enum err *e);

/* Inside: makes regions and handles anew.  If it fails, leave broken. */
enum err kv_env_recover(struct kv *kv) MUST_CHECK;

/* Inside: looks at all pages; ERR_CORRUPT: condemned. */
enum err kv_env_verify(struct kv *kv) MUST_CHECK;

/* With the lock: nobody is to use it any more. */
void kv_env_condemn(struct kv *kv, const char *why);

/* The code for what Berkeley DB returned, logged with WHAT we wanted. */
enum err kv_env_failed(struct kv *kv, int ret, const char *what) MUST_CHECK;

/*
 * Inside: room for transactions that make room, when the disk will be full:
 * behind the ends of the log's file and the B-tree, where nobody else can take
 * it.  Is there some?
 */
bool kv_env_reserve(struct kv *kv);

#endif
