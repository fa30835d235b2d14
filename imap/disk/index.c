/*
 * index.c - cyrus.index: the mapped list of a mailbox's messages
 *
 * File: the header in the first INDEX_HEADER_SIZE bytes, then records of
 * INDEX_RECORD_SIZE, in rising UID order; behind the last one zeros (room that
 * was reserved).  Layouts in index.h, in words in doc/formats.md.
 *
 * Invariants
 *  1. Records [0, records) have rising UIDs, none above last_uid, and a right
 *     crc when seq is even.
 *  2. exists, bytes, unseen ... are the sums over the records when seq is even.
 *  3. dirty_lsn is set before a commit's frame is appended to the log and
 *     cleared after it is in the file: not 0 under the lock means that its
 *     writer died, and the log from there on must be looked through.  In the same
 *     way writing_uid stands while there may be files above last_uid.
 *  4. UIDs of records never change, so index_find() needs no protection.
 *  5. Of the first unseen_from records each is MSG_SEEN or a tombstone when seq is
 *     even.  It may be lower than it could be, but follows in a few steps.
 *  6. sums_crc is of the words from applied_lsn on when seq is even; but not of
 *     recent_uid, cache_size, state, pop3_next and writing_*, which no log puts back,
 *     so that a power cut may tear them from the rest.  Who gets the lock looks
 *     at it before he changes anything (index_needs_repair()), else he would
 *     put his signature to the damage.  A kill inside leaves seq odd: sums are
 *     made anew then.  After a power cut any of the words may be old: replay
 *     makes them anew of each mailbox that has changed since the checkpoint.
 *
 * Nothing here is flushed at a commit: the log is.  A checkpoint flushes the
 * file; after a power cut replay puts back every record changed since.
 */
#include "imap/disk/index_in.h"

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	MAP_AHEAD = 1 << 20,		/* mapped beyond the end of the file */
	UNLOAD_MIN = 64 * 1024,
	READ_PIECE = 64 * 1024,
	LOCK_WAIT_MS = 60000,
	SPINS = 100,			/* before it lets others run */
	READ_WAIT_MS = 200,
};

/* --- opening and mapping --- */

static void
unmap(struct index *ix)
{
	if (ix->h != NULL)
		munmap(ix->h, ix->map_len);
	ix->h = NULL;
}

static enum err
too_short(const struct index *ix)
{
	log_err("%s/cyrus.index: too short; run reconstruct", ix->name);
	return ERR_CORRUPT;
}

/* Maps the file as it is now and some room to grow into. */
enum err
index_map(struct index *ix)
{
	enum err e = file_size(ix->fd, ix->name, &ix->file_len);
	void *p;

	if (e != OK)
		return e;
	if (ix->file_len < INDEX_HEADER_SIZE)
		return too_short(ix);
	if (ix->h != NULL && ix->file_len <= ix->map_len)
		return OK;
	unmap(ix);
	ix->map_len = (size_t)ix->file_len + ix->file_len / 2 + MAP_AHEAD;
	p = mmap(NULL, ix->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, ix->fd, 0);
	if (p == MAP_FAILED) {
		log_io(ix->name, "mmap cyrus.index");
		return ERR_IO;
	}
	ix->h = p;
	return OK;
}

/*
 * Read before it is mapped: a sector that the disk cannot read is the mailbox's
 * misfortune, and not the end of whoever looks after all of them.
 */
static enum err
look_at_header(struct index *ix)
{
	struct index_header h;
	enum err e = file_size(ix->fd, ix->name, &ix->file_len);

	if (e != OK || ix->file_len < INDEX_HEADER_SIZE)
		return e != OK ? e : too_short(ix);
	e = index_read_failed(file_read_at(ix->fd, ix->name, &h, sizeof(h), 0));
	if (e == OK && !index_header_valid(&h)) {
		log_err("%s/cyrus.index: damaged header; run reconstruct", ix->name);
		e = ERR_CORRUPT;
	}
	return e;
}

enum err
index_read_through(struct index *ix)
{
	struct buf b = BUF_INIT;
	char *piece = buf_reserve(&b, READ_PIECE);
	enum err e = OK;

	for (uint64_t at = 0; e == OK && at < ix->file_len; at += READ_PIECE) {
		uint64_t n = ix->file_len - at < READ_PIECE ? ix->file_len - at : READ_PIECE;

		e = index_read_failed(file_read_at(ix->fd, ix->name, piece, (size_t)n, at));
	}
	buf_free(&b);
	return e;
}

enum err
index_open(int dirfd, const char *name, struct index **index)
{
	struct index *ix = mem_zero(1, sizeof(*ix));
	enum err e;

	*ix = (struct index){ .dirfd = dirfd, .fd = -1, .cachefd = -1, .historyfd = -1,
	    .name = mem_copy(name) };
	e = index_read_failed(file_open(dirfd, "cyrus.index", O_RDWR, 0, &ix->fd));
	if (e == OK)
		e = look_at_header(ix);
	if (e == OK)
		e = index_map(ix);
	if (e != OK) {
		ix->dirfd = -1;
		index_close(ix);
		return e;
	}
	*index = ix;
	return OK;
}

void
index_close(struct index *ix)
{
	if (ix == NULL)
		return;
	if (ix->locked)
		index_unlock(ix);
	unmap(ix);
	index_cache_close(ix);
	if (ix->historyfd >= 0)
		close(ix->historyfd);
	if (ix->fd >= 0)
		close(ix->fd);
	if (ix->dirfd >= 0)
		close(ix->dirfd);
	free(ix->name);
	free(ix);
}

void
index_unload(struct index *ix)
{
	if (ix->file_len > UNLOAD_MIN && madvise(ix->h, ix->map_len, MADV_DONTNEED) != 0)
		log_io(ix->name, "madvise cyrus.index");
}

void
index_rest(struct index *ix)
{
	if (ix->locked)
		index_unlock(ix);
	index_cache_close(ix);
	if (ix->historyfd >= 0)
		close(ix->historyfd);
	ix->historyfd = -1;
	/* What reclaim_hold() has taken. */
	if (flock(ix->fd, LOCK_UN) != 0)
		log_io(ix->name, "flock cyrus.index");
}

/* --- reading --- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint32_t
index_state(const struct index *ix)
{
	return atomic_load_explicit((_Atomic uint32_t *)&ix->h->state,
	    memory_order_acquire);
}

static uint64_t
read_begin(struct index *ix)
{
	uint64_t s = atomic_load_explicit(index_seq_of(ix), memory_order_relaxed);

	/* Under the lock an odd number is our own: do not wait for ourselves. */
	if (ix->locked)
		return s;
	for (int64_t i = 0, end = 0;; i++) {
		s = atomic_load_explicit(index_seq_of(ix), memory_order_acquire);
		if ((s & 1) == 0)
			return s;
		if (i < SPINS)
			continue;
		if (end == 0)
			end = now_ms() + READ_WAIT_MS;
		else if (now_ms() > end)
			return s;	/* its writer is dead or starved */
		sched_yield();
	}
}

static bool
read_retry(struct index *ix, uint64_t s)
{
	atomic_thread_fence(memory_order_acquire);
	return (s & 1) == 0 &&
	    atomic_load_explicit(index_seq_of(ix), memory_order_relaxed) != s;
}

uint32_t
index_room(const struct index *ix)
{
	return (uint32_t)((ix->file_len - INDEX_HEADER_SIZE) / INDEX_RECORD_SIZE);
}

static enum err
has_room_for(const struct index *ix, uint32_t records)
{
	if (records <= index_room(ix))
		return OK;
	log_err("%s/cyrus.index: header counts %u records, file holds %u; run reconstruct",
	    ix->name, records, index_room(ix));
	return ERR_CORRUPT;
}

enum err
index_check_room(const struct index *ix)
{
	return has_room_for(ix, ix->h->records);
}

enum err
index_snapshot(struct index *ix, struct index_header *h)
{
	uint64_t s;

	do {
		s = read_begin(ix);
		memcpy(h, ix->h, sizeof(*h));
	} while (read_retry(ix, s));
	/* Whoever gets the lock mends it, as he would after a dead writer. */
	if (!ix->locked && !index_sums_valid(h))
		return ERR_BUSY;
	if (h->records > index_room(ix)) {
		enum err e = index_map(ix);

		if (e != OK)
			return e;
		e = has_room_for(ix, h->records);
		if (e != OK)
			return e;
	}
	return (s & 1) ? ERR_BUSY : OK;
}

bool
index_unchanged(const struct index *ix, const struct index_header *h)
{
	return atomic_load_explicit(index_seq_of(ix), memory_order_acquire) == h->seq &&
	    index_state(ix) == h->state;
}

enum err
index_get(struct index *ix, uint32_t recno, struct index_record *r)
{
	uint64_t s;

	if (recno >= index_room(ix))
		return ERR_NOTFOUND;
	do {
		s = read_begin(ix);
		memcpy(r, index_peek(ix, recno), sizeof(*r));
	} while (read_retry(ix, s));
	if ((s & 1) && !ix->locked)
		return ERR_BUSY;
	if (r->crc != index_record_crc(r)) {
		log_err("%s/cyrus.index: record %u fails its checksum; run reconstruct",
		    ix->name, recno);
		return ERR_CORRUPT;
	}
	return OK;
}

uint32_t
index_find(struct index *ix, uint32_t count, uint32_t uid)
{
	uint32_t lo = 0, hi = count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (index_peek(ix, mid)->uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* --- the lock --- */

/* A file that was taken away under us: what is written there is lost. */
static void
notice_removal(struct index *ix)
{
	struct stat st;

	if (fstat(ix->fd, &st) == 0 && st.st_nlink == 0 && ix->h->state == 0) {
		log_notice("mailbox %s: cyrus.index was replaced by somebody who did not "
		    "come to tell, or removed by hand", ix->name);
		ix->h->state = INDEX_REPLACED;
	}
}

static enum err
lock_within(struct index *ix, int ms)
{
	enum err e = lock_exclusive(ix->dirfd, LOCK_MAILBOX, ms);

	if (e != OK)
		return e;
	ix->locked = true;
	notice_removal(ix);
	if (ix->h->state != 0) {
		index_unlock(ix);
		return ERR_STALE;
	}
	e = index_map(ix);
	if (e != OK)
		index_unlock(ix);
	return e;
}

enum err
index_lock(struct index *ix)
{
	enum err e = lock_within(ix, LOCK_WAIT_MS);

	if (e == ERR_BUSY)
		log_warning("mailbox %s: locked for more than %d s", ix->name,
		    LOCK_WAIT_MS / 1000);
	return e;
}

enum err
index_lock_if_free(struct index *ix)
{
	return lock_within(ix, 0);
}

enum err
index_try_lock(struct index *ix)
{
	enum err e = lock_within(ix, 0);

	if (e != OK)
		return e;
	e = index_needs_repair(ix) ? ERR_BUSY : index_check_room(ix);
	if (e != OK)
		index_unlock(ix);
	return e;
}

void
index_unlock(struct index *ix)
{
	ix->locked = false;
	lock_release(ix->dirfd, LOCK_MAILBOX);
}

bool
index_needs_repair(const struct index *ix)
{
	return ix->h->dirty_lsn != 0 || ix->h->writing_uid != 0 || (ix->h->seq & 1) != 0 ||
	    !index_sums_valid(ix->h);
}
