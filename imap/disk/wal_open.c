/*
 * wal_open.c - opening the commit log
 *
 * Who finds nobody attached is cold: he believes nothing but the segments and
 * the checkpoint, finds the last whole frame of the chain, and makes the
 * shared memory anew.  All others wait at the gate until wal_ready().
 */
#include "imap/disk/wal_in.h"

#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STATE_VERSION = 2 };

static enum err
open_lock(struct wal *w, const char *name, int *fd)
{
	return file_open(w->dirfd, name, O_RDWR | O_CREAT, 0600, fd);
}

static enum err
map_state(struct wal *w)
{
	enum err e = file_open(w->dirfd, "state", O_RDWR | O_CREAT, 0600, &w->state_fd);
	uint64_t size;

	if (e == OK)
		e = file_size(w->state_fd, w->path, &size);
	if (e == OK && size < sizeof(struct wal_state))
		e = file_allocate(w->state_fd, w->path, 0, sizeof(struct wal_state));
	if (e != OK)
		return e;
	w->state = mmap(NULL, sizeof(struct wal_state), PROT_READ | PROT_WRITE,
	    MAP_SHARED, w->state_fd, 0);
	if (w->state == MAP_FAILED) {
		w->state = NULL;
		log_io(w->path, "mmap");
		return ERR_IO;
	}
	return OK;
}

/* What the last flush did not bring to the disk is not to be believed. */
static void
segment_forget(struct wal *w, const char *name, uint64_t start, void *ctx)
{
	int fd;

	(void)start;
	(void)ctx;
	if (file_open(w->dirfd, name, O_RDONLY, 0, &fd) != OK)
		return;
	file_forget(fd);
	close(fd);
}

/* Finds the last valid frame from the checkpoint on. */
static enum err
find_tail(struct wal *w, struct wal_mark *m)
{
	struct buf payload = BUF_INIT;
	struct wal_frame f;
	enum err e;

	while ((e = wal_frame_read(w, m->lsn, &m->chain, &f, &payload)) == OK) {
		m->lsn += WAL_FRAME_HEADER + f.len;
		m->chain = f.crc;
	}
	buf_free(&payload);
	return e == ERR_NOTFOUND ? OK : e;
}

/*
 * Is a whole frame in the piece BYTES of the stream, whose first byte is AT?
 * One that only looks like it, within a message or from an older use of the
 * segment, has another LSN or a wrong sum.
 */
static bool
holds_frame(struct wal *w, struct str bytes, uint64_t at, struct buf *payload)
{
	static const char magic[4] = { 'C', 'H', 'W', 'F' };
	const char *p = bytes.p, *end = bytes.p + bytes.n;
	struct wal_frame f;

	while (end - p >= WAL_FRAME_HEADER &&
	    (p = memmem(p, (size_t)(end - p), magic, sizeof(magic))) != NULL) {
		uint64_t lsn = at + (uint64_t)(p - bytes.p);

		if (end - p >= WAL_FRAME_HEADER && wal_frame_decode(p, &f) && f.lsn == lsn &&
		    wal_frame_read(w, lsn, NULL, &f, payload) == OK)
			return true;
		p++;
	}
	return false;
}

struct beyond {
	uint64_t tail;
	uint64_t end;			/* of the last segment there is */
	bool found;
};

static void
look_beyond(struct wal *w, const char *name, uint64_t start, void *ctx)
{
	struct beyond *b = ctx;
	struct buf payload = BUF_INIT;
	struct str map, bytes;

	if (start + WAL_SEGMENT > b->end)
		b->end = start + WAL_SEGMENT;
	if (b->found || start + WAL_SEGMENT <= b->tail || file_map(w->dirfd, name, &map) != OK)
		return;
	bytes = map;
	if (start <= b->tail) {
		uint64_t skip = b->tail + 1 - start;

		skip = skip < bytes.n ? skip : bytes.n;
		bytes = (struct str){ map.p + skip, map.n - skip };
	}
	b->found = holds_frame(w, bytes, start + (map.n - bytes.n), &payload);
	buf_free(&payload);
	file_unmap(map);
}

/*
 * Does the log go on behind a frame that is not whole, or lie somewhere else
 * than the checkpoint says?  After a power cut that may be what nobody was
 * told of; else a sector has rotted, and indexes know LSNs that are to come.
 * No LSN may be given twice: so in both cases it goes on behind all of them.
 */
static enum err
find_damage(struct wal *w, uint64_t tail)
{
	struct beyond b = { .tail = tail };
	enum err e = wal_each_segment(w, look_beyond, &b);

	if (e != OK || !b.found)
		return e;
	w->resume = b.end > tail ? b.end : tail + WAL_SEGMENT - tail % WAL_SEGMENT;
	log_warning("%s: no whole frame at %" PRIu64 ", but some behind it: their commits "
	    "were not flushed when the power went, or the log is damaged; if it did not "
	    "go, run reconstruct -G on this partition's mailboxes", w->path, tail);
	return OK;
}

enum err
wal_resume(struct wal *w)
{
	struct wal_mark m = { .lsn = w->resume, .chain = 0 };
	enum err e;

	if (w->resume == 0)
		return OK;
	/* What else the frames said is in the files, as far as it is anywhere. */
	e = file_syncfs(w->dirfd, w->path);
	if (e == OK)
		e = wal_checkpoint_write(w, m);
	if (e != OK)
		return e;
	wal_place_set(&w->state->tail, m);
	atomic_store(&w->state->checkpoint, m.lsn);
	wal_place_set(&w->state->flushed, m);
	for (int i = 0; i < WAL_OPEN_SEGMENTS; i++)
		wal_segment_close(&w->seg[i]);
	(void)wal_each_segment(w, wal_segment_retire, &m);
	w->resume = 0;
	return OK;
}

/* Segments that lie wholly after the tail hold nothing: make them spares. */
static void
segment_drop_after(struct wal *w, const char *name, uint64_t start, void *ctx)
{
	const struct wal_mark *m = ctx;

	if (start > m->lsn && file_unlink(w->dirfd, name) != OK)
		log_warning("%s/%s: could not be removed", w->path, name);
}

static void
segment_last(struct wal *w, const char *name, uint64_t start, void *ctx)
{
	uint64_t *last = ctx;

	(void)w;
	(void)name;
	if (start + WAL_SEGMENT > *last)
		*last = start + WAL_SEGMENT;
}

/*
 * Without a readable checkpoint a new log starts behind all that there may
 * have been; the store then trusts its files (store.c says so in the log).
 */
static enum err
start_anew(struct wal *w, struct wal_mark *m)
{
	enum err e;

	*m = (struct wal_mark){ .lsn = WAL_SEGMENT, .chain = 0 };
	e = wal_each_segment(w, segment_last, &m->lsn);
	return e == OK ? wal_checkpoint_write(w, *m) : e;
}

/* The segment that the next frame goes into has all its room, as it had once. */
static void
refill(struct wal *w, uint64_t lsn)
{
	uint64_t size;
	char name[32];
	enum err e;
	int fd;

	wal_segment_name(lsn - lsn % WAL_SEGMENT, name);
	if (lsn % WAL_SEGMENT == 0 || wal_segment_is_whole(w, name))
		return;
	log_warning("%s/%s: missing or cut off: commits that no checkpoint had covered may "
	    "be lost; run reconstruct -G on this partition's mailboxes", w->path, name);
	e = wal_segment_get(w, lsn, true, &fd);
	if (e == OK)
		e = file_size(fd, name, &size);
	if (e == OK && size < WAL_SEGMENT)
		e = file_allocate(fd, name, size, WAL_SEGMENT - size);
	if (e != OK)
		log_warning("%s/%s: has no room of its own now", w->path, name);
}

static enum err
open_cold(struct wal *w)
{
	struct wal_mark m, tail;
	enum err e = wal_checkpoint_read(w, &m);

	if (e == ERR_NOTFOUND || e == ERR_CORRUPT) {
		if (e == ERR_CORRUPT)
			log_crit("%s/checkpoint: damaged: changes since the last "
			    "checkpoint may be lost; run reconstruct", w->path);
		e = start_anew(w, &m);
	}
	if (e != OK)
		return e;
	tail = m;
	e = wal_each_segment(w, segment_forget, NULL);
	if (e == OK)
		e = find_tail(w, &tail);
	if (e == OK)
		e = find_damage(w, tail.lsn);
	if (e != OK)
		return e;
	if (w->resume == 0) {
		(void)wal_each_segment(w, segment_drop_after, &tail);
		refill(w, tail.lsn);
	}
	memset(w->state, 0, sizeof(*w->state));
	atomic_store(&w->state->version, STATE_VERSION);
	wal_place_set(&w->state->tail, tail);
	atomic_store(&w->state->checkpoint, m.lsn);
	/* What was read may be in the page cache only: flush all of it again. */
	e = wal_flush_range(w, m.lsn, tail.lsn);
	if (e != OK)
		return e;
	wal_place_set(&w->state->flushed, tail);
	return OK;
}

static void
leave_gate(struct wal *w)
{
	if (w->has_gate)
		lock_release(w->gate_fd, LOCK_OPEN);
	w->has_gate = false;
}

/* An old program may still run while a new one is being installed. */
static enum err
check_version(const struct wal *w)
{
	uint32_t version = atomic_load(&w->state->version);

	if (version == STATE_VERSION)
		return OK;
	log_err("%s/state: is of version %u, in use by another release (ours: %d); "
	    "stop its programs, then start again", w->path, version, STATE_VERSION);
	return ERR_IO;
}

static enum err
attach(struct wal *w)
{
	while (flock(w->attach_fd, LOCK_SH) != 0) {
		if (errno == EINTR)
			continue;
		log_io(w->path, "flock attach");
		return ERR_IO;
	}
	return OK;
}

/*
 * Are we the first?  Only another one's lock says no: whoever takes a failure
 * for that believes files that nobody has replayed the log for.
 */
static enum err
is_first(struct wal *w, bool *first)
{
	int ret;

	do
		ret = flock(w->attach_fd, LOCK_EX | LOCK_NB);
	while (ret != 0 && errno == EINTR);
	*first = ret == 0;
	if (ret == 0 || errno == EWOULDBLOCK)
		return OK;
	log_io(w->path, "flock attach");
	return ERR_IO;
}

enum err
wal_open(int dirfd, const char *path, struct wal **wal, bool *cold)
{
	struct wal *w = mem_zero(1, sizeof(*w));
	enum err e;

	*w = (struct wal){ .dirfd = dirfd, .path = mem_copy(path), .state_fd = -1,
	    .gate_fd = -1, .attach_fd = -1, .append_fd = -1, .flush_fd = -1 };
	for (int i = 0; i < WAL_OPEN_SEGMENTS; i++)
		w->seg[i].fd = -1;
	e = open_lock(w, "gate", &w->gate_fd);
	if (e == OK)
		e = open_lock(w, "attach", &w->attach_fd);
	if (e == OK)
		e = open_lock(w, "append", &w->append_fd);
	if (e == OK)
		e = open_lock(w, "flush", &w->flush_fd);
	if (e == OK)
		e = map_state(w);
	/*
	 * The gate is held by whoever opens, for as long as recovery takes:
	 * so there is one at most who can find himself the first.
	 */
	if (e == OK)
		e = lock_exclusive(w->gate_fd, LOCK_OPEN, WAL_WAIT_MS);
	if (e == OK) {
		w->has_gate = true;
		e = is_first(w, cold);
		if (e == OK && *cold) {
			e = open_cold(w);
		} else if (e == OK) {
			e = attach(w);
			if (e == OK) {
				leave_gate(w);
				e = check_version(w);
			}
		}
	}
	if (e != OK) {
		wal_close(w);
		return e;
	}
	*wal = w;
	return OK;
}

void
wal_ready(struct wal *w)
{
	/* Not atomic, but nobody asks for it while we hold the gate. */
	if (attach(w) != OK)
		log_fatal(75, "%s: cannot be shared with others", w->path);
	leave_gate(w);
}

void
wal_close(struct wal *w)
{
	if (w == NULL)
		return;
	for (int i = 0; i < WAL_OPEN_SEGMENTS; i++)
		wal_segment_close(&w->seg[i]);
	/* Before the gate: who comes in must not take us for one who has replayed. */
	if (w->attach_fd >= 0)
		close(w->attach_fd);
	leave_gate(w);
	if (w->state != NULL)
		munmap(w->state, sizeof(*w->state));
	if (w->state_fd >= 0)
		close(w->state_fd);
	if (w->append_fd >= 0)
		close(w->append_fd);
	if (w->flush_fd >= 0)
		close(w->flush_fd);
	if (w->gate_fd >= 0)
		close(w->gate_fd);
	free(w->path);
	free(w);
}
