/*
 * kv_state.h - who is inside a database environment?
 *
 * The part of kv_env.c that knows nothing of Berkeley DB: the lock that lets
 * one process at a time into an environment, and a page of memory, shared by
 * all who have it open, in which the one inside says so.  See kv_env.c for
 * the whole of the argument.
 *
 *	DIR/kv.state	struct kv_page, mapped; flock: "inside"
 *	DIR		flock, shared, by everybody who has it open: "attached"
 */
#ifndef LIB_KV_STATE_H
#define LIB_KV_STATE_H

#include "lib/err.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Host order: the page means nothing on another machine, and but for .damaged
 * and .commits nothing after a restart.  All but .changes and .turns is read and written
 * under the lock only.
 */
struct kv_page {
	uint64_t magic;
	_Atomic uint64_t epoch;		/* one more with each recovery */
	_Atomic uint64_t changes;	/* one more before each commit */
	_Atomic int32_t inside;		/* pid of who is, or died, inside; or 0 */
	_Atomic uint32_t damaged;	/* enum kv_damage */
	_Atomic uint32_t moved;		/* by kv_reset(): this is another's past */
	_Atomic uint32_t doubtful;	/* a call failed: a flush may have */
	/* The number of the last durable commit, kept in the tree, too. */
	_Atomic uint64_t commits;
	_Atomic uint64_t not_commits;	/* ~commits; else they mean nothing */
	_Atomic uint64_t turns;		/* one more with each taking of the lock */
};

enum kv_damage {
	KV_WHOLE,
	KV_NOT_RECOVERED,		/* a recovery has failed for good */
	KV_CONDEMNED,			/* it opens, and is not what was written */
};

struct kv_state {
	int dir_fd;
	int fd;
	bool is_locked;
	struct kv_page *page;
};

/*
 * Opens and locks.  The files are made if CREATE, the directory must be there;
 * ERR_NOTFOUND.  Page and lock are the caller's until kv_state_unlock().
 */
enum err kv_state_open(const char *dir, bool create, struct kv_state *s) MUST_CHECK;

/* Also unlocks.  Harmless if kv_state_open() has failed. */
void kv_state_close(struct kv_state *s);

/*
 * ERR_BUSY if nobody has had a turn for KV_WAIT_MS; ERR_STALE: no longer what is
 * found at its path.
 */
enum err kv_state_lock(struct kv_state *s) MUST_CHECK;
void kv_state_unlock(struct kv_state *s);

/*
 * Counts this process among the attached; *first if there was no other.  Only
 * with the lock.  ERR_IO: nobody knows, and others would not know of us.
 */
enum err kv_state_attach(struct kv_state *s, bool *first) MUST_CHECK;

/* The number of the last durable commit; 0: it is not known. */
void kv_state_note_commits(struct kv_state *s, uint64_t n);
uint64_t kv_state_commits(const struct kv_state *s);

/*
 * Writes NAME and the log files beside it once more, as they are read, and
 * flushes them.
 */
enum err kv_state_rewrite(const struct kv_state *s, const char *name) MUST_CHECK;

/* Is there a page of zeros in NAME, of SIZE bytes each?  If it cannot be read: yes. */
bool kv_state_has_empty_page(const struct kv_state *s, const char *name, size_t size);

/* Is there room for a transaction on the disk? */
bool kv_state_has_room(const struct kv_state *s);

/*
 * Takes room for MORE bytes behind the end of file NAME, if the disk has much.
 * Is there some, from now or before, for a small transaction?
 */
bool kv_state_reserve(const struct kv_state *s, const char *name, uint64_t more);

#endif
