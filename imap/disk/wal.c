/*
 * wal.c - a partition's commit log
 *
 * Files in the log's directory:
 *   SSSSSSSSSSSSSSSS.log  segment: bytes [S, S + WAL_SEGMENT) of the stream, S
 *                         in hex, a multiple of WAL_SEGMENT.  Always of full
 *                         length: written with zeros (or an old segment's
 *                         bytes) and flushed before its first use, so that an
 *                         append changes no metadata and needs no room.
 *   checkpoint            where replay starts (wal_checkpoint.c), replaced durably
 *   state                 shared memory of the open log; means nothing after
 *                         a stop
 *   gate, attach, append, flush   empty, for flock(2)
 *
 * Frame, numbers big-endian:
 *    0  u32 magic "CHWF"        8  u64 lsn: the frame's own place
 *    4  u32 length of payload  16  u32 chain: the crc of the frame before
 *   20  u32 crc: CRC-32C of bytes 0..19 and the payload
 *   24  payload
 * Void frame: magic "CHWV", its crc is of bytes 0..19 only, no payload is meant.
 *
 * Invariants
 *  1. A frame is valid only if magic, lsn, chain and crc are right.  Bytes
 *     that a killed process left behind the tail, or an old segment's, fail:
 *     the former in `chain` (their predecessor is another), the latter in lsn.
 *  2. state.tail is the tail and the chain there.  It is set, which is one
 *     store (wal_place.c), after the frame's bytes are written.
 *  3. state.flushed <= tail, and all before it is on the disk.
 *  4. While state.failed is set nobody appends, and [flushed, tail) is in
 *     doubt: perhaps on the disk, perhaps not.
 *  5. voided[g % WAL_VOIDED] is where the doubt began that ended with generation
 *     g; it is written before `generation`, and that before `flushed`.
 *
 * A flush that fails.  The kernel may say so once only, take the pages for
 * clean, and keep or drop what was in them: flushing once more proves nothing,
 * and a frame behind a hole would be lost with the hole.  So what is in doubt
 * is overwritten, which makes its pages dirty again: with one void frame and
 * zeros up to the tail.  When that is flushed, none of the frames there has
 * been, whatever happens; their writers, who told nobody, undo them; places in
 * the log stay what they are.  If that fails too the log takes no more frames,
 * and the next to append tries again.  After a power cut in between, a replay
 * finds some of the doubtful frames or none: their writers had said so.
 *
 * A kill before the tail is set: the bytes lie behind the tail and are
 * overwritten.  After: the frame counts, flushed or not; its writer had said
 * OK to nobody, and whoever next locks the mailbox applies it.  A power cut
 * loses what was not flushed, from some byte on; the scan ends there.
 */
#include "imap/disk/wal_in.h"

#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdatomic.h>

static uint64_t
flushed(const struct wal *w)
{
	return wal_place_get(&w->state->flushed).lsn;
}

/* Flushes; a failure leaves the doubt to settle_doubt(). */
enum err
wal_flush_range(struct wal *w, uint64_t from, uint64_t to)
{
	enum err e = OK;
	int fd;

	for (uint64_t at = from - from % WAL_SEGMENT; e == OK && from < to && at < to;
	    at += WAL_SEGMENT) {
		e = wal_segment_get(w, at, false, &fd);
		if (e == OK)
			e = file_fdatasync(fd, w->path);
	}
	return e;
}

/*
 * With both locks, after a flush has failed: makes void what is in doubt.
 * More than a frame can hold is in doubt only if thousands wait for one flush.
 */
static enum err
make_void(struct wal *w)
{
	struct wal_mark from = wal_place_get(&w->state->flushed);
	uint64_t to = wal_place_get(&w->state->tail).lsn;
	uint32_t next = atomic_load(&w->state->generation) + 1;
	struct wal_frame f;
	enum err e = OK;

	if (to - from.lsn > UINT32_MAX)
		return ERR_IO;
	if (from.lsn < to) {
		e = wal_frame_write_void(w, from, to, &f);
		if (e == OK)
			e = wal_flush_range(w, from.lsn, to);
	}
	if (e != OK) {
		log_err("%s: cannot be flushed; takes no commits until it can; see to "
		    "the disk", w->path);
		return e;
	}
	if (from.lsn < to) {
		struct wal_mark end = { .lsn = to, .chain = f.crc };

		atomic_store(&w->state->voided[next % WAL_VOIDED], from.lsn);
		atomic_store(&w->state->generation, next);
		wal_place_set(&w->state->tail, end);
		wal_place_set(&w->state->flushed, end);
	}
	atomic_store(&w->state->failed, 0);
	log_notice("%s: can be flushed again; commits that were not have been undone",
	    w->path);
	return OK;
}

/* With LOCK_WAL_APPEND. */
static enum err
settle_doubt(struct wal *w)
{
	enum err e = lock_exclusive(w->flush_fd, LOCK_WAL_FLUSH, WAL_WAIT_MS);

	if (e != OK)
		return e;
	if (atomic_load(&w->state->failed))
		e = make_void(w);
	lock_release(w->flush_fd, LOCK_WAL_FLUSH);
	return e;
}

enum err
wal_append(struct wal *w, const struct iovec *iov, int iovcnt,
    uint64_t *start, uint64_t *end)
{
	struct wal_frame f = { 0 };
	struct wal_mark now;
	size_t n = 0;
	enum err e;

	for (int i = 0; i < iovcnt; i++)
		n += iov[i].iov_len;
	if (n > WAL_FRAME_MAX)
		return ERR_LIMIT;
	e = lock_exclusive(w->append_fd, LOCK_WAL_APPEND, WAL_WAIT_MS);
	if (e != OK)
		return e;
	if (atomic_load(&w->state->failed))
		e = settle_doubt(w);
	if (e == OK) {
		now = wal_mark(w);
		f.len = (uint32_t)n;
		f.lsn = now.lsn;
		f.chain = now.chain;
		e = wal_frame_write(w, iov, iovcnt, now.lsn, &f);
	}
	if (e == OK) {
		*start = now.lsn;
		*end = now.lsn + WAL_FRAME_HEADER + n;
		w->generation = atomic_load(&w->state->generation);
		wal_place_set(&w->state->tail, (struct wal_mark){ *end, f.crc });
	}
	lock_release(w->append_fd, LOCK_WAL_APPEND);
	return e;
}

/* Under the flush's lock: all that has been appended by now. */
static enum err
flush_all(struct wal *w)
{
	/* Also for those who appended while we waited. */
	struct wal_mark target = wal_mark(w);
	enum err e = atomic_load(&w->state->failed) ? ERR_IO :
	    wal_flush_range(w, flushed(w), target.lsn);

	if (e == OK)
		wal_place_set(&w->state->flushed, target);
	else
		atomic_store(&w->state->failed, 1);
	return e;
}

enum err
wal_flush(struct wal *w, uint64_t end)
{
	enum err e;

	if (flushed(w) >= end)
		return OK;
	e = lock_exclusive(w->flush_fd, LOCK_WAL_FLUSH, WAL_WAIT_MS);
	if (e != OK)
		return e;
	if (flushed(w) < end)
		e = flush_all(w);
	lock_release(w->flush_fd, LOCK_WAL_FLUSH);
	if (e == OK)
		return OK;
	/* Not with the flush's lock, which comes after this one. */
	e = lock_exclusive(w->append_fd, LOCK_WAL_APPEND, WAL_WAIT_MS);
	if (e != OK)
		return e;
	e = settle_doubt(w);
	lock_release(w->append_fd, LOCK_WAL_APPEND);
	return e;
}

/* Is the frame that we appended last, which ends at END, void by now? */
static bool
became_void(const struct wal *w, uint64_t end)
{
	uint32_t now = atomic_load(&w->state->generation), first = w->generation + 1;

	/* The first time counts: later doubts began behind it. */
	return now != w->generation && (now - w->generation >= WAL_VOIDED ||
	    atomic_load(&w->state->voided[first % WAL_VOIDED]) < end);
}

enum err
wal_commit(struct wal *w, uint64_t end, bool *undone)
{
	enum err e = wal_flush(w, end);

	*undone = e == OK && became_void(w, end);
	if (*undone)
		return ERR_IO;
	return e == OK ? OK : ERR_UNKNOWN;
}

enum err
wal_scan(struct wal *w, uint64_t from, wal_each_fn each, void *ctx)
{
	struct buf payload = BUF_INIT;
	/* What is in doubt may be changing just now, and is nobody's yet. */
	uint64_t end = flushed(w);
	struct wal_frame f;
	enum err e = OK;

	while (from < end) {
		e = wal_frame_read(w, from, NULL, &f, &payload);
		if (e != OK) {
			log_err("%s: no valid frame at %" PRIu64 " before %"
			    PRIu64, w->path, from, end);
			e = e == ERR_IO ? ERR_IO : ERR_CORRUPT;
			break;
		}
		if (!f.is_void && !each(ctx, from, buf_str(&payload)))
			break;
		from += WAL_FRAME_HEADER + f.len;
	}
	buf_free(&payload);
	return e;
}

uint64_t
wal_tail(struct wal *w)
{
	return wal_mark(w).lsn;
}

void
wal_distrust(struct wal *w)
{
	atomic_store(&w->state->distrusted, 1);
}

bool
wal_is_distrusted(struct wal *w)
{
	return atomic_load(&w->state->distrusted) != 0;
}

uint64_t
wal_checkpoint_lsn(struct wal *w)
{
	return atomic_load(&w->state->checkpoint);
}

struct wal_mark
wal_mark(struct wal *w)
{
	return wal_place_get(&w->state->tail);
}

/* --- room for later --- */

enum err
wal_reserve(struct wal *w)
{
	enum err e;

	if (WAL_SEGMENT - wal_tail(w) % WAL_SEGMENT >= WAL_SEGMENT / 2 || wal_has_spare(w))
		return OK;
	e = lock_exclusive(w->append_fd, LOCK_WAL_APPEND, WAL_WAIT_MS);
	if (e != OK)
		return e;
	if (!wal_has_spare(w))
		e = wal_spare_make(w);
	lock_release(w->append_fd, LOCK_WAL_APPEND);
	return e;
}

bool
wal_is_short(struct wal *w)
{
	return wal_tail(w) - wal_checkpoint_lsn(w) >= WAL_SEGMENT && !wal_has_spare(w);
}
