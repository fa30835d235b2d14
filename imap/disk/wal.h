/*
 * wal.h - a partition's commit log
 *
 * An endless stream of bytes kept in segment files; a place in it is a log
 * sequence number (LSN), the count of bytes before it.  It holds frames: one
 * frame is one commit, whole or not at all.  What a frame's payload means is
 * rec.h's affair.
 *
 * Any number of processes append; wal_flush() of several that wait at the
 * same time share one flush.  Whoever is killed in between leaves the log as
 * if he had appended the frame wholly or never.
 *
 * Opening.  wal_open() tells the first process that opens the log after all
 * others have ended that it is `cold`: it must replay what wal_scan() yields
 * from wal_checkpoint_lsn() on, then call wal_resume() and wal_ready(); all
 * others wait in wal_open() meanwhile.
 *
 * Damage.  The log ends before the first frame that is not whole.  If there
 * are whole ones behind it, they are not believed; but their places are not
 * given again, for indexes may have noted them.
 *
 * Locks: LOCK_WAL_APPEND and LOCK_WAL_FLUSH, inside, never together.
 */
#ifndef IMAP_DISK_WAL_H
#define IMAP_DISK_WAL_H

#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
	WAL_SEGMENT = 8 * 1024 * 1024,
	WAL_SPARE = 4,			/* old segments kept for reuse */
	WAL_FRAME_MAX = 1 << 30,
};

struct wal;

/* DIRFD: the log's directory, kept by the caller; PATH names it in messages. */
enum err wal_open(int dirfd, const char *path, struct wal **w, bool *cold) MUST_CHECK;

/* A cold opener has replayed it: behind damage, it goes on in a new segment. */
enum err wal_resume(struct wal *w) MUST_CHECK;
void wal_ready(struct wal *w);
void wal_close(struct wal *w);		/* NULL allowed */

/* Where the next frame will go. */
uint64_t wal_tail(struct wal *w);

/*
 * Appends one frame of the bytes of IOV.  *end is to be given to wal_flush(); *start
 * is the frame's LSN.  ERR_NOSPACE, ERR_IO: nothing was appended.
 */
enum err wal_append(struct wal *w, const struct iovec *iov, int iovcnt,
    uint64_t *start, uint64_t *end) MUST_CHECK;

/*
 * Room for later is made sure of while the disk has some: half a segment or a
 * spare one.  Who wants to put new mail in asks, and does not if ERR_NOSPACE;
 * then flags can be set and messages expunged when the disk is full.
 */
enum err wal_reserve(struct wal *w) MUST_CHECK;

/* Would a checkpoint give it the room that it lacks? */
bool wal_is_short(struct wal *w);

/*
 * Returns when all before END is settled: on the disk, or void because it
 * could not be brought there.  After an error nobody can know, and the log
 * takes no frames; whoever comes next tries again to settle it.
 */
enum err wal_flush(struct wal *w, uint64_t end) MUST_CHECK;

/*
 * For the frame that this process appended last: OK, it is on the disk;
 * *undone (ERR_IO): it has never been, and will not be whatever happens;
 * ERR_UNKNOWN: nobody can tell.
 */
enum err wal_commit(struct wal *w, uint64_t end, bool *undone) MUST_CHECK;

/*
 * Calls EACH for every whole frame from FROM (a frame's start, or a
 * checkpoint) to the end of what is settled, until it returns false.  PAYLOAD
 * is borrowed.
 */
typedef bool (*wal_each_fn)(void *ctx, uint64_t lsn, struct str payload);
enum err wal_scan(struct wal *w, uint64_t from, wal_each_fn each, void *ctx) MUST_CHECK;

/*
 * A flush of the partition's files has failed, and another one would prove
 * nothing: until the store is opened anew, whose replay looks at what the disk
 * holds, the log must stay.
 */
void wal_distrust(struct wal *w);
bool wal_is_distrusted(struct wal *w);

/* Replay starts here; all before is in the files, flushed. */
uint64_t wal_checkpoint_lsn(struct wal *w);

/*
 * A place that a checkpoint can be moved to: everything appended so far.  The
 * caller makes sure that all of it is in the files and flushed, then calls
 * wal_checkpoint_set(), which lets older segments go.
 */
struct wal_mark {
	uint64_t lsn;
	uint32_t chain;
};
struct wal_mark wal_mark(struct wal *w);
enum err wal_checkpoint_set(struct wal *w, struct wal_mark m) MUST_CHECK;

#endif
