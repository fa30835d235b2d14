/*
 * wal.c - a partition's commit log
 *
 * Files in the log's directory:
 *   SSSSSSSSSSSSSSSS.log  segment: bytes [S, S + WAL_SEGMENT) of the stream, S
 *                         in hex, a multiple of WAL_SEGMENT.  Always of full
 *                         length: written with zeros (or an old segment's
 *                         bytes) and flushed before its first use, so that an
 *                         append changes no metadata and needs no room.
 *   checkpoint            where replay starts (struct below), replaced durably
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

#include "lib/buf.h"
#include "lib/crc.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <dirent.h>

enum {
	FRAME_MAGIC = 0x43485746,	/* "CHWF" */
	VOID_MAGIC = 0x43485756,	/* "CHWV" */
	FRAME_HEADER = WAL_FRAME_HEADER,
	CHECKPOINT_MAGIC = 0x43484350,	/* "CHCP" */
	CHECKPOINT_SIZE = 20,
};

/* --- segments --- */

void
wal_segment_name(uint64_t start, char name[32])
{
	snprintf(name, 32, "%016" PRIx64 ".log", start);
}

bool
wal_segment_is_whole(const struct wal *w, const char *name)
{
	struct stat st;

	return fstatat(w->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_size == WAL_SEGMENT;
}

static enum err
segment_fill(struct wal *w, int fd, const char *name)
{
	static const char zeros[65536];
	enum err e = OK;

	for (uint64_t off = 0; e == OK && off < WAL_SEGMENT; off += sizeof(zeros))
		e = file_write_at(fd, name, zeros, sizeof(zeros), off);
	if (e == OK)
		e = file_fsync(fd, name);
	(void)w;
	return e;
}

/* Filled under a name that nobody takes for a segment. */
static enum err
segment_make(struct wal *w, const char *name)
{
	enum err e;
	int fd;

	e = file_open(w->dirfd, "new", O_RDWR | O_CREAT | O_TRUNC, 0600, &fd);
	if (e != OK)
		return e;
	e = segment_fill(w, fd, "new");
	close(fd);
	if (e == OK)
		e = file_rename(w->dirfd, "new", w->dirfd, name);
	if (e != OK && file_unlink(w->dirfd, "new") != OK)
		log_warning("%s/new: could not be removed", w->path);
	return e;
}

/*
 * A new segment: a spare one renamed if there is one, else zeros.  Its name is
 * not yet durable: stream_put_bytes() sees to that.
 */
static enum err
segment_create(struct wal *w, const char *name)
{
	char spare[32];
	enum err e;

	for (int i = 0; i < WAL_SPARE; i++) {
		snprintf(spare, sizeof(spare), "spare%d", i);
		if (!wal_segment_is_whole(w, spare))
			continue;
		e = file_rename(w->dirfd, spare, w->dirfd, name);
		if (e != ERR_NOTFOUND)
			return e;
	}
	return segment_make(w, name);
}

void
wal_segment_close(struct wal_segment *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* The descriptor of the segment that holds LSN; with CREATE it is made. */
enum err
wal_segment_get(struct wal *w, uint64_t lsn, bool create, int *fd)
{
	uint64_t start = lsn - lsn % WAL_SEGMENT;
	struct wal_segment *s;
	char name[32];
	enum err e;

	for (int i = 0; i < WAL_OPEN_SEGMENTS; i++) {
		if (w->seg[i].fd >= 0 && w->seg[i].start == start) {
			*fd = w->seg[i].fd;
			return OK;
		}
	}
	wal_segment_name(start, name);
	s = &w->seg[w->next_seg++ % WAL_OPEN_SEGMENTS];
	wal_segment_close(s);
	e = file_open(w->dirfd, name, O_RDWR, 0600, &s->fd);
	if (e == ERR_NOTFOUND && create) {
		e = segment_create(w, name);
		if (e == OK)
			e = file_open(w->dirfd, name, O_RDWR, 0600, &s->fd);
	}
	if (e != OK) {
		s->fd = -1;
		return e;
	}
	s->start = start;
	*fd = s->fd;
	return OK;
}

/* Reads N bytes of the stream; ERR_NOTFOUND where it has no segment. */
static enum err
stream_bytes(struct wal *w, uint64_t lsn, void *p, size_t n)
{
	char *out = p;
	enum err e;
	int fd;

	while (n > 0) {
		uint64_t off = lsn % WAL_SEGMENT;
		size_t part = WAL_SEGMENT - off < n ? (size_t)(WAL_SEGMENT - off) : n;

		e = wal_segment_get(w, lsn, false, &fd);
		if (e == OK)
			e = file_read_at(fd, w->path, out, part, off);
		if (e != OK)
			return e;
		out += part;
		lsn += part;
		n -= part;
	}
	return OK;
}

/*
 * Before the first bytes of a segment: whoever gave it its name may have been
 * killed before that was on the disk.  If it cannot be brought there the
 * segment goes: flushing once more would not prove that it is.
 */
static enum err
flush_name(struct wal *w, uint64_t start)
{
	enum err e = file_fsync_dir(w->dirfd, ".");
	char name[32];

	if (e == OK)
		return OK;
	for (int i = 0; i < WAL_OPEN_SEGMENTS; i++)
		if (w->seg[i].start == start)
			wal_segment_close(&w->seg[i]);
	wal_segment_name(start, name);
	if (file_unlink(w->dirfd, name) == ERR_IO)
		log_warning("%s/%s: could not be removed", w->path, name);
	return e;
}

static enum err
stream_put_bytes(struct wal *w, uint64_t lsn, const void *p, size_t n)
{
	const char *in = p;
	enum err e;
	int fd;

	while (n > 0) {
		uint64_t off = lsn % WAL_SEGMENT;
		size_t part = WAL_SEGMENT - off < n ? (size_t)(WAL_SEGMENT - off) : n;

		e = wal_segment_get(w, lsn, true, &fd);
		if (e == OK && off == 0)
			e = flush_name(w, lsn);
		if (e == OK)
			e = file_write_at(fd, w->path, in, part, off);
		if (e != OK)
			return e;
		in += part;
		lsn += part;
		n -= part;
	}
	return OK;
}

/* --- frames --- */

static void
frame_encode(const struct wal_frame *f, struct buf *b)
{
	buf_add_u32(b, f->is_void ? VOID_MAGIC : FRAME_MAGIC);
	buf_add_u32(b, f->len);
	buf_add_u64(b, f->lsn);
	buf_add_u32(b, f->chain);
}

bool
wal_frame_decode(const char *p, struct wal_frame *f)
{
	struct str s = { p, FRAME_HEADER };
	uint32_t magic;

	if (!str_get_u32(&s, &magic) || (magic != FRAME_MAGIC && magic != VOID_MAGIC))
		return false;
	f->is_void = magic == VOID_MAGIC;
	return str_get_u32(&s, &f->len) && str_get_u64(&s, &f->lsn) &&
	    str_get_u32(&s, &f->chain) && str_get_u32(&s, &f->crc) &&
	    (f->is_void || f->len <= WAL_FRAME_MAX);
}

/*
 * The frame at LSN into PAYLOAD.  With CHAIN also its predecessor must be
 * right.  ERR_NOTFOUND: there is no valid frame.
 */
enum err
wal_frame_read(struct wal *w, uint64_t lsn, const uint32_t *chain, struct wal_frame *f,
    struct buf *payload)
{
	char head[FRAME_HEADER];
	enum err e = stream_bytes(w, lsn, head, sizeof(head));

	/* A segment that was cut off ends the log as a missing one does. */
	if (e != OK)
		return e == ERR_CORRUPT ? ERR_NOTFOUND : e;
	if (!wal_frame_decode(head, f) || f->lsn != lsn ||
	    (chain != NULL && f->chain != *chain))
		return ERR_NOTFOUND;
	buf_reset(payload);
	if (f->is_void)
		return crc32c(0, head, FRAME_HEADER - 4) == f->crc ? OK : ERR_NOTFOUND;
	e = stream_bytes(w, lsn + FRAME_HEADER, buf_reserve(payload, f->len), f->len);
	if (e != OK)
		return e == ERR_CORRUPT ? ERR_NOTFOUND : e;
	payload->n = f->len;
	payload->p[payload->n] = '\0';
	if (crc32c(crc32c(0, head, FRAME_HEADER - 4), payload->p, payload->n) != f->crc)
		return ERR_NOTFOUND;
	return OK;
}

static enum err
put_frame(struct wal *w, const struct iovec *iov, int iovcnt, uint64_t lsn,
    struct wal_frame *f)
{
	struct buf head = BUF_INIT;
	uint64_t at = lsn + FRAME_HEADER;
	enum err e = OK;

	frame_encode(f, &head);
	f->crc = crc32c(0, head.p, head.n);
	for (int i = 0; i < iovcnt; i++)
		f->crc = crc32c(f->crc, iov[i].iov_base, iov[i].iov_len);
	buf_add_u32(&head, f->crc);
	for (int i = 0; i < iovcnt && e == OK; i++) {
		e = stream_put_bytes(w, at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	/* The header last: until then there is nothing that looks like a frame. */
	if (e == OK)
		e = stream_put_bytes(w, lsn, head.p, head.n);
	buf_free(&head);
	return e;
}

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

/* The void frame [FROM, TO): its header last, as of every frame. */
static enum err
put_void(struct wal *w, struct wal_mark from, uint64_t to, struct wal_frame *f)
{
	static const char zeros[65536];
	struct buf head = BUF_INIT;
	enum err e = OK;

	*f = (struct wal_frame){ .lsn = from.lsn, .chain = from.chain, .is_void = true,
	    .len = (uint32_t)(to - from.lsn - FRAME_HEADER) };
	frame_encode(f, &head);
	f->crc = crc32c(0, head.p, head.n);
	buf_add_u32(&head, f->crc);
	for (uint64_t at = from.lsn + FRAME_HEADER; e == OK && at < to; at += sizeof(zeros)) {
		uint64_t n = to - at < sizeof(zeros) ? to - at : sizeof(zeros);

		e = stream_put_bytes(w, at, zeros, (size_t)n);
	}
	if (e == OK)
		e = stream_put_bytes(w, from.lsn, head.p, head.n);
	buf_free(&head);
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
		e = put_void(w, from, to, &f);
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
		e = put_frame(w, iov, iovcnt, now.lsn, &f);
	}
	if (e == OK) {
		*start = now.lsn;
		*end = now.lsn + FRAME_HEADER + n;
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
		from += FRAME_HEADER + f.len;
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

static bool
has_spare(const struct wal *w)
{
	char spare[32];

	for (int i = 0; i < WAL_SPARE; i++) {
		snprintf(spare, sizeof(spare), "spare%d", i);
		if (wal_segment_is_whole(w, spare))
			return true;
	}
	return false;
}

enum err
wal_reserve(struct wal *w)
{
	enum err e;

	if (WAL_SEGMENT - wal_tail(w) % WAL_SEGMENT >= WAL_SEGMENT / 2 || has_spare(w))
		return OK;
	e = lock_exclusive(w->append_fd, LOCK_WAL_APPEND, WAL_WAIT_MS);
	if (e != OK)
		return e;
	if (!has_spare(w))
		e = segment_make(w, "spare0");
	lock_release(w->append_fd, LOCK_WAL_APPEND);
	return e;
}

bool
wal_is_short(struct wal *w)
{
	return wal_tail(w) - wal_checkpoint_lsn(w) >= WAL_SEGMENT && !has_spare(w);
}

/* --- checkpoints --- */

enum err
wal_checkpoint_write(struct wal *w, struct wal_mark m)
{
	struct buf b = BUF_INIT;
	enum err e;
	int fd;

	buf_add_u32(&b, CHECKPOINT_MAGIC);
	buf_add_u64(&b, m.lsn);
	buf_add_u32(&b, m.chain);
	buf_add_u32(&b, crc32c(0, b.p, b.n));
	e = file_replace(w->dirfd, "checkpoint", b.p, b.n, 0600, true);
	/* 20 bytes in the sector it has; without them the log cannot give room back. */
	if (e == ERR_NOSPACE && file_open(w->dirfd, "checkpoint", O_WRONLY, 0, &fd) == OK) {
		e = file_write_at(fd, "checkpoint", b.p, b.n, 0);
		if (e == OK)
			e = file_fsync(fd, "checkpoint");
		close(fd);
	}
	buf_free(&b);
	return e;
}

enum err
wal_checkpoint_read(struct wal *w, struct wal_mark *m)
{
	struct buf b = BUF_INIT;
	struct str s;
	uint32_t magic, crc;
	enum err e = file_slurp(w->dirfd, "checkpoint", 4096, &b);

	if (e != OK) {
		buf_free(&b);
		return e;
	}
	s = buf_str(&b);
	if (b.n != CHECKPOINT_SIZE || !str_get_u32(&s, &magic) ||
	    magic != CHECKPOINT_MAGIC || !str_get_u64(&s, &m->lsn) ||
	    !str_get_u32(&s, &m->chain) || !str_get_u32(&s, &crc) ||
	    crc != crc32c(0, b.p, CHECKPOINT_SIZE - 4)) {
		log_err("%s/checkpoint: damaged", w->path);
		e = ERR_CORRUPT;
	}
	buf_free(&b);
	return e;
}

/* Is NAME a segment?  Its start in *start. */
static bool
is_segment(const char *name, uint64_t *start)
{
	char *end;

	if (strlen(name) != 20 || strcmp(name + 16, ".log") != 0)
		return false;
	*start = strtoull(name, &end, 16);
	return end == name + 16 && *start % WAL_SEGMENT == 0;
}

enum err
wal_each_segment(struct wal *w, wal_segment_fn fn, void *ctx)
{
	const struct dirent *de;
	uint64_t start;
	DIR *d;
	enum err e = file_dir_open(w->dirfd, w->path, &d);

	if (e != OK)
		return e;
	while ((e = file_dir_next(d, w->path, &de)) == OK && de != NULL)
		if (is_segment(de->d_name, &start))
			fn(w, de->d_name, start, ctx);
	closedir(d);
	return e;
}

/* An old segment becomes a spare one, or goes if there are enough. */
void
wal_segment_retire(struct wal *w, const char *name, uint64_t start, void *ctx)
{
	const struct wal_mark *m = ctx;
	char spare[32];

	if (start + WAL_SEGMENT > m->lsn)
		return;
	for (int i = 0; i < WAL_SPARE && wal_segment_is_whole(w, name); i++) {
		snprintf(spare, sizeof(spare), "spare%d", i);
		if (wal_segment_is_whole(w, spare))
			continue;
		if (file_rename(w->dirfd, name, w->dirfd, spare) == OK)
			return;
	}
	if (file_unlink(w->dirfd, name) != OK)
		log_warning("%s/%s: could not be removed", w->path, name);
}

enum err
wal_checkpoint_set(struct wal *w, struct wal_mark m)
{
	enum err e;

	/* A frame that is not flushed must not lie before the checkpoint. */
	e = wal_flush(w, m.lsn);
	if (e == OK)
		e = wal_checkpoint_write(w, m);
	if (e != OK)
		return e;
	/* Appenders take spares: keep them out while files change names. */
	e = lock_exclusive(w->append_fd, LOCK_WAL_APPEND, WAL_WAIT_MS);
	if (e != OK)
		return e;
	if (atomic_load(&w->state->checkpoint) < m.lsn)
		atomic_store(&w->state->checkpoint, m.lsn);
	for (int i = 0; i < WAL_OPEN_SEGMENTS; i++)
		wal_segment_close(&w->seg[i]);
	/* Of those that are not seen the next checkpoint takes care. */
	(void)wal_each_segment(w, wal_segment_retire, &m);
	lock_release(w->append_fd, LOCK_WAL_APPEND);
	return OK;
}
